"""Token counts of documents that were not counted: estimated, by source, from their length.

The ratio estimator of survey sampling (Cochran 1977, chapter 6): tokens a byte among the counted documents of a source,
times the bytes of the others. Which documents are counted is a hash of their ids.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

BYTES_A_TOKEN = 4.0  # of English by GPT-2's tokens; only where no document at all was counted


class Rate(NamedTuple):
    """Of one source's kept documents."""

    documents: int
    counted: int  # of them, by the tokenizer
    tokens_a_byte: float
    relative_error: float  # standard error of the source's tokens, of the tokens; 0 where all were counted


def rates(tokens: DataFrame, kept: DataFrame) -> dict[str, Rate]:
    """Source -> its rate. `tokens`: id, text_bytes, token_count (null: not counted); `kept`: id, source.

    A source none of whose documents were counted has the rate of all sources together.
    """
    t, b = F.col("token_count").cast("double"), F.when(F.col("token_count").isNotNull(), F.col("text_bytes"))
    sums = (
        F.count(F.lit(1)), F.sum(F.col("text_bytes").cast("double")), F.count(t), F.sum(t), F.sum(b.cast("double")),
        F.sum(t * t), F.sum(t * b), F.sum(b.cast("double") * b),
    )  # fmt: skip
    rows = tokens.join(kept.select("id", "source"), "id").groupBy("source").agg(*sums).orderBy("source").collect()
    found = {source: [float(one or 0) for one in values] for source, *values in rows}
    in_all = [sum(column, 0.0) for column in zip(*found.values(), strict=True)] or [0.0] * len(sums)
    pooled = in_all[3] / in_all[4] if in_all[4] else 1 / BYTES_A_TOKEN
    return {source: _rate(values, pooled) for source, values in found.items()}


def _rate(sums: list[float], pooled: float) -> Rate:
    """
    >>> _rate([4, 40, 2, 6, 20, 20, 64, 208], 0.0)
    Rate(documents=4, counted=2, tokens_a_byte=0.3, relative_error=0.0943)
    """
    documents, all_bytes, n, tokens, text_bytes, tokens_2, both, bytes_2 = sums
    rate = tokens / text_bytes if text_bytes else pooled
    error = 1.0 if n < documents else 0.0  # of fewer than two counted documents nothing is known
    total = rate * all_bytes
    if n >= 2 and total:
        residual = max(0.0, tokens_2 - 2 * rate * both + rate * rate * bytes_2) / (n - 1)
        error = documents * sqrt((1 - n / documents) * residual / n) / total
    return Rate(int(documents), int(n), rate, round(error, 4))


def estimated(tokens: DataFrame, kept: DataFrame, found: Mapping[str, Rate]) -> DataFrame:
    """id, token_count of all documents in `tokens`: as counted, else bytes x the source's rate, to the nearest whole."""
    rate = F.lit(0.0)
    for source, one in found.items():
        rate = F.when(F.col("source") == source, one.tokens_a_byte).otherwise(rate)
    guessed = F.round(F.col("text_bytes") * rate).cast("long")
    joined = tokens.join(kept.select("id", "source"), "id", "left")
    return joined.select("id", F.coalesce("token_count", guessed).alias("token_count"))
