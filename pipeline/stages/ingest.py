"""Read every source once: documents and, for everything else, a row that says why it is none."""

from collections.abc import Sequence
from functools import partial, reduce

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.arrow import column_from
from pipeline.kernels.hashing import unit_interval
from pipeline.schema import DOCUMENT, DOUBLE, REJECTED

# The reasons that this stage adds to those of the sources, with the sentence that the report prints.
REASONS = {
    "duplicate_id": "an earlier record of the run has the same id",
    "not_sampled": "left out by the share of the source that `sample` asks for",
}


def sampled(read: DataFrame, share: float, seed: int) -> DataFrame:
    """A hashed share of a source's documents; the others become rejections with the reason `not_sampled`."""
    if share >= 1:
        return read
    drawn = column_from(partial(_draw, seed=seed), DOUBLE)(F.coalesce("id", F.lit(""))) < share
    left_out = (F.col("outcome") == DOCUMENT) & ~drawn
    return read.withColumns(
        {"outcome": F.when(left_out, REJECTED).otherwise(F.col("outcome")),
         "remark": F.when(left_out, "not_sampled").otherwise(F.col("remark")),
         "text": F.when(~left_out, F.col("text"))}
    )  # fmt: skip


def _draw(ids: pa.Array, seed: int) -> pa.Array:
    return pa.array(unit_interval(seed, "sample of a source", ids))


def ingest(sources: Sequence[DataFrame]) -> DataFrame:
    """Rows of INGESTED from all sources + part.

    `part` is the number of the task that writes the row, and so of its file: nothing may come between this and the write.
    """
    return reduce(DataFrame.unionByName, sources).withColumn("part", F.spark_partition_id())


def rejections(read: DataFrame) -> DataFrame:
    """Rows of REJECTIONS from those of INGESTED whose outcome is `rejected`."""
    return read.select(
        "origin", "file", "offset", F.col("remark").alias("reason"), F.col("id").alias("record_id"), "url"
    )  # fmt: skip


def repeated(documents: DataFrame) -> DataFrame:
    """id, origin, file, offset, url of the documents whose id another one has, all but the smallest (file, offset).

    `documents` holds narrow columns only, so that the shuffle is of ids.
    """
    same = Window.partitionBy("id").orderBy("file", "offset")
    narrow = documents.select("id", "origin", "file", "offset", "url")
    return narrow.withColumn("place", F.row_number().over(same)).where("place > 1").drop("place")


def without(documents: DataFrame, repetitions: DataFrame, n_parts: int) -> DataFrame:
    """documents without `repetitions`, each row in the task of its part. Text moves: only a crawl that repeats ids pays."""
    left = documents.join(repetitions.select("id", "file", "offset"), ["id", "file", "offset"], "left_anti")
    return left.repartitionById(n_parts, "part").sortWithinPartitions("file", "offset")


def repetitions(repeated: DataFrame) -> DataFrame:
    """Rows of REJECTIONS for `repeated` documents."""
    reason = F.lit("duplicate_id").alias("reason")
    return repeated.select("origin", "file", "offset", reason, F.col("id").alias("record_id"), "url")
