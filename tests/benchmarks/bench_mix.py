"""The mix stage against a plain `repartitionByRange` and `write.parquet` of the same rows, in one run.

usage: bench_mix.py [GB of text, 1] [folder, a temporary one that is removed]

Prints MB of text a second and the ratio to the plain write, by the clock and, for a machine that others use too, by
processor time: of the mix (draw, order, shards), and of the mix with GPT-2 token counts, which the stage before it makes
in a pass of its own.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from pipeline import sample
from pipeline.kernels.mixture import plan
from pipeline.kernels.tokens import GPT2, count_tokens
from pipeline.schema import DOCUMENTS, LONG, table
from pipeline.session import open_session
from pipeline.shards import write_shards
from pipeline.sources.documents import DocumentTexts
from pipeline.stages import corpus as writing
from pipeline.stages import mix as stage

PARTS = 16
WORDS = 900  # a document, about 4.6 kB
SHARD_SIZE = 64_000_000
COUNTED = table({"token_count": LONG})


def make_documents(spark: SparkSession, folder: Path, gigabytes: float) -> None:
    """documents/ as ingest leaves it, in PARTS files of one source: words drawn from the sample's English articles."""
    n_documents = int(gigabytes * 1e9 / 4600) // PARTS
    schema = to_arrow_schema(DOCUMENTS)
    articles = Path(sample.__file__).parent / "articles" / "en"
    words = np.array([word for path in sorted(articles.glob("*.md")) for word in path.read_text("utf-8").split()])

    def texts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part in (part for batch in batches for part in batch["part"].to_pylist()):
            chance = np.random.default_rng(part)
            for start in range(0, n_documents, 1000):
                n = min(1000, n_documents - start)
                drawn = words[chance.integers(0, len(words), (n, WORDS))]
                ids = [f"urn:uuid:{part:04d}-{start + k:08d}" for k in range(n)]
                columns = {
                    "id": ids, "part": [part] * n, "text": [" ".join(line) for line in drawn], "language": ["en"] * n,
                    "url": [f"https://example.org/{name}" for name in ids], "origin": ["web"] * n,
                }  # fmt: skip
                yield pa.RecordBatch.from_pydict({name: columns.get(name, [None] * n) for name in schema.names}, schema)

    rows = spark.range(PARTS).select(F.col("id").cast("int").alias("part")).repartitionByRange(PARTS, "part")
    rows.mapInArrow(texts, DOCUMENTS).write.partitionBy("origin").parquet(folder.as_uri())


def count_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch({"token_count": pa.array(count_tokens(batch["text"]))})


class Took(NamedTuple):
    """Seconds on the clock, and of processors: Spark's JVM, the Python workers and this process."""

    clock: float
    processors: float

    def __add__(self, other: "Took") -> "Took":  # type: ignore[override]
        return Took(self.clock + other.clock, self.processors + other.processors)


def processor_seconds() -> float:
    me = psutil.Process()
    return sum(sum(one.cpu_times()[:4]) for one in (me, *me.children(recursive=True)))  # with children that have ended


def timed(work: Callable[[], object]) -> Took:
    start, used = time.perf_counter(), processor_seconds()
    work()
    return Took(time.perf_counter() - start, processor_seconds() - used)


def say(label: str, took: Took, n_bytes: int, plain: Took) -> None:
    rate = n_bytes / took.clock / 1e6
    print(
        f"{label:28} {took.clock:6.1f} s {rate:6.1f} MB/s {plain.clock / took.clock:5.2f} x   "
        f"processors {took.processors:6.1f} s {plain.processors / took.processors:5.2f} x",
        flush=True,
    )


def mix(verdicts: DataFrame, folder: Path, texts: DocumentTexts) -> None:
    """As pipeline.run.mixing does it: one epoch of one source."""
    sums = verdicts.agg(F.sum("token_count"), F.count(F.lit(1))).first()
    assert sums is not None
    plans = plan({"web": 1}, sums[0], {"web": sums[0]}, {"web": sums[1]}, None)
    drawn = folder.parent / "drawn"
    stage.draw(verdicts, plans, 1).write.mode("overwrite").parquet(drawn.as_uri())
    copies = stage.order_keys(verdicts.sparkSession.read.parquet(drawn.as_uri()), 1)
    placed, n_shards = stage.assign_shards(copies, F.col("bytes"), SHARD_SIZE)
    rows = writing.corpus_rows(placed, texts, split=False, tokenizer=GPT2)
    write_shards(rows, folder, n_shards)


def main(gigabytes: float, folder: Path) -> None:
    spark = open_session("local[2]", {})
    documents = folder / "documents"
    make_documents(spark, documents, gigabytes)
    stored = spark.read.schema(DOCUMENTS).parquet(documents.as_uri())
    found = stored.agg(F.sum(F.octet_length("text"))).first()
    assert found is not None
    n_bytes = found[0]
    texts = DocumentTexts(str(documents))
    on_disk = sum(path.stat().st_size for path in documents.rglob("*.parquet"))
    verdicts = stored.select(
        "id", "part", F.col("origin").alias("source"), F.lit(1100).cast("long").alias("token_count"),
        F.lit(0.5).alias("quality_score"), (F.octet_length("text") * (on_disk / n_bytes)).alias("bytes"),
    )  # fmt: skip
    verdicts.write.parquet((folder / "verdicts").as_uri())
    verdicts = spark.read.parquet((folder / "verdicts").as_uri())
    print(f"{n_bytes / 1e9:.2f} GB of text, {verdicts.count():,} documents, {on_disk / 1e6:.0f} MB on disk", flush=True)

    def plain() -> None:
        keyed = stored.withColumn("key", F.xxhash64("id"))
        n_files = max(1, round(on_disk / SHARD_SIZE))
        keyed.repartitionByRange(n_files, "key").drop("key").write.mode("overwrite").parquet((folder / "plain").as_uri())

    def mixed() -> None:
        shutil.rmtree(folder / "corpus", ignore_errors=True)
        mix(verdicts, folder / "corpus", texts)

    def count() -> None:
        counted = texts(verdicts.select("id", "part"), ("text",), count_batch, COUNTED)
        counted.select(F.sum("token_count")).collect()

    for attempt in ("first", "second"):  # the first compiles kernels and Java's code
        writing_plainly = timed(plain)
        mixing, counting = timed(mixed), timed(count)
        say(f"{attempt}: plain write", writing_plainly, n_bytes, writing_plainly)
        say(f"{attempt}: mix", mixing, n_bytes, writing_plainly)
        say(f"{attempt}: token counts", counting, n_bytes, writing_plainly)
        say(f"{attempt}: mix and counts", mixing + counting, n_bytes, writing_plainly)
    spark.stop()


if __name__ == "__main__":
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    if len(sys.argv) > 2:
        main(size, Path(sys.argv[2]).absolute())
    else:
        with tempfile.TemporaryDirectory(prefix="taojin-bench-") as temporary:
            main(size, Path(temporary))
