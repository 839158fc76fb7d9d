"""Estimated token counts against the sums that they estimate."""

from math import sqrt

import numpy as np
import pytest
from pyspark.sql import SparkSession

from pipeline.stages.token_counts import BYTES_A_TOKEN, estimated, rates

TOKENS = "id string, text_bytes long, token_count long"


def test_the_ratio_and_its_error(spark: SparkSession):
    chance = np.random.default_rng(3)
    size = chance.integers(40, 4000, 400)
    truth = (size * chance.uniform(0.2, 0.3, 400)).astype(int)
    rows = [(str(k), int(size[k]), int(truth[k]) if k % 4 == 0 else None) for k in range(400)]
    tokens = spark.createDataFrame(rows, TOKENS)
    kept = spark.createDataFrame([(str(k), "web") for k in range(400)], "id string, source string")
    found = rates(tokens, kept)
    t, b = truth[::4].astype(float), size[::4].astype(float)
    rate = t.sum() / b.sum()
    error = 400 * sqrt((1 - 0.25) * ((t - rate * b) ** 2).sum() / 99 / 100) / (rate * size.sum())
    assert found["web"][:2] == (400, 100)
    assert found["web"].tokens_a_byte == pytest.approx(rate)
    assert found["web"].relative_error == pytest.approx(error, abs=5e-5)
    counts = {row.id: row.token_count for row in estimated(tokens, kept, found).collect()}
    assert all(counts[str(k)] == truth[k] for k in range(0, 400, 4))
    assert counts["1"] == round(size[1] * rate)
    assert abs(sum(counts.values()) / truth.sum() - 1) < 4 * error


def test_a_source_without_counted_documents_has_the_rate_of_all(spark: SparkSession):
    tokens = spark.createDataFrame([("a", 100, 30), ("b", 50, None), ("c", 100, 10)], TOKENS)
    kept = spark.createDataFrame([("a", "web"), ("b", "wiki"), ("c", "web")], "id string, source string")
    found = rates(tokens, kept)
    assert found["wiki"] == (1, 0, 0.2, 1.0)
    assert {row.id: row.token_count for row in estimated(tokens, kept, found).collect()} == {"a": 30, "b": 10, "c": 10}


def test_without_any_counted_document_four_bytes_are_a_token(spark: SparkSession):
    tokens = spark.createDataFrame([("a", 100, None)], TOKENS)
    kept = spark.createDataFrame([("a", "web")], "id string, source string")
    found = rates(tokens, kept)
    assert found["web"].tokens_a_byte == 1 / BYTES_A_TOKEN
    assert estimated(tokens, kept, found).first().token_count == 25
