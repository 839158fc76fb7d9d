"""Documents whose id another one has: the smallest (file, offset) stays, and no text is shuffled for it."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from pipeline.config import load_config
from pipeline.run import run
from tests.path import manifest, rows


def write_lines(path: Path, ids: list[str], chance: random.Random) -> None:
    """Each text says where it stands, and is long and hard to compress."""
    texts = (f"{path.name} line {k}: " + "".join(chance.choices("abcdefghij klmnop", k=3000)) for k in range(len(ids)))
    path.write_text("".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in zip(ids, texts, strict=True)))


def test_of_documents_with_one_id_the_first_stays(spark: SparkSession, tmp_path: Path):
    chance = random.Random(5)
    ids = {
        "a.jsonl": [f"a{k}" for k in range(300)],
        "b.jsonl": ["b0", "a3", "b1", "b1", "b2", *(f"more{k}" for k in range(200)), "b1"],
        "c.jsonl": ["a3", "b1"],  # nothing is left of it
        "d.jsonl": ["d0"],  # nothing is taken from it
    }
    for name, given in ids.items():
        write_lines(tmp_path / name, given, chance)
    config = tmp_path / "c.yaml"
    config.write_text(
        "output: out\nsources:\n  web: {format: jsonl, paths: ['*.jsonl'], role: raw}\nlanguage: {min_score: 0}\n"
        "quality: none\nmixture: {token_budget: 1k}\n"
    )
    run(load_config(config), lambda: spark, until="ingest")
    output = tmp_path / "out"
    first = {}
    for name, given in ids.items():
        for k, key in enumerate(given):
            first.setdefault(f"web/{key}", f"{name} line {k}:")
    documents = rows(output, "documents")
    assert {row["id"]: row["text"][: row["text"].index(":") + 1] for row in documents} == first
    assert len(documents) == len(first)
    rejected = [(Path(row["file"]).name, row["record_id"], row["reason"]) for row in rows(output, "rejected")]
    assert sorted(rejected) == sorted(
        (name, f"web/{key}", "duplicate_id")
        for name, key in [("b.jsonl", "a3"), ("b.jsonl", "b1"), ("b.jsonl", "b1"), ("c.jsonl", "a3"), ("c.jsonl", "b1")]
    )
    for path in (output / "documents").rglob("*.parquet"):
        parts = set(pq.read_table(path, columns=["part"])["part"].to_pylist())
        assert parts == {int(path.name.split("-")[1])}
    texts = sum(len(row["text"]) for row in documents)
    entry = manifest(output)["stages"]["ingest"]
    assert 0 < entry["bytes_shuffled"] < texts / 10
    assert not (output / "_runs" / "ingest").exists()
