"""Duplicates against brute force: every pair's exact Jaccard similarity, in plain Python."""

import random
import re
from pathlib import Path

import networkx as nx
import pyarrow as pa
import pytest

from pipeline.kernels import minhash
from pipeline.kernels.hashing import text_hash
from pipeline.kernels.text import units
from pipeline.sources.documents import DocumentTexts
from pipeline.stages.deduplicate import Settings, deduplicate, dropped

SETTINGS = Settings(1, 5, 0.8, 12, 6, "exact", False, ("books", "web"))
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


def documents(spark, folder: Path, texts: dict[str, str], parts: int):
    """Rows that the stage takes, and the text pass over files of `parts` parts."""
    rows = []
    for place, (key, text) in enumerate(sorted(texts.items())):
        rows.append((key, place % parts, key.split("/")[0], text_hash(text), 0.5, len(text), None, text))
    columns = "id string, part int, source string, text_hash string, quality_score double, length long, date string"
    table = spark.createDataFrame(rows, f"{columns}, text string")
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


def run(spark, tmp_path: Path, texts: dict[str, str], settings: Settings, parts: int):
    frame, passes = documents(spark, tmp_path / "documents", texts, parts)

    def checkpoint(name, frame):
        frame.write.mode("overwrite").parquet(str(tmp_path / "checkpoints" / name))
        return spark.read.parquet(str(tmp_path / "checkpoints" / name))

    return {row["id"]: row for row in checkpoint("result", deduplicate(frame, passes, settings, checkpoint)).collect()}


@pytest.mark.parametrize("parts", [1, 7])
def test_clusters_equal_brute_force(spark, tmp_path, parts):
    texts = corpus()
    found = run(spark, tmp_path, texts, SETTINGS, parts)
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


def test_within_a_source(spark, tmp_path):
    text = "one two three four five six"
    texts = {"web/a": text, "books/a": text, "web/b": text.replace("six", " six")}
    found = run(spark, tmp_path, texts, SETTINGS._replace(within=True), 1)
    assert set(found) == {"web/a", "web/b"}


def test_signature_verification_and_none(spark, tmp_path):
    texts = {key: text for key, text in corpus().items() if key.startswith("web/01")}
    for verify in ("signature", "none"):
        found = run(spark, tmp_path / verify, texts, SETTINGS._replace(verify=verify), 1)
        assert {"web/01", "web/01-1"} <= set(found)


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


def test_dropped_names_the_kind(spark):
    duplicates = spark.createDataFrame(
        [("a", "a", "a", 1.0, "exact"), ("b", "a", "a", 1.0, "exact"), ("c", "a", "a", 0.9, "near")],
        "id string, cluster_id string, representative_id string, similarity double, kind string",
    )
    assert {tuple(row) for row in dropped(duplicates).collect()} == {("b", "exact_duplicate"), ("c", "near_duplicate")}
