"""Keep or drop, from measurements alone: language, filters, quality, in this order.

A verdict is one column, `drop_reason`: null keeps, else the first broken rule. Nothing is measured here, so that a changed
limit re-reads numbers and never a text.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.arrow import column_from
from pipeline.kernels.hashing import unit_interval
from pipeline.recipes import Limit
from pipeline.schema import DOUBLE

LANGUAGE, FILTERS, QUALITY = "language", "filters", "quality"
ORDER = (LANGUAGE, FILTERS, QUALITY, "deduplicate", "decontaminate")  # in which stages drop


def language_reason(keep: Sequence[str] | None, min_score: float) -> Column:
    """`language` for a language that is not kept, `language_score` below the limit; keep None takes every language."""
    reason = F.when(F.col("language_score") < min_score, "language_score")
    if keep is None:
        return reason
    return F.when(~F.col("language").isin(list(keep)), "language").otherwise(reason)


def filter_reason(recipes: Mapping[str, Sequence[Limit]]) -> Column:
    """The first broken limit of the recipe of the document's language, else of `default`."""
    reason = _first_broken(recipes.get("default", ()))
    for language, limits in recipes.items():
        if language != "default":
            reason = F.when(F.col("language") == language, _first_broken(limits)).otherwise(reason)
    return reason


def broken_shares(annotations: DataFrame, recipes: Mapping[str, Sequence[Limit]]) -> DataFrame:
    """language, documents, and for each recipe and reason `<recipe> <reason>`: the share of documents that break it.

    `annotations`: the metrics, and language. Each rule is asked by itself, whichever is broken first.
    """
    shares = [
        F.avg(broken.isNotNull().cast("double")).alias(f"{name} {reason}")
        for name, limits in recipes.items()
        for limit in limits
        for reason, broken in zip(limit.reasons(), _broken(limit), strict=True)
    ]
    return annotations.groupBy("language").agg(F.count(F.lit(1)).alias("documents"), *shares)


def _broken(limit: Limit) -> list[Column]:
    """The reason of each bound where it is broken, else null."""
    metric, bounds = F.col(limit.metric), (limit.min, limit.max)
    tests = (metric < bound if side == 0 else metric > bound for side, bound in enumerate(bounds) if bound is not None)
    return [F.when(test, reason) for test, reason in zip(tests, limit.reasons(), strict=True)]


def _first_broken(limits: Sequence[Limit]) -> Column:
    return F.coalesce(F.lit(None).cast("string"), *(reason for limit in limits for reason in _broken(limit)))


def draw(seed: int) -> Column:
    """The number in [0, 1) that the quality rule compares: of the text's hash, so that equal texts share their fate."""
    return column_from(partial(_draw, seed=seed), DOUBLE)("text_hash")


def _draw(hashes: pa.Array, seed: int) -> pa.Array:
    return pa.array(unit_interval(seed, "quality", hashes))


def quality_reason(kept: Column) -> Column:
    """`quality` for a scored document that is not `kept`. An unscored one (NaN) passes."""
    return F.when(~F.isnan("quality_score") & ~kept, QUALITY)


def pareto(seed: int, alpha: float | Mapping[str, float]) -> Column:
    """Kept with the chance (2 - score)^-alpha (kernels.quality.keep_chance); alpha may be a language's own."""
    return draw(seed) < F.pow(2.0 - F.col("quality_score"), -_of_language(alpha))


def threshold(minimum: float) -> Column:
    """Kept if score >= minimum."""
    return F.col("quality_score") >= minimum


def up_to(key: Column, cuts: Mapping[str, str]) -> Column:
    """Kept if the rank key is not greater than its language's."""
    return key <= _of_language(cuts) if cuts else F.lit(True)


def _of_language(values: float | Mapping[str, Any]) -> Column:
    if not isinstance(values, Mapping):
        return F.lit(float(values))
    cases = [F.when(F.col("language") == language, F.lit(value)) for language, value in sorted(values.items())]
    return F.coalesce(*cases) if cases else F.lit(None)


def verdicts(
    documents: DataFrame, annotations: DataFrame, raw: Sequence[str], language: Column, filters: Column, quality: Column
) -> DataFrame:
    """Rows of VERDICTS: one a document. Rules and classifier apply to the sources in `raw`; trusted ones pass them.

    `documents`: id, part, origin, source, language, language_score, text_hash. `annotations` has a row for each document in
    a kept language.
    """
    measured = documents.join(annotations.drop("part"), "id", "left")
    is_raw = F.col("source").isin(list(raw)) if raw else F.lit(False)
    reasons = measured.select(
        "id", "part", "origin", "source",
        language.alias(LANGUAGE), F.when(is_raw, filters).alias(FILTERS), F.when(is_raw, quality).alias(QUALITY),
    )  # fmt: skip
    first = F.coalesce(LANGUAGE, FILTERS, QUALITY)
    stage = F.coalesce(*(F.when(F.col(name).isNotNull(), name) for name in (LANGUAGE, FILTERS, QUALITY)))
    return reasons.select(
        "id", "part", "origin", "source", first.isNull().alias("kept"),
        stage.alias("stage"), first.alias("drop_reason"),
        F.lit(None).cast("long").alias("token_count"), F.lit(0).alias("copies"),
    )  # fmt: skip


def before(stage: str, decided: DataFrame) -> DataFrame:
    """Verdicts as they stood before `stage` decided: what it or a later one dropped is kept again.

    So each stage reads the same rows whether or not later stages have written their decisions into the table.
    """
    earlier = F.col("stage").isin(list(ORDER[: ORDER.index(stage)]))
    kept = ~F.coalesce(earlier, F.lit(False))
    return decided.select(
        "id", "part", "origin", "source", kept.alias("kept"),
        F.when(~kept, F.col("stage")).alias("stage"), F.when(~kept, F.col("drop_reason")).alias("drop_reason"),
        F.lit(None).cast("long").alias("token_count"), F.lit(0).alias("copies"),
    )  # fmt: skip


def decide(stage: str, decided: DataFrame, dropped: DataFrame) -> DataFrame:
    """Verdicts with the decisions of one more stage. `dropped`: id, drop_reason; only kept documents change."""
    rows = decided.join(dropped.withColumnRenamed("drop_reason", "new_reason"), "id", "left")
    loses = F.col("kept") & F.col("new_reason").isNotNull()
    return rows.select(
        "id", "part", "origin", "source", (F.col("kept") & ~loses).alias("kept"),
        F.when(loses, stage).otherwise(F.col("stage")).alias("stage"),
        F.when(loses, F.col("new_reason")).otherwise(F.col("drop_reason")).alias("drop_reason"),
        "token_count", "copies",
    )  # fmt: skip


def with_tokens(decided: DataFrame, tokens: DataFrame) -> DataFrame:
    """Verdicts with `token_count` for the kept documents. `tokens`: id, token_count."""
    counted = decided.drop("token_count").join(tokens, "id", "left")
    count = F.when(F.col("kept"), F.col("token_count")).alias("token_count")
    return counted.select("id", "part", "origin", "source", "kept", "stage", "drop_reason", count, "copies")


def with_copies(decided: DataFrame, drawn: DataFrame) -> DataFrame:
    """Verdicts with `copies`: how often the document is in corpus/. `drawn`: id, copies."""
    joined = decided.drop("copies").join(drawn, "id", "left")
    return joined.withColumn("copies", F.coalesce("copies", F.lit(0)))
