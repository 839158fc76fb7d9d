"""Duplicates among generated signatures whose clusters are known: seconds, marginal time a document, peak memory.

usage: bench_duplicates_scale.py [N …]      100000 1000000 4000000; also `equal` and `mllib`

Of ten documents six are alone and four are a cluster: each of the four has its own 5 % of the cluster's signature, so that
two of them agree in some 90 %. Verified by signature. `equal`: 100,000 documents of one signature and different texts.
`mllib`: MinHashLSH of pyspark.ml, ten tables, on as many documents of 100 words as it finishes in two minutes.
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
from pyspark.sql import DataFrame, SparkSession
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
    """The largest sum of resident memory of the JVM and the workers while it is open, in MB."""

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
            for child in psutil.Process().children(recursive=True):
                try:
                    size = child.memory_info().rss / 1e6
                    java, python = (java + size, python) if "java" in child.name() else (java, python + size)
                except psutil.Error:
                    continue
            self.java, self.python = max(self.java, java), max(self.python, python)
            time.sleep(0.2)


def measure(spark: SparkSession, n: int, equal: bool = False) -> float:
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCRATCH")) as name:
        folder = Path(name)

        def checkpoint(step: str, frame: DataFrame) -> DataFrame:
            frame.write.mode("overwrite").parquet(str(folder / step))
            return spark.read.schema(frame.schema).parquet(str(folder / step))

        documents = checkpoint("documents", generated(spark, n, equal))
        start = time.perf_counter()
        with Peak() as peak:
            found = checkpoint("found", deduplicate(documents, None, SETTINGS._replace(urls=False), checkpoint))
        spent = time.perf_counter() - start
        number = F.substring("id", 5, 20).cast("long")
        wanted = F.lit(0) if equal else number - F.greatest(number % 10 - 6, F.lit(0))
        by_cluster = found.groupBy("cluster_id").agg(F.count_distinct(wanted).alias("kinds"), F.count(F.lit(1)).alias("n"))
        row = by_cluster.agg(F.count(F.lit(1)), F.sum("n"), F.max("kinds")).first()
        steps = len(list(folder.glob("stars-*")))
        wanted_clusters, wanted_documents = (1, n) if equal else (n // 10, n * 4 // 10)
        print(
            f"{n:,} documents{' of one signature' if equal else ''}: {spent:.1f} s; "
            f"{row[0]:,} clusters of {row[1]:,} documents (wanted {wanted_clusters:,} of {wanted_documents:,}), "
            f"strangers together: {row[2] > 1}; {steps} steps of stars; "
            f"peak Java {peak.java:,.0f} MB, Python {peak.python:,.0f} MB",
            flush=True,
        )
        return spent


def mllib(spark: SparkSession) -> None:
    from pyspark.ml.feature import HashingTF, MinHashLSH

    for n in (1000, 2000, 4000, 8000):
        word = F.transform(F.sequence(F.lit(0), F.lit(99)), lambda k: F.concat(k, F.lit("/"), F.xxhash64("id", k) % 5000))
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
    spark = open_session("local[2]", {}, "bench")
    before: tuple[int, float] | None = None
    marginal: list[float] = []
    for argument in arguments or ["100000", "1000000", "4000000"]:
        if argument == "equal":
            measure(spark, 100_000, equal=True)
        elif argument == "mllib":
            mllib(spark)
        else:
            n = int(argument)
            spent = measure(spark, n)
            if before:
                marginal.append(1e6 * (spent - before[1]) / (n - before[0]))
                ratio = f", {marginal[-1] / marginal[-2]:.2f} of the step before" if len(marginal) > 1 else ""
                print(f"    {marginal[-1]:.1f} us a further document{ratio}", flush=True)
            before = n, spent


if __name__ == "__main__":
    main(sys.argv[1:])
