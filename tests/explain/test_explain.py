"""What `explain` says: of words by the score's own arithmetic, of a run's records by its tables."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from pipeline.errors import InputError, OutputError
from pipeline.explain import explain
from pipeline.explain.telling import WIDTH
from pipeline.explain.words import moved
from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.quality import bucket_of
from pipeline.kernels.text import units
from pipeline.report.untrusted import terminal_width
from tests.path import rows, taojin


def test_the_parts_of_the_words_add_up_to_the_score(tmp_path):
    weights = np.zeros(64, np.float32)
    for word, weight in (("gold", 2.0), ("spam", -3.0)):
        weights[bucket_of(units(pa.array([word])).hashes, 64)] += weight
    np.savez(tmp_path / "model.npz", **{"weights.en": weights, "intercept.en": np.array(-0.5)})
    found = moved(tmp_path / "model.npz", "Gold spam, gold gold gold 1849", "en", 5)
    parts = {word: (n, part) for word, n, part in found.largest}
    assert parts == {"gold": (4, pytest.approx(2 * math.sqrt(4 / 5))), "spam": (1, pytest.approx(-3 * math.sqrt(1 / 5)))}
    assert found.score == pytest.approx(1 / (1 + math.exp(0.5 - found.total)))
    assert moved(tmp_path / "model.npz", "Or", "fr", 5) is None


def test_every_kind_of_record_is_explained(sample_output):
    verdicts = rows(sample_output, "verdicts")
    documents = {row["id"]: row for row in rows(sample_output, "documents")}
    scores = {row["id"]: row["quality_score"] for row in rows(sample_output, "annotations")}
    reasons = {(row["stage"], row["drop_reason"]): row["id"] for row in verdicts}
    for (stage, reason), key in reasons.items():
        text = explain(str(sample_output), key)
        assert max(map(terminal_width, text.splitlines())) <= WIDTH
        assert (f"DROPPED by {stage}: {reason}" if stage else "KEPT") in text
        if stage == "filters":
            assert f"✗ {reason.rpartition('_')[0]} " in text
        if stage == "quality":
            draw = unit_interval(20200536, "quality", pa.array([documents[key]["text_hash"]]))[0]
            assert f"draw   {draw:.6f} >= chance" in text
            assert f"chance {(2 - scores[key]) ** -3:.6f}" in text
            assert "for: " in text
    assert {stage for stage, _ in reasons} >= {None, "language", "filters", "quality"}


def test_a_duplicate_names_what_replaced_it_and_a_leak_its_item(sample_output):
    gone = next(row for row in rows(sample_output, "duplicates") if row["id"] != row["representative_id"])
    assert gone["representative_id"] in explain(str(sample_output), gone["id"])
    assert gone["id"] in explain(str(sample_output), gone["representative_id"])
    leak = rows(sample_output, "contamination")[0]
    assert leak["item_id"] in explain(str(sample_output), leak["id"])


def test_a_rejected_record_and_an_unknown_one(sample_output, tmp_path):
    rejected = next(row for row in rows(sample_output, "rejected") if row["record_id"])
    text = explain(str(sample_output), rejected["record_id"])
    assert f"REJECTED in ingest: {rejected['reason']}" in text
    url = next(row["url"] for row in rows(sample_output, "documents") if row["url"])
    assert url in explain(str(sample_output), url)
    with pytest.raises(InputError, match="holds no document"):
        explain(str(sample_output), "urn:uuid:nobody")
    with pytest.raises(OutputError, match="holds no run"):
        explain(str(tmp_path), "x")


def test_the_command_needs_no_spark(sample_output):
    key = ds.dataset(sample_output / "verdicts").head(1)["id"][0].as_py()
    done = taojin("explain", sample_output, key, JAVA_HOME="/nowhere", PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert key[:30] in done.stdout
    titles = [line[2:16].strip() for line in done.stdout.splitlines() if line[:1] in "✓✗·" and line[2:3].isalpha()]
    order = ["ingest", "language", "filters", "quality", "deduplicate", "decontaminate", "mix"]
    assert titles == order
