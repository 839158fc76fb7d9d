"""The documents that a report shows: samples of every reason, and the beginnings of any."""

from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.arrow import column_from
from pipeline.kernels.hashing import unit_interval
from pipeline.report.score_counts import Sample
from pipeline.run.work import Work
from pipeline.schema import DOUBLE, LONG, STRING, table

SAMPLES, SAMPLES_KEPT = 5, 20  # documents shown of a drop reason, and of the kept
EXCERPT = 400  # code points
_EXCERPTS = table({"id": STRING, "key": STRING}, {"source": STRING, "url": STRING, "excerpt": STRING, "size": LONG})


def samples(work: Work) -> dict[str, tuple[Sample, ...]]:
    """A few documents of each drop reason, and of the kept, drawn by hashes, from every source that has any."""
    reason = F.coalesce("drop_reason", F.lit("kept")).alias("key")
    decided = work.read("verdicts").select("id", "part", "source", reason)
    unit = column_from(partial(_draw, seed=work.config.seed), DOUBLE)
    rows = decided.join(_few_parts(decided), ["key", "source", "part"]).withColumn("unit", unit("id"))
    # The first of each source, then the second of each …: a source with a million documents leaves room for the others.
    place = F.row_number().over(Window.partitionBy("key", "source").orderBy("unit", "id"))
    turn = F.row_number().over(Window.partitionBy("key").orderBy("place", "unit", "id"))
    wanted = F.when(F.col("key") == "kept", SAMPLES_KEPT).otherwise(SAMPLES)
    few = rows.withColumn("place", place).where(F.col("place") <= wanted).withColumn("turn", turn)
    few = few.where(F.col("turn") <= wanted)
    shown: dict[str, list[Sample]] = {}
    for row in excerpts(work, few.select("id", "part", "source", "key", F.lit(0).cast("long").alias("size"))):
        shown.setdefault(row["key"], []).append(Sample(row["id"], row["url"] or "", row["excerpt"], row["source"]))
    return {key: tuple(sorted(shown[key], key=lambda one: (one.source, one.id))) for key in sorted(shown)}


def _few_parts(decided: DataFrame) -> DataFrame:
    """key, source, part: for each key and source the first documents files, by hash, that hold enough of its documents.

    So the pages of examples read a few files a reason, which reasons share where they can, however large the crawl is.
    """
    files = decided.groupBy("key", "source", "part").agg(F.count(F.lit(1)).alias("n"))
    in_order = Window.partitionBy("key", "source").orderBy(F.xxhash64("part"), "part")
    before = F.sum("n").over(in_order) - F.col("n")
    return files.withColumn("before", before).where(F.col("before") < SAMPLES).select("key", "source", "part")


def _draw(ids: pa.Array, seed: int) -> pa.Array:
    return pa.array(unit_interval(seed, "report", ids))


def excerpts(work: Work, rows: DataFrame) -> list[Any]:
    """url, excerpt of documents, as the stages have edited them; `rows`: id, part, source, key, size."""
    return work.texts()(rows, ("url", "text"), _excerpt, _EXCERPTS).collect()


def _excerpt(batch: pa.RecordBatch) -> pa.RecordBatch:
    texts = pa.array([(text or "")[:EXCERPT] for text in batch["text"].to_pylist()], pa.string())
    carried = {name: batch[name] for name in ("id", "key", "source", "url", "size")}
    return pa.record_batch({name: texts if name == "excerpt" else carried[name] for name in _EXCERPTS.names})
