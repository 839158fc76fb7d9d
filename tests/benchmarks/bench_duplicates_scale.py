"""Duplicates among generated signatures whose clusters are known: seconds, marginal time a document, peak memory.

usage: bench_duplicates_scale.py [N …]      100000 1000000 4000000; also `equal` and `mllib`

Of ten documents six are alone and four are a cluster: each of the four has its own 5 % of the cluster's signature, so that
two of them agree in some 90 %. Verified by signature. `equal`: 100,000 documents of one signature and different texts.
`mllib`: MinHashLSH of pyspark.ml, ten tables, on as many documents of 100 words, pairs of near
duplicates, as it finishes in useful time.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.schema import BINARY, DOUBLE, INT, LONG, STRING, table
from pipeline.session import open_session
from pipeline.stages.deduplicate import Settings, deduplicate

VALUES = 72
SETTINGS = Settings(1, 5, 0.8, 12, 6, "signature", "across", ("web",))
DOCUMENTS = table({
    "id": STRING, "part": INT, "source": STRING, "url": STRING, "dump": STRING, "date": STRING, "text_hash": STRING,
    "signature": BINARY, "quality_score": DOUBLE, "length": LONG,
})  # fmt: skip


def mixed(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer."""
    z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def generated(spark: SparkSession, n: int, equal: bool) -> DataFrame:
    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            number = batch["id"].to_numpy()
            cluster = np.zeros_like(number) if equal else number - np.maximum(number % 10 - 6, 0)
            values = mixed(cluster[:, None] * VALUES + np.arange(VALUES))
            own = mixed(number[:, None] * VALUES + np.arange(VALUES) + 2**40)
            changed = (own % np.uint64(20) == 0) & (not equal)
            signed = np.where(changed, own, values).astype("<u4")
            names = [f"urn:{one}" for one in number.tolist()]
            size = len(number)
            columns = {
                "id": pa.array(names), "part": pa.array(np.zeros(size, np.int32)), "source": pa.array(["web"] * size),
                "url": pa.array([""] * size), "dump": pa.array([""] * size), "date": pa.array([""] * size),
                "text_hash": pa.array(names), "signature": pa.array([row.tobytes() for row in signed]),
                "quality_score": pa.array(np.full(size, 0.5)), "length": pa.array(np.full(size, 1000)),
            }  # fmt: skip
            yield pa.RecordBatch.from_pydict(columns)

    return spark.range(0, n, 1, 16).mapInArrow(rows, DOCUMENTS)


class Peak:
    """The largest sum of resident memory of the JVM, and of the driver and the workers, while it is open, in MB."""

    def __enter__(self) -> "Peak":
        self.java = self.python = 0.0
        self._open = True
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False

    def _watch(self) -> None:
        while self._open:
            java = python = 0.0
            for child in (psutil.Process(), *psutil.Process().children(recursive=True)):
                try:
                    size, name = child.memory_info().rss / 1e6, child.name()  # forks that are not `chmod` yet: none
                    java, python = java + size * ("java" in name), python + size * ("python" in name)
                except psutil.Error:
                    continue
            self.java, self.python = max(self.java, java), max(self.python, python)
            time.sleep(0.2)


def processor_seconds() -> float:
    """Of the JVM and the Python workers."""
    return sum(sum(child.cpu_times()[:4]) for child in psutil.Process().children(recursive=True))


def measure(spark: SparkSession, n: int, equal: bool = False) -> tuple[float, float]:
    """Seconds and processor seconds."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCRATCH")) as name:
        folder = Path(name)
        seconds: dict[str, float] = {}

        def checkpoint(step: str, frame: DataFrame) -> DataFrame:
            begun = time.perf_counter()
            frame.write.mode("overwrite").parquet(str(folder / step))
            seconds[step] = time.perf_counter() - begun
            return spark.read.schema(frame.schema).parquet(str(folder / step))

        documents = checkpoint("documents", generated(spark, n, equal))
        start, used = time.perf_counter(), processor_seconds()
        with Peak() as peak:
            found = checkpoint("found", deduplicate(documents, None, SETTINGS._replace(urls=False), checkpoint))
        spent, used = time.perf_counter() - start, processor_seconds() - used
        number = F.substring("id", 5, 20).cast("long")
        wanted = F.lit(0) if equal else number - F.greatest(number % 10 - 6, F.lit(0))
        by_cluster = found.groupBy("cluster_id").agg(F.count_distinct(wanted).alias("kinds"), F.count(F.lit(1)).alias("n"))
        row = by_cluster.agg(F.count(F.lit(1)), F.sum("n"), F.max("kinds")).first()
        steps = len(list(folder.glob("stars-*")))
        wanted_clusters, wanted_documents = (1, n) if equal else (n // 10, n * 4 // 10)
        print(
            f"{n:,} documents{' of one signature' if equal else ''}: {spent:.1f} s, {used:.1f} of processors; "
            f"{row[0]:,} clusters of {row[1]:,} documents (wanted {wanted_clusters:,} of {wanted_documents:,}), "
            f"strangers together: {row[2] > 1}; {steps} steps of stars; "
            f"peak Java {peak.java:,.0f} MB, Python {peak.python:,.0f} MB",
            flush=True,
        )
        print("    " + ", ".join(f"{step} {one:.1f} s" for step, one in seconds.items()), flush=True)
        return spent, used


def mllib(spark: SparkSession) -> None:
    from pyspark.ml.feature import HashingTF, MinHashLSH

    def word_of(k: Column) -> Column:
        """Two documents of a pair share 95 of their 100 words, strangers what chance gives them."""
        who = F.when(k < 5, F.col("id")).otherwise(F.col("id") - F.col("id") % 2)
        return F.concat(k, F.lit("/"), F.xxhash64(who, k) % 5000)

    for n in (8000, 16_000, 32_000, 64_000, 128_000):
        word = F.transform(F.sequence(F.lit(0), F.lit(99)), word_of)
        words = spark.range(0, n, 1, 4).select("id", word.alias("words"))
        features = HashingTF(inputCol="words", outputCol="features", numFeatures=1 << 18).transform(words).cache()
        features.count()
        start = time.perf_counter()
        model = MinHashLSH(inputCol="features", outputCol="hashes", numHashTables=10, seed=1).fit(features)
        pairs = model.approxSimilarityJoin(features, features, 0.2).where("datasetA.id < datasetB.id").count()
        spent = time.perf_counter() - start
        print(f"pyspark.ml's MinHashLSH, {n:,} documents: {spent:.1f} s, {pairs} pairs", flush=True)
        if spent > 40:
            return


def main(arguments: list[str]) -> None:
    memory = {"spark.driver.memory": os.environ.get("DRIVER_MEMORY", "3g")}
    spark = open_session("local[2]", memory, "bench")
    before: tuple[int, tuple[float, float]] | None = None
    marginal: list[list[float]] = []
    for argument in arguments or ["100000", "1000000", "4000000"]:
        if argument == "equal":
            measure(spark, 100_000, equal=True)
        elif argument == "mllib":
            mllib(spark)
        else:
            n = int(argument)
            if before is None:
                measure(spark, n)  # plans are compiled, which would count for the first step
            spent = measure(spark, n)
            if before:
                marginal.append([1e6 * (now - then) / (n - before[0]) for now, then in zip(spent, before[1], strict=True)])
                said = [f"{one:.1f} us" for one in marginal[-1]]
                if len(marginal) > 1:
                    ratios = (now / then for now, then in zip(marginal[-1], marginal[-2], strict=True))
                    said = [f"{one} ({ratio:.2f} of the step before)" for one, ratio in zip(said, ratios, strict=True)]
                print(f"    a further document: {said[0]}, of processors {said[1]}", flush=True)
            before = n, spent


if __name__ == "__main__":
    main(sys.argv[1:])
