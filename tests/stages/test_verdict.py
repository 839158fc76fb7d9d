"""Verdicts from numbers alone: the order of stages, the first broken limit, the Pareto rule's closed form."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from pipeline.kernels.hashing import text_hash, unit_interval
from pipeline.kernels.quality import keep_chance
from pipeline.recipes import Limit
from pipeline.schema import VERDICTS
from pipeline.stages import top_fraction, verdict

RECIPES = {
    "default": (Limit("word_count", 50, 1000, "test"), Limit("line_count", 2, None, "test")),
    "zh": (Limit("word_count", None, 9, "test"),),
}


def judged(spark, rows, quality=None):
    """rows: (id, origin, language, score, words, lines, quality_score)."""
    documents = spark.createDataFrame(
        [(r[0], 0, r[1], r[1], r[2], r[3], text_hash(r[0])) for r in rows],
        "id string, part int, origin string, source string, language string, language_score double, text_hash string",
    )
    annotations = spark.createDataFrame(
        [(r[0], 0, r[4], r[5], r[6]) for r in rows],
        "id string, part int, word_count long, line_count long, quality_score double",
    )
    quality = verdict.quality_reason(verdict.threshold(0.5)) if quality is None else quality
    found = verdict.verdicts(
        documents, annotations, ["web"], verdict.language_reason(["en", "zh"], 0.5), verdict.filter_reason(RECIPES), quality
    )
    return {row["id"]: (row["stage"], row["drop_reason"]) for row in found.collect()}


def test_the_first_broken_rule_is_the_reason(spark):
    nan = float("nan")
    assert judged(spark, [
        ("kept", "web", "en", 0.9, 50, 2, 0.5),
        ("language", "web", "fr", 0.9, 1, 1, nan),
        ("unsure", "web", "en", 0.4, 1, 1, 0.0),
        ("short", "web", "en", 0.9, 49, 1, 0.0),
        ("long", "web", "en", 0.9, 1001, 2, 0.0),
        ("lines", "web", "en", 0.9, 50, 1, 0.0),
        ("chinese", "web", "zh", 0.9, 10, 1, 0.9),
        ("chinese kept", "web", "zh", 0.9, 9, 1, 0.9),
        ("bad", "web", "en", 0.9, 50, 2, 0.49),
        ("unscored", "web", "en", 0.9, 50, 2, nan),
        ("trusted", "books", "en", 0.9, 1, 1, 0.0),
        ("trusted french", "books", "fr", 0.9, 1, 1, 0.0),
    ]) == {
        "kept": (None, None), "language": ("language", "language"), "unsure": ("language", "language_score"),
        "short": ("filters", "word_count_min"), "long": ("filters", "word_count_max"),
        "lines": ("filters", "line_count_min"), "chinese": ("filters", "word_count_max"), "chinese kept": (None, None),
        "bad": ("quality", "quality"), "unscored": (None, None), "trusted": (None, None),
        "trusted french": ("language", "language"),
    }  # fmt: skip


@pytest.mark.parametrize("alpha", [3.0, 9.0])
def test_the_pareto_draw_is_the_closed_form_on_the_texts_hash(spark, alpha):
    scores = np.linspace(0, 1, 3000)
    rows = [(f"d{n}", "web", "en", 0.9, 50, 2, float(score)) for n, score in enumerate(scores)]
    found = judged(spark, rows, verdict.quality_reason(verdict.pareto(7, alpha)))
    draws = unit_interval(7, "quality", pa.array([text_hash(row[0]) for row in rows]))
    chances = keep_chance(scores, alpha)
    assert [found[row[0]] == (None, None) for row in rows] == (draws < chances).tolist()
    kept = sum(stage is None for stage, _ in found.values())
    assert abs(kept - chances.sum()) < 4 * np.sqrt((chances * (1 - chances)).sum())


def test_before_takes_back_what_later_stages_decided(spark):
    decided = spark.createDataFrame([
        ("kept", 0, "web", "web", True, None, None, 5, 2),
        ("filtered", 0, "web", "web", False, "filters", "word_count_min", None, 0),
        ("double", 0, "web", "web", False, "deduplicate", "exact_duplicate", None, 0),
        ("leak", 0, "web", "web", False, "decontaminate", "contaminated", None, 0),
    ], VERDICTS)  # fmt: skip
    rows = {row["id"]: row for row in verdict.before("deduplicate", decided).collect()}
    assert {key: row["kept"] for key, row in rows.items()} == {"kept": True, "filtered": False, "double": True, "leak": True}
    assert rows["leak"]["drop_reason"] is None
    assert rows["kept"]["copies"] == 0
    again = verdict.decide("deduplicate", verdict.before("deduplicate", decided), spark.createDataFrame(
        [("double", "exact_duplicate"), ("filtered", "exact_duplicate")], "id string, drop_reason string"
    ))  # fmt: skip
    reasons = {row["id"]: (row["kept"], row["drop_reason"]) for row in again.collect()}
    assert reasons["double"] == (False, "exact_duplicate")
    assert reasons["filtered"] == (False, "word_count_min")  # dropped before: nobody asks again


def test_each_language_has_its_own_alpha(spark):
    scores = np.linspace(0, 1, 400)
    rows = [(f"d{n}", "web", ("en", "zh")[n % 2], 0.9, 50 if n % 2 == 0 else 1, 2, s) for n, s in enumerate(scores.tolist())]
    found = judged(spark, rows, verdict.quality_reason(verdict.pareto(7, {"en": 1.0, "zh": 20.0})))
    draws = unit_interval(7, "quality", pa.array([text_hash(row[0]) for row in rows]))
    chances = (2 - scores) ** -np.where(np.arange(400) % 2 == 0, 1.0, 20.0)
    assert [found[row[0]] == (None, None) for row in rows] == (draws < chances).tolist()


@pytest.mark.parametrize("few", [1, 7, 10_000])
@pytest.mark.parametrize("keep", [0.001, 0.3, 1.0])
def test_the_top_fraction_is_exact_and_copies_share_their_fate(spark, monkeypatch, few, keep):
    monkeypatch.setattr(top_fraction, "FEW", few)
    draw = np.random.default_rng(3)
    scores = draw.integers(0, 50, 500) / 49  # many ties
    rows = [("en" if k % 5 else "zh", float(score), text_hash(f"{k}")) for k, score in enumerate(scores)]
    rows += [rows[1]] * 40  # copies of one text
    frame = spark.createDataFrame(rows, "language string, quality_score double, text_hash string").repartition(5)
    ranks = frame.select("language", top_fraction.rank_key().alias("key")).localCheckpoint()
    found = top_fraction.cuts(ranks, keep)
    for language in ("en", "zh"):
        mine = sorted((-score, key) for name, score, key in rows if name == language)
        rank = max(1, round(keep * len(mine)))
        kept = [one for one in mine if one <= mine[rank - 1]]
        keys = sorted(row["key"] for row in ranks.where(F.col("language") == language).collect())
        assert found[language] == keys[rank - 1]
        assert sum(key <= found[language] for key in keys) == len(kept)
        assert found[language][16:] == mine[rank - 1][1]


def test_shares_of_documents_that_break_each_rule(spark):
    rows = [("en", 10, 1), ("en", 2000, 5), ("en", 60, 1), ("en", 60, 2), ("zh", 10, 1)]
    annotations = spark.createDataFrame(rows, "language string, word_count long, line_count long")
    found = {row["language"]: row.asDict() for row in verdict.broken_shares(annotations, RECIPES).collect()}
    assert found["en"] == {
        "language": "en", "documents": 4, "default word_count_min": 0.25, "default word_count_max": 0.25,
        "default line_count_min": 0.5, "zh word_count_max": 1.0,
    }  # fmt: skip
    assert (found["zh"]["documents"], found["zh"]["zh word_count_max"]) == (1, 1.0)
