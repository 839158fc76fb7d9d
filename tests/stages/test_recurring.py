"""Recurring lines and paragraphs taken out: beside a plain count of what stands in how many documents."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kernels.edits import Edit, apply, resolved
from pipeline.sources.documents import DocumentTexts
from pipeline.stages import recurring as stage
from tests.kernels.test_metrics import WORD

MENU, FOOTER = "Home | About us | Contact\n", "© 2023 All rights reserved by the miners"
TEXTS = {  # id: (group, text)
    **{f"a{k}": ("a.org", f"{MENU}Story {'abcdef'[k]} of gold, told by the river.\n{FOOTER}") for k in range(6)},
    "b0": ("b.org", f"{MENU}Another tale of silver.\n"),
    "b1": ("b.org", f"{MENU}{MENU}{MENU}"),
    "only": ("a.org", f"{MENU}© 1999 All rights reserved by the miners\n***\n"),
    "none": (None, MENU * 3),
    "p0": ("p.org", "Notice to all.\n \nOne grain.\n"),
    "p1": ("p.org", "Two grains.\n\nNotice to all.\n\n"),
    "zh": ("zh.cn", "淘金\n首页 关于\n"),
    "empty": ("a.org", ""),
}
MASKED = {"a3": Edit(MENU.index("About"), MENU.index("About") + 5, "||", "mask")}


def masked(key):
    return [MASKED[key]] if key in MASKED else []


class World:
    def __init__(self, spark, folder, n_files=2, order=1):
        keys = list(TEXTS)[::order]
        for part in range(n_files):
            mine = keys[part::n_files]
            target = folder / "documents" / "origin=web" / f"part-{part:05d}-x.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"id": mine, "text": [TEXTS[key][1] for key in mine]}), target)
        (folder / "edits").mkdir()
        for part in range(n_files):
            made = [
                {"id": key, "part": part, **edit._asdict(), "stage": "annotate"}
                for key, edit in MASKED.items() if key in keys[part::n_files]
            ]  # fmt: skip
            if made:
                pq.write_table(pa.Table.from_pylist(made), folder / "edits" / f"part-{part:05d}-x.parquet")
        words = {key: len(WORD.findall(apply(text, masked(key)))) for key, (_, text) in TEXTS.items()}
        rows = [(key, k % n_files, TEXTS[key][0], words[key]) for k, key in enumerate(keys)]
        self.kept = spark.createDataFrame(rows, "id string, part int, group string, word_count long")
        self.texts = DocumentTexts(str(folder / "documents"), str(folder / "edits"), ["annotate"])
        self.stored = DocumentTexts(str(folder / "documents"))

    def run(self, settings):
        grouped = self.kept.where("group IS NOT NULL")
        lines = stage.find_lines(grouped, self.texts, settings).cache()
        keys = stage.crowded(lines, settings)
        taken = stage.taken_out(lines, keys, settings)
        edits: dict[str, list[Edit]] = {}
        for row in stage.edit_rows(grouped, taken, settings).collect():
            assert row["stage"] == "deduplicate" and row["reason"] == f"recurring_{settings.unit}"
            edits.setdefault(row["id"], []).append(Edit(row["start"], row["end"], row["replacement"], row["reason"]))
        gone = {row["id"]: row["drop_reason"] for row in stage.emptied(grouped, taken).collect()}
        most = stage.most(keys, lines, grouped, self.stored, 2)
        lines.unpersist()
        return {key: resolved([*some, *masked(key)]) for key, some in edits.items()}, gone, most


@pytest.fixture(scope="module")
def world(spark, tmp_path_factory):
    return World(spark, tmp_path_factory.mktemp("recurring"))


def left(edits):
    return {key: apply(TEXTS[key][1], some) for key, some in edits.items()}


def test_lines_in_too_many_documents_of_a_host_go(world):
    edits, gone, most = world.run(stage.Settings("line", 5, False, 1))
    assert left(edits) == {
        **{f"a{k}": f"Story {'abcdef'[k]} of gold, told by the river.\n" for k in (0, 1, 2, 4, 5)},
        # Its menu is masked and so another line, on which nothing else stands; the footer recurs all the same.
        "a3": f"{MENU.replace('About', '||')}Story d of gold, told by the river.\n",
        "only": "***\n",
    }
    assert gone == {"only": "only_recurring_text"}
    assert [n for n, _ in most] == [7, 6]  # in documents: what stands thrice in one counts once
    assert [text for _, text in most][1] == MENU.strip() and most[0][1].endswith("All rights reserved by the miners")


def test_what_stands_in_just_so_many_stays(world):
    assert left(world.run(stage.Settings("line", 7, False, 1))[0]) == {}
    assert len(left(world.run(stage.Settings("line", 6, False, 1))[0])) == 7


def test_one_document_keeps_what_recurs(world):
    all_gone, lost, _ = world.run(stage.Settings("line", 1, False, 1))
    one_left, gone, _ = world.run(stage.Settings("line", 1, True, 1))

    def counted(edits):
        return Counter(TEXTS[key][1][edit.start : edit.end].strip() for key, some in edits.items() for edit in some)

    more = counted(all_gone) - counted(one_left)
    assert more[MENU.strip()] == 2  # once a host, also where its document holds it thrice
    assert sum(n for text, n in more.items() if text.endswith("by the miners")) == 1
    assert more["Notice to all."] == 1
    assert sum(more.values()) == 4
    assert set(lost) == {"b1", "only"} >= set(gone)


def test_short_lines_stay(world):
    edits, gone, _ = world.run(stage.Settings("line", 1, False, 5))
    assert MENU.strip() not in {TEXTS[key][1][e.start : e.end].strip() for key, some in edits.items() for e in some}
    assert len(edits) == 7 and gone == {}


def test_paragraphs(spark, tmp_path):
    edits, gone, most = World(spark, tmp_path).run(stage.Settings("paragraph", 1, False, 1))
    # With the blank lines behind it; b1 is three menus in one paragraph, the others are each of its own.
    assert left(edits) == {"p0": "One grain.\n", "p1": "Two grains.\n\n"}
    assert (gone, most) == ({}, [(2, "Notice to all.")])


def test_files_and_their_order_make_no_difference(spark, tmp_path, world):
    settings = stage.Settings("line", 1, True, 1)
    other = World(spark, tmp_path, n_files=5, order=-1)
    assert other.run(settings) == world.run(settings)
