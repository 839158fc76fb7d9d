"""The second crawl against the first one's signatures: runs in one session, on a few generated texts."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.run.engine import run
from tests.path import rows

DRAW = random.Random(9)
WORDS = [f"word{k}" for k in range(900)]
TEXTS = {f"d{k}": " ".join(DRAW.choices(WORDS, k=100)) for k in range(6)}
AGAIN = {
    "copy": TEXTS["d0"] + "\n", "near": TEXTS["d1"] + " and more", "own": " ".join(DRAW.choices(WORDS, k=100)),
    "d5": TEXTS["d5"],  # the same record, read again
}  # fmt: skip
CONFIG = """
output: {output}
sources: {{web: {{format: jsonl, paths: [{output}.jsonl], role: raw}}}}
language: {{keep: all, min_score: 0}}
filters: none
quality: none
dedup: {{index: index{more}}}
mixture: {{token_budget: 1000}}
"""


def curated(spark, folder: Path, output: str, texts: dict[str, str], more: str = "") -> dict[str, dict[str, object]]:
    lines = (json.dumps({"id": key, "text": text}) for key, text in texts.items())
    (folder / f"{output}.jsonl").write_text("\n".join(lines))
    path = folder / f"{output}.yaml"
    path.write_text(CONFIG.format(output=output, more=more))
    run(load_config(path), lambda: spark)
    return {str(row["id"]): row for row in rows(folder / output, "duplicates")}


def test_a_crawl_is_deduplicated_against_earlier_ones(spark, tmp_path):
    assert curated(spark, tmp_path, "first", TEXTS) == {}
    (entry,) = (tmp_path / "index").glob("run=first-*")
    name = entry.name.removeprefix("run=")
    found = curated(spark, tmp_path, "second", AGAIN)
    ids = {key.rpartition("/")[2]: row for key, row in found.items()}
    assert {key: (row["representative_id"], row["kind"]) for key, row in ids.items()} == {
        "copy": (f"{name}/web/d0", "exact"), "near": (f"{name}/web/d1", "near"), "d5": (f"{name}/web/d5", "exact"),
    }  # fmt: skip
    assert ids["near"]["similarity"] >= 0.8
    reasons = {str(row["id"]).rpartition("/")[2]: row["drop_reason"] for row in rows(tmp_path / "second", "verdicts")}
    assert reasons == {"copy": "exact_duplicate", "near": "near_duplicate", "d5": "exact_duplicate", "own": None}
    (second,) = (tmp_path / "index").glob("run=second-*")
    (kept,) = pq.read_table(second).to_pylist()
    assert (kept["id"], len(kept["signature"]), len(kept["band_keys"])) == ("web/own", 288, 12)

    # Done again, with another limit, the first run meets neither itself nor the second, which has met it.
    assert curated(spark, tmp_path, "first", TEXTS, ", min_similarity: 0.81") == {}
    assert len(list((tmp_path / "index").iterdir())) == 2
    with pytest.raises(ConfigError, match=r"dedup\.index: .*run=first-.* was signed with .*'shingle': 5"):
        curated(spark, tmp_path, "third", AGAIN, ", shingle: 4")
