"""Duplicates against brute force: every pair's exact Jaccard similarity, in plain Python."""

import random
import re
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH

from pipeline.kernels import minhash
from pipeline.kernels.hashing import text_hash
from pipeline.kernels.text import units
from pipeline.similar_pairs import Measure, buckets, compared
from pipeline.sources.documents import DocumentTexts
from pipeline.stages.deduplicate import Settings, deduplicate, dropped

SETTINGS = Settings(1, 5, 0.8, 12, 6, "exact", "across", ("books", "web"))
WORDS = [f"word{i}" for i in range(500)]


def corpus() -> dict[str, str]:
    """Texts by id: 30 originals, exact copies, and near copies with 1 to 12 of 120 words changed; a chain; short texts."""
    draw = random.Random(5)
    texts: dict[str, str] = {}
    for i in range(30):
        words = draw.choices(WORDS, k=120)
        texts[f"web/{i:02d}"] = " ".join(words)
        if i % 3 == 0:
            texts[f"books/{i:02d}-copy"] = "  ".join(words) + "\n"
        for changes in (1, 3, 6, 12) if i % 2 else ():
            changed = list(words)
            for place in draw.sample(range(120), changes):
                changed[place] = "changed" + str(draw.random())
            texts[f"web/{i:02d}-{changes}"] = " ".join(changed)
    chain = draw.choices(WORDS, k=200)
    for step in range(6):
        texts[f"web/chain-{step}"] = " ".join(chain)
        chain[step * 30] = f"link{step}"
    texts |= {"web/short-1": "too short", "books/short-2": "too  short", "web/short-3": "also short", "web/empty": ""}
    return texts


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def similarity(left: str, right: str) -> float:
    if " ".join(left.split()) == " ".join(right.split()):
        return 1.0
    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b) if a and b else 0.0


def documents(spark, folder: Path, texts: dict[str, str], parts: int, captures: dict[str, tuple[str, ...]]):
    """Rows that the stage takes, and the text pass over files of `parts` parts. `captures`: url, date and dump by id."""
    rows = []
    for place, (key, text) in enumerate(sorted(texts.items())):
        url, date, dump = captures.get(key, (None, None, None))
        rows.append((key, place % parts, key.split("/")[0], text_hash(text), 0.5, len(text), date, text, url, dump))
    columns = "id string, part int, source string, text_hash string, quality_score double, length long, date string"
    table = spark.createDataFrame(rows, f"{columns}, text string, url string, dump string")
    for part in range(parts):
        target = folder / "origin=all" / f"part-{part:05d}-x.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        mine = pa.table({"id": [r[0] for r in rows if r[1] == part], "text": [r[7] for r in rows if r[1] == part]})
        pa.parquet.write_table(mine, target)
    signatures = minhash.signature_column(units(pa.array([r[7] for r in rows])), 5, 72).to_pylist()
    signed = spark.createDataFrame(
        [(r[0], s) for r, s in zip(rows, signatures, strict=True)], "id string, signature binary"
    )
    return table.drop("text").join(signed, "id"), DocumentTexts(str(folder))


def run(
    spark, tmp_path: Path, texts: dict[str, str], settings: Settings, parts: int, captures=(), order="id", earlier=None
):
    frame, passes = documents(spark, tmp_path / "documents", texts, parts, dict(captures))
    frame = frame.orderBy(order)

    def checkpoint(name, frame):
        frame.write.mode("overwrite").parquet(str(tmp_path / "checkpoints" / name))
        return spark.read.parquet(str(tmp_path / "checkpoints" / name))

    found = deduplicate(frame, passes, settings, checkpoint, earlier)
    return {row["id"]: row for row in checkpoint("result", found).collect()}


def test_clusters_equal_brute_force_however_the_input_is_cut_and_ordered(spark, tmp_path):
    texts = corpus()
    found = run(spark, tmp_path / "1", texts, SETTINGS, 1)
    assert run(spark, tmp_path / "7", texts, SETTINGS, 7, order="text_hash") == found
    graph = nx.Graph()
    keys = sorted(texts)
    for i, left in enumerate(keys):
        for right in keys[i + 1 :]:
            if similarity(texts[left], texts[right]) >= 0.8:
                graph.add_edge(left, right)
    wanted = {frozenset(component) for component in nx.connected_components(graph)}
    clusters: dict[str, set[str]] = {}
    for row in found.values():
        clusters.setdefault(row["cluster_id"], set()).add(row["id"])
    assert {frozenset(members) for members in clusters.values()} == wanted
    for cluster_id, members in clusters.items():
        assert cluster_id == min(members)
        representatives = {found[member]["representative_id"] for member in members}
        assert len(representatives) == 1
        (representative,) = representatives
        books = [member for member in members if member.startswith("books/")]
        assert representative in (books or members)
        assert found[representative]["similarity"] == 1.0
        for member in members:
            assert found[member]["similarity"] == pytest.approx(similarity(texts[member], texts[representative]))
            same = " ".join(texts[member].split()) == " ".join(texts[representative].split())
            if same and member != representative:
                assert found[member]["kind"] == "exact"


def test_chain_is_one_cluster_and_short_texts_meet_exactly(spark, tmp_path):
    found = run(spark, tmp_path, corpus(), SETTINGS, 2)
    assert len({found[f"web/chain-{step}"]["cluster_id"] for step in range(6)}) == 1
    assert found["web/short-1"]["representative_id"] == "books/short-2"
    assert found["web/short-1"]["kind"] == "exact"
    assert "web/short-3" not in found
    assert "web/empty" not in found


def sliding(n_words: int, step: int) -> dict[str, str]:
    """10,000 texts of n words each, the next one `step` words further on."""
    words = [f"w{k}" for k in range(10_000 * step + n_words)]
    return {f"web/{i:04d}": " ".join(words[i * step : i * step + n_words]) for i in range(10_000)}


def test_a_chain_of_ten_thousand_is_one_cluster(spark, tmp_path):
    """Neighbours share 115 of 117 shingles, the ends nothing."""
    texts = sliding(120, 1)
    found = run(spark, tmp_path, texts, SETTINGS, 2)
    assert len(found) == 10_000
    assert {row["cluster_id"] for row in found.values()} == {"web/0000"}
    (representative,) = {row["representative_id"] for row in found.values()}
    assert representative == max(texts, key=lambda key: len(texts[key]))
    assert found["web/0000"]["similarity"] == 0.0
    assert found[f"web/{int(representative[4:]) - 1}"]["similarity"] == pytest.approx(115 / 117)


def test_a_looser_chain_breaks_only_where_no_band_is_shared(spark, tmp_path):
    """Neighbours share 105 of 117 shingles, the next but one 99 of 123, and what lies farther apart less than the limit."""
    texts = sliding(115, 6)
    found = run(spark, tmp_path, texts, SETTINGS, 2)
    keys = minhash.band_keys(minhash.signature_column(units(pa.array(texts.values())), 5, 72), 12, 6)
    graph = nx.Graph()
    for apart in (1, 2):
        shared = (keys[:-apart] == keys[apart:]).any(axis=1)
        graph.add_edges_from((i, i + apart) for i in np.flatnonzero(shared).tolist())
    wanted = {f"web/{min(one):04d}" for one in nx.connected_components(graph)}
    assert {row["cluster_id"] for row in found.values()} == wanted
    assert len(wanted) <= 1 + 4  # 10,000 (1 - 0.897^6)^12 = 1.4 pairs of neighbours are expected to share none


def test_what_a_crowded_star_tells(spark):
    """40 documents that share nothing and one like the first: a pair, those without a hub's place, and each failure."""
    words = [" ".join(f"w{i}x{k}" for k in range(20)) for i in range(40)]
    sets = minhash.shingle_sets(units(pa.array([*words, words[0]])), 5, 100).to_pylist()
    values = spark.createDataFrame(list(enumerate(sets)), "node long, hashes binary")
    found = compared(values.selectExpr("0L AS left", "node AS right"), values, Measure(100, 0.8)).collect()
    assert [(row["left"], row["right"], row["similarity"]) for row in found if row["similarity"]] == [(0, 40, 1.0)]
    assert sorted(row["right"] for row in found if row["alone"]) == list(range(32, 40))
    assert sum(row["failed"] for row in found) == sum(range(32)) + 8 * 32 + 31


def test_within_a_source(spark, tmp_path):
    text = "one two three four five six"
    texts = {"web/a": text, "books/a": text, "web/b": text.replace("six", " six")}
    found = run(spark, tmp_path, texts, SETTINGS._replace(scope="within"), 1)
    assert set(found) == {"web/a", "web/b"}


def test_within_a_dump(spark, tmp_path):
    text = "one two three four five six"
    captures = {"web/a": (None, None, "2020-05"), "books/a": (None, None, "2020-05"), "web/b": (None, None, "2020-10")}
    found = run(spark, tmp_path, dict.fromkeys(captures, text), SETTINGS._replace(scope="dump"), 1, captures)
    assert set(found) == {"web/a", "books/a"}


def test_the_newest_capture_of_a_url_stays(spark, tmp_path):
    """The older capture goes for its URL; the page with the older one's text has no longer anyone who is like it."""
    draw = random.Random(8)
    old, new = (" ".join(draw.choices(WORDS, k=80)) for _ in range(2))
    texts = {
        "web/old": old, "web/new": new, "web/other": old, "web/copy": f"  {new}", "web/near": f"{new} end",
        "web/same-1": "too short", "web/same-2": "not long", "web/undated": old + " x",
        "web/undated-2": new + " y z and more",
    }  # fmt: skip
    page, short = "https://www.example.org/a?utm_source=x", "http://example.org/short"
    captures = {
        "web/old": (page, "2020-01-01T00:00:00Z", None), "web/new": ("http://example.org/a/", "2020-02-01T00:00:00Z", None),
        "web/other": ("http://example.org/b", "2020-03-01T00:00:00Z", None),
        "web/same-1": (short, "2020-01-01T00:00:00Z", None), "web/same-2": (short, "2020-01-02T00:00:00Z", None),
        "web/undated": ("http://example.org/c", None, None), "web/undated-2": ("http://example.org/c", None, None),
    }  # fmt: skip
    found = run(spark, tmp_path, texts, SETTINGS, 2, captures)
    first = {key: found[key] for key in ("web/old", "web/new", "web/copy", "web/near", "web/undated-2")}
    assert {row["cluster_id"] for row in first.values()} == {"web/copy"}
    (representative,) = {row["representative_id"] for row in first.values()}
    assert representative == "web/undated-2"  # the longest
    assert (found["web/old"]["kind"], found["web/old"]["similarity"]) == ("url", 0.0)
    assert (found["web/copy"]["kind"], found["web/new"]["kind"]) in (("exact", "near"), ("near", "exact"))
    assert found["web/near"]["similarity"] == pytest.approx(similarity(texts["web/near"], texts["web/undated-2"]))
    assert {found[key]["cluster_id"] for key in ("web/other", "web/undated")} == {"web/other"}
    short = [found[f"web/same-{k}"] for k in (1, 2)]
    assert [(row["representative_id"], row["kind"], row["similarity"]) for row in short] == [
        ("web/same-2", "url", 0.0), ("web/same-2", "url", 1.0),
    ]  # fmt: skip
    apart = run(spark, tmp_path / "apart", texts, SETTINGS._replace(urls=False), 1, captures)
    assert "web/same-1" not in apart and apart["web/old"]["representative_id"] == "web/undated"

def test_signature_verification_and_none(spark, tmp_path):
    texts = {key: text for key, text in corpus().items() if key.startswith("web/01")}
    for verify in ("signature", "none"):
        found = run(spark, tmp_path / verify, texts, SETTINGS._replace(verify=verify), 1)
        assert {"web/01", "web/01-1"} <= set(found)


@pytest.mark.parametrize("verify", ["exact", "signature"])
def test_documents_of_earlier_runs_stay_and_are_compared_by_signature(spark, tmp_path, verify):
    texts = corpus()
    old = {"run/01": texts["web/01"], "run/short": "too short"}
    texts = {key: texts[key] for key in ("web/01-1", "web/03", "web/03-1", "web/short-1", "web/short-3")}
    signed = minhash.signature_column(units(pa.array([*old.values(), *texts.values()])), 5, 72).to_pylist()
    rows = [(key, page, text_hash(old[key]), signed[page]) for page, key in enumerate(old)]
    earlier = spark.createDataFrame(rows, "id string, page long, text_hash string, signature binary")
    found = run(spark, tmp_path, texts, SETTINGS._replace(verify=verify, urls=False), 1, earlier=earlier)
    assert {key: (row["representative_id"], row["kind"]) for key, row in found.items()} == {
        "web/01-1": ("run/01", "near"), "web/short-1": ("run/short", "exact"),
        "web/03": ("web/03-1", "near"), "web/03-1": ("web/03-1", "near"),
    }  # fmt: skip
    ours, theirs = (np.frombuffer(signed[place], "<u4") for place in (0, 2))
    assert found["web/01-1"]["similarity"] == (ours == theirs).mean()


def test_hot_bucket_of_strangers_is_starred_again(spark, tmp_path):
    """With one row a band, a boilerplate bucket holds strangers; pairs that the hub hides are found among themselves."""
    draw = random.Random(3)
    boilerplate = " ".join(draw.choices(WORDS, k=40))
    texts = {}
    for i in range(12):
        own = " ".join(draw.choices(WORDS, k=60))
        texts[f"web/{i}-a"] = f"{boilerplate} {own}"
        texts[f"web/{i}-b"] = f"{boilerplate} {own} end"
    settings = SETTINGS._replace(bands=10, rows=1)
    found = run(spark, tmp_path, texts, settings, 2)
    assert {row["cluster_id"] for row in found.values()} == {f"web/{i}-a" for i in range(12)}
    assert len(found) == 24


def test_buckets_are_those_of_datasketchs_index(spark, tmp_path):
    """2,000 documents of five scripts; every pair of a bucket is a candidate pair of MinHashLSH with the same bands."""
    draw = random.Random(4)
    letters = {"en": "abcdefghij", "ru": "абвгдежзик", "el": "αβγδεζηθικ", "ar": "ابتثجحخدذر"}
    words = {name: ["".join(draw.choices(some, k=6)) for _ in range(3000)] for name, some in letters.items()}
    texts: list[str] = []
    while len(texts) < 2000:
        name = draw.choice(["en", "ru", "el", "ar", "zh"])
        gap, some = ("", [chr(0x4E00 + k) for k in range(3000)]) if name == "zh" else (" ", words[name])
        chosen = draw.choices(some, k=draw.randint(20, 60))
        for _ in range(draw.randint(1, 3)):
            texts.append(gap.join(chosen))
            for place in draw.choices(range(len(chosen)), k=draw.randint(1, 3)):
                chosen[place] = draw.choice(some)
    column = minhash.signature_column(units(pa.array(texts)), 5, 72)
    index, theirs = MinHashLSH(num_perm=72, params=(12, 6)), set()
    for j, text in enumerate(texts):
        found = units(pa.array([text]))
        data = text.encode()
        spelled = [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]
        sketch = MinHash(num_perm=72, seed=1, scheme="affine32", hashfunc=minhash.shingle_hash32)
        sketch.update_batch([" ".join(spelled[k : k + 5]).encode() for k in range(len(spelled) - 4)])
        assert column[j].as_py() == sketch.hashvalues.astype("<u4").tobytes()
        theirs |= {(i, j) for i in index.query(sketch)}
        index.insert(j, sketch)
    rows = [(j, "", signature) for j, signature in enumerate(column.to_pylist())]
    signed = spark.createDataFrame(rows, "node long, scope string, signature binary")
    found_in: dict[int, list[int]] = {}
    for key, node in buckets(signed, 12, 6).collect():
        found_in.setdefault(key, []).append(node)
    mine = {(i, j) for members in found_in.values() for i in members for j in members if i < j}
    assert mine == theirs
    assert len(mine) > 500


def test_a_crowded_bucket_leaves_nobody_out(spark, tmp_path):
    """Forty pairs in one bucket of strangers, more than there are hubs: the others meet by more hashes."""
    draw = random.Random(6)
    boilerplate = " ".join(draw.choices(WORDS, k=60))
    texts = {}
    for i in range(40):
        own = " ".join(draw.choices(WORDS, k=50))
        texts |= {f"web/{i:02d}-a": f"{boilerplate} {own}", f"web/{i:02d}-b": f"{boilerplate} {own} end"}
    found = run(spark, tmp_path, texts, SETTINGS._replace(bands=10, rows=1), 2)
    assert (tmp_path / "checkpoints" / "further-stars-1").exists()
    assert {row["cluster_id"] for row in found.values()} == {f"web/{i:02d}-a" for i in range(40)}
    assert len(found) == 80


def test_dropped_names_the_kind(spark):
    duplicates = spark.createDataFrame(
        [("a", "a", "a", 1.0, "exact"), ("b", "a", "a", 1.0, "exact"), ("c", "a", "a", 0.9, "near")],
        "id string, cluster_id string, representative_id string, similarity double, kind string",
    )
    assert {tuple(row) for row in dropped(duplicates).collect()} == {("b", "exact_duplicate"), ("c", "near_duplicate")}
