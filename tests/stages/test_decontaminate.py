"""Appendix C on documents made for it, against a plain reading of the rule: what is found, ignored, cut and dropped."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kernels.edits import Edit, apply, pieces, resolved
from pipeline.kernels.ngrams import build_index
from pipeline.kernels.text import unit_hash, units
from pipeline.kernels.tokens import GPT2, count_tokens
from pipeline.sources.benchmark_index import store_arrays, store_tables
from pipeline.sources.documents import DocumentTexts
from pipeline.stages import decontaminate as stage

LEAK = "which of the {} rivers that cross the old kingdom carries gold in its sand today"  # 16 words
COMMON = "all rights reserved this page may not be copied or sold without a written letter of consent"
SEAM = "one two three four five six seven eight nine ten eleven twelve thirteen"
FILL = "The ferry leaves at noon and comes back when the tide allows, which nobody can promise. "
CHINESE = "请问流经古老王国的七条河流之中，哪一条河的沙子里至今还能淘出金子来？"
ZH_FILL = "渡船中午出发，潮水允许的时候才回来，谁也说不准是什么时候。"
SETTINGS = stage.Settings(window=200, min_fragment=200, max_fragments=10, mode="cut", split=False)
NUMBERS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen",
)  # fmt: skip
# An item of its own for each document below, so that none is common: every 13-gram has the number in it.
LEAKS = {number: LEAK.format(number) for number in NUMBERS}
MADE = {
    "clean": FILL * 10 + "\r\n\u0000 as it is \U0001f600",
    "middle": FILL * 5 + LEAKS["two"] + ". " + FILL * 5,
    "start": LEAKS["three"] + ". " + FILL * 8,
    "end": FILL * 8 + LEAKS["four"],
    "whole": LEAKS["five"],
    "short": FILL + LEAKS["six"],  # nothing of 200 characters is left
    "apostrophes": FILL * 5 + LEAKS["seven"].replace(" ", "-").upper().replace("-OF-", "'of'") + ". " + FILL * 5,
    "twelve words": FILL * 5 + " ".join(LEAKS["eight"].split()[:12]) + ". " + FILL * 5,
    "eleven": (FILL * 8 + LEAKS["nine"] + ". ") * 10 + FILL * 8,  # ten cuts, eleven pieces
    "ten": (FILL * 8 + LEAKS["eleven"] + ". ") * 9 + FILL * 8,
    "touching": FILL * 5 + LEAKS["twelve"] + "." * 400 + LEAKS["twelve"] + ". " + FILL * 5,
    "apart": FILL * 5 + LEAKS["thirteen"] + "." * 401 + LEAKS["thirteen"] + ". " + FILL * 5,
    "seam": FILL * 5 + SEAM[:33] + "." * 199 + " " + LEAKS["fourteen"] + " " + "." * 199 + SEAM[33:] + ". " + FILL * 5,
    "chinese": ZH_FILL * 20 + CHINESE.replace("，", "——").replace("？", "?") + ZH_FILL * 20,
    "book": FILL * 30_000 + LEAKS["fifteen"] + ". " + FILL * 30_000,  # 5 MB
    "common and leak": FILL * 5 + COMMON + ". " + FILL * 5 + LEAKS["sixteen"] + ". " + FILL * 5,
    **{f"common-{k}": FILL * 5 + COMMON + ". " + FILL * 5 for k in range(10)},
}
ITEMS = {
    **{number: f"Q: {text.upper()}?" for number, text in LEAKS.items()},
    "rights": COMMON, "count": SEAM, "河": CHINESE, "short": "too short to be found",
}  # fmt: skip
RANDOM_ITEMS = 60


def random_world(n: int) -> tuple[dict[str, str], dict[str, str]]:
    """Items of few words, and documents of them: stretches of items of all lengths among other words."""
    draw = np.random.default_rng(7)
    words = ["gold", "sand", "a", "river", "it's", "well-known", "Ｆｕｌｌ", "x_y", "3.5", "É", "and", "the", "of", "in"]

    def some(low: int, high: int) -> list[str]:
        return [words[i] for i in draw.integers(0, len(words), draw.integers(low, high))]

    items = {f"random-{k}": " ".join(some(10, 30)) for k in range(RANDOM_ITEMS)}
    texts = {}
    for k in range(n):
        parts = []
        for _ in range(draw.integers(1, 80)):
            item = items[f"random-{min(draw.geometric(0.1), RANDOM_ITEMS) - 1}"].split()
            kept = some(1, 120) if draw.random() < 0.7 else item[draw.integers(len(item)) :]
            parts.append(draw.choice([" ", "\n\n", ", ", " -- "]).join(kept))
        texts[f"random-{k}"] = draw.choice([" ", "\n", "; "]).join(parts)
    return texts, items


RANDOM, MORE_ITEMS = random_world(40)
ITEMS |= MORE_ITEMS
TEXTS = MADE | RANDOM


# ------------------------------------------------------------------ the rule, read plainly

UNIT = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


def spans(text: str) -> list[tuple[str, int, int]]:
    folded = text.replace("Ｆｕｌｌ", "full")
    return [(match[0].lower(), match.start(), match.end()) for match in UNIT.finditer(folded)]


def sequences(text: str, firsts: set[str] | None = None) -> list[tuple[tuple[str, ...], int, int]]:
    """Each 13 units in a row that begin with one of `firsts`, and where they stand."""
    mine = spans(text)
    return [
        (tuple(unit for unit, _, _ in mine[i : i + 13]), mine[i][1], mine[i + 12][2])
        for i in range(len(mine) - 12)
        if firsts is None or mine[i][0] in firsts
    ]


WANTED = {key: {gram for gram, _, _ in sequences(text)} for key, text in ITEMS.items()}
ALL_WANTED = set().union(*WANTED.values())
FIRSTS = {gram[0] for gram in ALL_WANTED}


def grams_in(text: str) -> set[tuple[str, ...]]:
    return {gram for gram, _, _ in sequences(text, FIRSTS)} & ALL_WANTED


def oracle(texts: dict[str, str], max_documents: int = 10, split: bool = False):
    """For each text the pieces left of it or the reason why none is, and the n-grams ignored."""
    seen = Counter(gram for text in texts.values() for gram in grams_in(text))
    ignored = {gram for gram, n in seen.items() if n > max_documents}
    wanted = ALL_WANTED - ignored
    left: dict[str, list[str] | str] = {}
    for key, text in texts.items():
        gone = bytearray(len(text))
        fresh = [(a, b) for gram, a, b in sequences(text, FIRSTS) if gram in wanted]
        while fresh:
            for a, b in fresh:
                low, high = max(0, a - 200), min(len(text), b + 200)
                gone[low:high] = b"x" * (high - low)
            kept = [match.span() for match in re.finditer(rb"\x00+", gone)]
            n_fragments, kept = len(kept), [(a, b) for a, b in kept if b - a >= 200]
            left[key] = [text[a:b] for a, b in kept]
            # what will be written, and where each of its characters stood
            written = [([(a, b)], text[a:b]) for a, b in kept] if split else [(kept, "\n\n".join(left[key]))]
            fresh = []
            for runs, joined in written:
                at = [place for a, b in runs for place in [*range(a, b), -1, -1]]
                fresh += [(at[a], at[b - 1] + 1) for gram, a, b in sequences(joined, FIRSTS) if gram in wanted]
            if n_fragments > 10:
                left[key], fresh = "too_many_fragments", []
            elif not kept:
                left[key] = "no_fragment_left"
    return left, ignored


# ------------------------------------------------------------------ the stage


class World:
    """Documents on disk, and the stage's tables about them."""

    def __init__(
        self, spark, folder: Path, texts: dict[str, str], ignored=(), settings=SETTINGS, chinese="characters", edits=""
    ):
        self.texts = texts
        for part in (0, 1):
            ids = [key for k, key in enumerate(texts) if k % 2 == part]
            target = folder / "origin=web" / f"part-{part:05d}-x.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"id": ids, "text": [texts[key] for key in ids]}), target)
        rows = [{"benchmark": "quiz", "split": "test", "id": key, "text": text} for key, text in ITEMS.items()]
        benchmarks = stage.index_items(pa.Table.from_pylist(rows), 13, chinese, list(ignored))
        store_tables(benchmarks.items, benchmarks.grams, folder / "benchmarks")
        stored = store_arrays(build_index(benchmarks.grams, benchmarks.head), folder / "index")
        self.items, self.grams = (spark.read.parquet(f"{folder}/benchmarks/{name}") for name in ("items", "ngrams"))
        self.kept = spark.createDataFrame([(key, k % 2) for k, key in enumerate(texts)], "id string, part int")
        self.passes = DocumentTexts(str(folder), edits, ["annotate"] if edits else [])
        self.hits = stage.find_hits(self.kept, self.passes, stored, GPT2, 1.0, 0).cache()
        self.places, self.common = stage.collisions(self.hits, max_documents=10)
        self.places, self.common = self.places.cache(), self.common.cache()
        self.cut = stage.cuts(self.places, self.common, self.passes, stored, settings, GPT2).cache()

    def left(self, settings=SETTINGS) -> dict[str, list[str] | str]:
        """What is left of each document with a collision: its pieces, or why it was dropped."""
        found: dict[str, list[str] | str] = {
            row["id"]: pieces(self.texts[row["id"]], [(span["start"], span["end"]) for span in row["removed"]])
            for row in self.cut.collect()
        }
        return found | {row["id"]: row["drop_reason"] for row in stage.dropped(self.cut, settings).collect()}

    def close(self):
        for frame in (self.hits, self.places, self.common, self.cut):
            frame.unpersist()


@pytest.fixture(scope="module")
def world(spark, tmp_path_factory):
    made = World(spark, tmp_path_factory.mktemp("documents"), TEXTS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def truth():
    """What is left by the oracle, and what it ignores."""
    return oracle(TEXTS)


def ignored_texts(world: World) -> list[dict]:
    table = stage.ignored_ngrams(world.hits, world.common, world.grams, world.items, world.passes)
    return [row.asDict() for row in table.collect()]


def test_what_is_left_equals_a_plain_reading_of_the_rule(world, truth):
    expected, ignored = truth
    assert len(ignored) > 17 - 13 + 1  # those of COMMON, and of some random items
    assert world.left() == expected
    reasons = {key: left for key, left in expected.items() if isinstance(left, str)}
    assert {key: reasons[key] for key in MADE if key in reasons} == {
        "whole": "no_fragment_left", "short": "no_fragment_left", "eleven": "too_many_fragments",
    }  # fmt: skip
    assert {key: len(expected[key]) for key in MADE if key in expected.keys() - reasons.keys()} == {
        "middle": 2, "start": 1, "end": 1, "apostrophes": 2, "ten": 10, "touching": 2, "apart": 2, "seam": 2,
        "chinese": 2, "book": 2, "common and leak": 2,
    }  # fmt: skip
    random = [expected.get(key) for key in RANDOM]
    assert "too_many_fragments" in random
    assert sum(isinstance(left, list) for left in random) > 10


def test_no_ngram_is_left_nor_comes_about_where_pieces_meet(world, truth):
    left = {key: "\n\n".join(parts) for key, parts in world.left().items() if not isinstance(parts, str)}
    for text in left.values():
        assert not grams_in(text) - truth[1]
    assert "one two three four five" in TEXTS["seam"]
    assert "one two three four five" not in left["seam"]


def test_a_second_run_finds_nothing(spark, world, tmp_path):
    """Over what the first left, given its list of ignored n-grams."""
    dropped = {key for key, parts in world.left().items() if isinstance(parts, str)}
    removed: dict[str, list[Edit]] = {}
    for row in stage.edit_spans(world.cut, SETTINGS).orderBy("id", "start").collect():
        removed.setdefault(row["id"], []).append(Edit(row["start"], row["end"], row["replacement"], row["reason"]))
    texts = {key: apply(text, removed.get(key, [])) for key, text in TEXTS.items() if key not in dropped}
    phrases = [row["text"] for row in ignored_texts(world)]
    again = World(spark, tmp_path, texts, ignored=phrases)
    assert again.places.count() == 0
    assert again.common.count() == 0
    again.close()


def test_ngrams_in_more_than_ten_documents_are_ignored_and_named(world, truth):
    rows = ignored_texts(world)
    assert {tuple(unit for unit, _, _ in spans(row["text"])) for row in rows} == truth[1]
    rights = [row for row in rows if row["item_id"] == "rights"]
    assert len(rights) == 17 - 13 + 1
    assert {row["documents"] for row in rights} == {11}
    assert all(row["text"] in COMMON for row in rights)
    assert stage.collisions(world.hits, max_documents=10_000)[1].count() == 0


def test_contamination_names_item_and_characters(world):
    rows = stage.contamination(world.places, world.grams, world.items).collect()
    made = [row for row in rows if row["id"] in MADE]
    leaks = {
        "middle": "two", "start": "three", "end": "four", "whole": "five", "short": "six", "apostrophes": "seven",
        "eleven": "nine", "ten": "eleven", "touching": "twelve", "apart": "thirteen", "seam": "fourteen",
        "chinese": "河", "book": "fifteen", "common and leak": "sixteen",
    }  # fmt: skip
    assert {row["id"]: row["item_id"] for row in made} == leaks
    several = {"eleven": 10, "ten": 9, "touching": 2, "apart": 2}
    assert Counter(row["id"] for row in made) == dict.fromkeys(leaks, 1) | several
    for row in made:
        plain = tuple(unit for unit, _, _ in spans(MADE[row["id"]][row["start"] : row["end"]]))
        assert plain == tuple(unit for unit, _, _ in spans(LEAKS.get(row["item_id"], CHINESE)))
    for row in rows:
        assert grams_in(TEXTS[row["id"]][row["start"] : row["end"]]) & WANTED[row["item_id"]]
    assert {(row["benchmark"], row["split"]) for row in rows} == {("quiz", "test")}


def test_how_much_of_the_benchmark_was_seen(world, truth):
    (row,) = stage.seen(world.places, world.common, world.grams, world.items).collect()
    assert (row["items"], row["items_short"]) == (len(ITEMS), sum(not grams for grams in WANTED.values()))
    present = set().union(*map(grams_in, TEXTS.values()))
    found = {key: (grams & present) - truth[1] for key, grams in WANTED.items()}
    assert row["ngrams"] == sum(map(len, WANTED.values()))
    assert row["ngrams_found"] == sum(map(len, found.values()))
    assert row["items_found"] == sum(bool(grams) for grams in found.values())
    assert row["items_ignored"] == sum(bool(WANTED[key] & truth[1]) and not found[key] for key in WANTED) > 0


def test_edits_and_their_tokens(world):
    edited = {row["id"] for row in stage.edit_spans(world.cut, SETTINGS).collect()}
    left = world.left()
    assert edited == {key for key, parts in left.items() if not isinstance(parts, str)}
    whole = {row["id"]: row["token_count"] for row in world.hits.collect()}
    counted = {row["id"]: row["token_count"] for row in stage.recounted(world.hits, world.cut, SETTINGS).collect()}
    assert counted.keys() == whole.keys() == world.texts.keys()
    assert all(counted[key] < whole[key] if key in edited else counted[key] == whole[key] for key in whole)


def test_modes_and_fragments_of_their_own(world):
    drop, only_report = SETTINGS._replace(mode="drop"), SETTINGS._replace(mode="report")
    found = {row["id"] for row in world.cut.collect()}
    assert {row["id"] for row in stage.dropped(world.cut, drop).collect()} == found
    assert {row["drop_reason"] for row in stage.dropped(world.cut, drop).collect()} == {"contaminated"}
    assert stage.dropped(world.cut, only_report).count() == 0
    for settings in (drop, only_report):
        assert stage.edit_spans(world.cut, settings).count() == 0


def test_split_fragments_are_searched_each_by_itself(spark, tmp_path):
    """What would come about at a seam is no collision where pieces stay apart; tokens are those of the pieces."""
    settings = SETTINGS._replace(split=True)
    made = World(spark, tmp_path, {key: TEXTS[key] for key in ("seam", "ten", "clean")}, settings=settings)
    left = made.left(settings)
    assert left == oracle(made.texts, split=True)[0]
    assert "one two three" in left["seam"][0]
    counted = {row["id"]: row["token_count"] for row in made.cut.collect()}
    assert counted == {key: sum(count_tokens(pa.array(parts))) for key, parts in left.items()}
    made.close()


def test_what_an_earlier_stage_edited_is_cut_as_edited_and_told_as_stored(spark, tmp_path):
    """A leak that only a removed line had parted, a mask at the window's edge: coordinates are those of documents.text."""
    words = LEAKS["two"].split()
    parted = " ".join(words[:7]) + "\nAdvertisement\n" + " ".join(words[7:])
    text = FILL * 40 + "mail a@b.example now " + "x" * 190 + " " + parted + " " + FILL * 40
    mask, line = text.index("a@b.example"), text.index("Advertisement")
    early = [Edit(mask, mask + 11, "|||EMAIL_ADDRESS|||", "email"), Edit(line, line + 14, "", "line")]
    rows = [{"id": "parted", "part": 0, "stage": "annotate"} | edit._asdict() for edit in early]
    rows += [{"id": "parted", "part": 0, "stage": "decontaminate"} | Edit(0, 900, "", "an earlier run")._asdict()]
    (tmp_path / "edits").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "edits" / "part-00000-x.parquet")
    plain = World(spark, tmp_path / "plain", {"parted": apply(text, early)})
    assert World(spark, tmp_path / "unedited", {"parted": text}).places.count() == 0
    made = World(spark, tmp_path / "edited", {"parted": text}, edits=str(tmp_path / "edits"))
    (span,) = stage.contamination(made.places, made.grams, made.items).collect()
    assert text[span["start"] : span["end"]] == parted
    (row,) = made.cut.collect()
    cuts = [Edit(one["start"], one["end"], one["replacement"], "") for one in row["removed"]]
    written = apply(text, resolved([*early, *cuts]))
    assert "EMAIL" not in written  # the window ends inside the mask, which goes whole
    (seen,) = plain.cut.collect()
    (only,) = seen["removed"]
    edited = plain.texts["parted"]
    start = edited.index("|||EMAIL")
    assert start < only["start"] < start + 19
    assert written == edited[:start] + "\n\n" + edited[only["end"] :]
    assert row["token_count"] == count_tokens(pa.array([written]))[0]


def test_variable_n_is_one_for_each_benchmark():
    rows = [{"benchmark": "short", "split": "", "id": str(k), "text": "a b c d e f g h i"} for k in range(3)]
    rows += [{"benchmark": "long", "split": "", "id": str(k), "text": LEAKS["two"]} for k in range(3)]
    found = stage.index_items(pa.Table.from_pylist(rows), "auto", "words", [])
    assert found.items["ngram"].to_pylist() == [9, 9, 9, 13, 13, 13]
    assert found.items["ngrams"].to_pylist() == [1, 1, 1, 4, 4, 4]
    assert (found.head, set(found.grams.sizes.tolist())) == (9, {9, 13})


def test_openais_frequent_13_grams(spark, data, tmp_path):
    """Each comes out of the tokenisation as published; in 10 documents it is cut, in 11 ignored and reported."""
    lines = (data / "gpt3-common-13grams.tsv").read_text(encoding="utf-8").splitlines()
    phrases = [line.split("\t")[1] for line in lines]
    for phrase in phrases:
        assert [unit for unit, _, _ in spans(phrase)] == phrase.split()
    found = units(pa.array(phrases))
    expected = [unit_hash(word) for phrase in phrases for word in phrase.split()]
    assert found.hashes.tolist() == expected
    assert set(np.diff(found.bounds)) == {13}
    rows = pa.Table.from_pylist([{"benchmark": "c", "split": "", "id": str(k), "text": p} for k, p in enumerate(phrases)])
    index = stage.index_items(rows, 13, "words", [])
    assert len(set(index.grams.hashes.tolist())) == len(phrases)
    for n in (10, 11):
        texts = {f"{k}": "".join(f"{FILL * 6}{phrase}! " for phrase in phrases) for k in range(n)}
        folder = tmp_path / str(n)
        (folder / "origin=web").mkdir(parents=True)
        table = pa.table({"id": list(texts), "text": list(texts.values())})
        pq.write_table(table, folder / "origin=web" / "part-00000-x.parquet")
        stored = store_arrays(build_index(index.grams, index.head), folder / "index")
        kept = spark.createDataFrame([(key, 0) for key in texts], "id string, part int")
        hits = stage.find_hits(kept, DocumentTexts(str(folder)), stored, GPT2, 1.0, 0)
        places, common = stage.collisions(hits, 10)
        assert places.select("gram").distinct().count() == (len(phrases) if n == 10 else 0)
        assert common.count() == (0 if n == 10 else len(phrases))
