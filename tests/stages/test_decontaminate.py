"""Appendix C on documents made for it, against a plain reading of the rule: what is found, ignored, cut and dropped."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kernels.edits import apply, pieces
from pipeline.kernels.ngrams import build_index
from pipeline.sources.benchmark_index import store_arrays, store_tables
from pipeline.sources.documents import DocumentTexts
from pipeline.stages import decontaminate as stage

LEAK = "which of the seven rivers that cross the old kingdom carries gold in its sand today"  # 16 words
COMMON = "all rights reserved this page may not be copied or sold without a written letter of consent"
SEAM = "one two three four five six seven eight nine ten eleven twelve thirteen"
FILL = "The ferry leaves at noon and comes back when the tide allows, which nobody can promise. "
CHINESE = "请问流经古老王国的七条河流之中，哪一条河的沙子里至今还能淘出金子来？"
ZH_FILL = "渡船中午出发，潮水允许的时候才回来，谁也说不准是什么时候。"
SETTINGS = stage.Settings(window=200, min_fragment=200, max_fragments=10, mode="cut", split=False)
# Each of three more makes eleven documents with COMMON, of which some have a leak besides.
TEXTS = {
    "clean": FILL * 10 + "\r\n\u0000 as it is \U0001f600",
    "middle": FILL * 5 + LEAK + ". " + FILL * 5,
    "start": LEAK + ". " + FILL * 8,
    "end": FILL * 8 + LEAK,
    "whole": LEAK,
    "short": FILL + LEAK,  # nothing of 200 characters is left
    "apostrophes": FILL * 5 + LEAK.replace(" ", "-").upper().replace("-OF-", "'of'") + ". " + FILL * 5,
    "twelve words": FILL * 5 + " ".join(LEAK.split()[:12]) + ". " + FILL * 5,
    "eleven": (FILL * 8 + LEAK + ". ") * 10 + FILL * 8,  # ten cuts, eleven pieces
    "ten": (FILL * 8 + LEAK + ". ") * 9 + FILL * 8,
    "touching": FILL * 5 + LEAK + "." * 400 + LEAK + ". " + FILL * 5,
    "apart": FILL * 5 + LEAK + "." * 401 + LEAK + ". " + FILL * 5,
    "seam": FILL * 5 + SEAM[:32] + "." * 199 + " " + LEAK + " " + "." * 199 + SEAM[32:] + ". " + FILL * 5,
    "chinese": ZH_FILL * 12 + CHINESE.replace("，", "——").replace("？", "?") + ZH_FILL * 12,
    "book": FILL * 30_000 + LEAK + ". " + FILL * 30_000,  # 5 MB
    "common and leak": FILL * 5 + COMMON + ". " + FILL * 5 + LEAK + ". " + FILL * 5,
    **{f"common-{k}": FILL * 5 + COMMON + ". " + FILL * 5 for k in range(10)},
}
ITEMS = {"river": f"Q: {LEAK.upper()}?", "rights": COMMON, "count": SEAM, "河": CHINESE, "short": "too short to be found"}


def random_texts(n: int) -> dict[str, str]:
    """Stretches of items, of all lengths, in words of their own and of others."""
    draw = np.random.default_rng(7)
    words = sorted({word.lower() for text in (*ITEMS.values(), FILL) for word in re.findall(r"\w+", text)})
    texts = {}
    for k in range(n):
        parts = []
        for _ in range(draw.integers(1, 40)):
            item = list(ITEMS.values())[draw.integers(4)].split()
            low = draw.integers(len(item))
            some = [words[i] for i in draw.integers(0, len(words), draw.integers(1, 120))]
            parts.append(draw.choice([" ", "\n\n", ", ", " -- "]).join(some if draw.random() < 0.7 else item[low:]))
        texts[f"random-{k}"] = draw.choice([" ", "\n", "; "]).join(parts)
    return texts


RANDOM = random_texts(40)


# ------------------------------------------------------------------ the rule, read plainly

UNIT = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


def spans(text: str) -> list[tuple[str, int, int]]:
    return [(match[0].lower(), match.start(), match.end()) for match in UNIT.finditer(text)]


def sequences(text: str, size: int = 13) -> list[tuple[tuple[str, ...], int, int]]:
    mine = spans(text)
    return [
        (tuple(unit for unit, _, _ in mine[i : i + size]), mine[i][1], mine[i + size - 1][2])
        for i in range(len(mine) - size + 1)
    ]


def oracle(texts: dict[str, str], max_documents: int = 10, split: bool = False):
    """For each text the pieces left of it or the reason why none is, and the n-grams ignored."""
    wanted = {gram for item in ITEMS.values() for gram, _, _ in sequences(item)}
    seen = Counter(gram for text in texts.values() for gram in {gram for gram, _, _ in sequences(text)} & wanted)
    ignored = {gram for gram, n in seen.items() if n > max_documents}
    wanted -= ignored
    left: dict[str, list[str] | str] = {}
    for key, text in texts.items():
        gone = [False] * len(text)
        fresh = [(a, b) for gram, a, b in sequences(text) if gram in wanted]
        while fresh:
            for a, b in fresh:
                gone[max(0, a - 200) : min(len(text), b + 200)] = [True] * (min(len(text), b + 200) - max(0, a - 200))
            marks = "".join("x" if one else "." for one in gone)
            kept = [match.span() for match in re.finditer(r"\.+", marks)]
            n_fragments, kept = len(kept), [(a, b) for a, b in kept if b - a >= 200]
            left[key] = [text[a:b] for a, b in kept]
            # what is left, with where each of its characters stood
            runs = [[(text[i], i) for i in range(a, b)] for a, b in kept]
            if not split:
                runs = [[pair for k, run in enumerate(runs) for pair in [("\n", -1)] * 2 * (k > 0) + run]]
            fresh = [
                (run[a][1], run[b - 1][1] + 1)
                for run in runs
                for gram, a, b in sequences("".join(character for character, _ in run))
                if gram in wanted
            ]
            if n_fragments > 10:
                left[key], fresh = "too_many_fragments", []
            elif not kept:
                left[key] = "no_fragment_left"
    return left, ignored


# ------------------------------------------------------------------ the stage


class World:
    """Documents on disk, and the stage's tables about them."""

    def __init__(self, spark, folder: Path, texts: dict[str, str], ignored=(), settings=SETTINGS, chinese="characters"):
        self.texts = texts
        for part in (0, 1):
            ids = [key for k, key in enumerate(texts) if k % 2 == part]
            target = folder / "origin=web" / f"part-{part:05d}-x.parquet"
            target.parent.mkdir(exist_ok=True)
            pq.write_table(pa.table({"id": ids, "text": [texts[key] for key in ids]}), target)
        rows = [{"benchmark": "quiz", "split": "test", "id": key, "text": text} for key, text in ITEMS.items()]
        benchmarks = stage.index_items(pa.Table.from_pylist(rows), 13, chinese, list(ignored))
        store_tables(benchmarks.items, benchmarks.grams, folder / "benchmarks")
        stored = store_arrays(build_index(benchmarks.grams, benchmarks.head), folder / "index")
        self.items, self.grams = (spark.read.parquet(f"{folder}/benchmarks/{name}") for name in ("items", "ngrams"))
        self.kept = spark.createDataFrame([(key, k % 2) for k, key in enumerate(texts)], "id string, part int")
        self.passes = DocumentTexts(str(folder))
        self.hits = stage.find_hits(self.kept, self.passes, stored, "gpt2").cache()
        self.places, self.common = stage.collisions(self.hits, max_documents=10)
        self.places, self.common = self.places.cache(), self.common.cache()
        self.cut = stage.cuts(self.places, self.common, self.passes, stored, settings, "gpt2").cache()

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
    made = World(spark, tmp_path_factory.mktemp("documents"), TEXTS | RANDOM)
    yield made
    made.close()


def ignored_texts(world: World) -> list[dict]:
    table = stage.ignored_ngrams(world.hits, world.common, world.grams, world.items, world.passes)
    return [row.asDict() for row in table.collect()]


def test_what_is_left_equals_a_plain_reading_of_the_rule(world):
    expected, ignored = oracle(world.texts)
    assert len(ignored) >= 17 - 13 + 1
    assert world.left() == expected
    reasons = {key: left for key, left in expected.items() if isinstance(left, str)}
    assert {"short", "whole", "eleven"} <= reasons.keys()
    assert {"middle", "start", "end", "apostrophes", "ten", "seam", "chinese", "book", "common and leak"} <= (
        expected.keys() - reasons.keys()
    )
    assert len([key for key in expected if key.startswith("random")]) > 20
    assert len(expected["touching"]), len(expected["apart"]) == (2, 2)  # the piece between is dropped as short
    assert not {"clean", "twelve words", "common-1"} & expected.keys()


def test_no_ngram_is_left_nor_comes_about_where_pieces_meet(world):
    """A second run over what the first left, given its list of ignored n-grams, finds nothing; nor does brute force."""
    _, ignored = oracle(world.texts)
    wanted = {gram for item in ITEMS.values() for gram, _, _ in sequences(item)} - ignored
    left = {key: "\n\n".join(parts) for key, parts in world.left().items() if not isinstance(parts, str)}
    assert "one two three" in world.texts["seam"]
    for text in left.values():
        assert not {gram for gram, _, _ in sequences(text)} & wanted
    assert "one two three four five" not in left["seam"]


def test_a_second_run_finds_nothing(spark, world, tmp_path):
    dropped = {key for key, parts in world.left().items() if isinstance(parts, str)}
    removed: dict[str, list[tuple[int, int]]] = {}
    for row in stage.edit_spans(world.cut, SETTINGS).orderBy("id", "start").collect():
        removed.setdefault(row["id"], []).append((row["start"], row["end"]))
    texts = {key: apply(text, removed.get(key, [])) for key, text in world.texts.items() if key not in dropped}
    phrases = [row["text"] for row in ignored_texts(world)]
    again = World(spark, tmp_path, texts, ignored=phrases)
    assert again.places.count() == 0
    assert again.common.count() == 0
    again.close()


def test_ngrams_in_more_than_ten_documents_are_ignored_and_named(world):
    _, ignored = oracle(world.texts)
    rows = ignored_texts(world)
    assert {tuple(unit for unit, _, _ in spans(row["text"])) for row in rows} == ignored
    rights = [row for row in rows if row["item_id"] == "rights"]
    assert {row["documents"] for row in rights if row["text"] in COMMON} >= {11}
    assert stage.collisions(world.hits, max_documents=10_000)[1].count() == 0


def test_contamination_names_item_and_characters(world):
    rows = stage.contamination(world.places, world.grams, world.items).collect()
    made = [row for row in rows if row["id"] in TEXTS]
    assert {(row["id"], row["item_id"]) for row in made} == {
        *((key, "river") for key in (
            "middle", "start", "end", "whole", "short", "apostrophes", "eleven", "ten", "touching", "apart", "seam",
            "book", "common and leak")),
        ("chinese", "河"),
    }  # fmt: skip
    assert Counter(row["id"] for row in made)["eleven"] == 10
    for row in made:
        plain = tuple(unit for unit, _, _ in spans(TEXTS[row["id"]][row["start"] : row["end"]]))
        assert plain == tuple(unit for unit, _, _ in spans(LEAK if row["item_id"] == "river" else CHINESE))
    assert {(row["benchmark"], row["split"]) for row in rows} == {("quiz", "test")}


def test_how_much_of_the_benchmark_was_seen(world):
    (row,) = stage.seen(world.places, world.common, world.grams, world.items).collect()
    assert (row["items"], row["items_short"]) == (5, 1)
    expected, ignored = oracle(world.texts)
    wanted = {key: {gram for gram, _, _ in sequences(text)} for key, text in ITEMS.items()}
    present = {gram for text in world.texts.values() for gram, _, _ in sequences(text)}
    found = {key: (grams & present) - ignored for key, grams in wanted.items()}
    assert row["ngrams"] == sum(map(len, wanted.values()))
    assert row["ngrams_found"] == sum(map(len, found.values()))
    assert row["items_found"] == sum(bool(grams) for grams in found.values())
    assert row["items_ignored"] == sum(bool(wanted[key] & ignored) and not found[key] for key in wanted)


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
    assert made.left(settings) == oracle(made.texts, split=True)[0]
    assert "one two three" in made.left()["seam"][0]
    counted = {row["id"]: row["token_count"] for row in made.cut.collect()}
    joined = {"\n\n".join(parts): key for key, parts in made.left().items()}
    from pipeline.kernels.tokens import count_tokens

    for key, parts in made.left().items():
        assert counted[key] == sum(count_tokens(pa.array(parts), "gpt2"))
    assert len(joined) == 2
    made.close()


def test_variable_n_is_one_for_each_benchmark():
    rows = [{"benchmark": "short", "split": "", "id": str(k), "text": "a b c d e f g h i"} for k in range(3)]
    rows += [{"benchmark": "long", "split": "", "id": str(k), "text": LEAK} for k in range(3)]
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
    from pipeline.kernels.text import unit_hash, units

    found = units(pa.array(phrases))
    expected = [unit_hash(word) for phrase in phrases for word in phrase.split()]
    assert found.hashes.tolist() == expected
    assert set(np.diff(found.bounds)) == {13}
    rows = pa.Table.from_pylist([{"benchmark": "c", "split": "", "id": str(k), "text": p} for k, p in enumerate(phrases)])
    index = stage.index_items(rows, 13, "words", [])
    assert len(set(index.grams.hashes.tolist())) == len(phrases)
    for n in (10, 11):
        made = World.__new__(World)
        made.texts = {f"{k}": "".join(f"{FILL * 6}{phrase}! " for phrase in phrases) for k in range(n)}
        folder = tmp_path / str(n)
        (folder / "origin=web").mkdir(parents=True)
        pq.write_table(pa.table({"id": list(made.texts), "text": list(made.texts.values())}), folder / "origin=web" / "part-00000-x.parquet")
        stored = store_arrays(build_index(index.grams, index.head), folder / "index")
        kept = spark.createDataFrame([(key, 0) for key in made.texts], "id string, part int")
        hits = stage.find_hits(kept, DocumentTexts(str(folder)), stored, "gpt2")
        places, common = stage.collisions(hits, 10)
        assert places.select("gram").distinct().count() == (len(phrases) if n == 10 else 0)
        assert common.count() == (0 if n == 10 else len(phrases))
