"""Duplicates of a folder of documents beside a library that does nothing else: seconds of both in one run.

usage: bench_deduplicate.py DOCUMENTS [PEER …]

DOCUMENTS is a run's documents/. PEER is a command that takes a Parquet file with a column `text` and prints JSON with
`seconds`, as `python library_dedup.py rensa`; its Python must have rensa and datasketch, which sign the first of the texts
by their own examples' shingles in the same run. Measured: reading the texts, signatures, duplicates/, all written, in a
warm session (the median of RUNS after a first one), as they are and with three perturbed copies of each document beside it.
"""

import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.arrow import rows_from
from pipeline.kernels import minhash
from pipeline.kernels.hashing import text_hash
from pipeline.kernels.text import units
from pipeline.schema import BINARY, INT, LONG, STRING, table
from pipeline.session import open_session
from pipeline.sources.documents import DocumentTexts
from pipeline.stages.deduplicate import Settings, deduplicate

RUNS = 5
PARTS = 8
SETTINGS = Settings(1, 5, 0.8, 12, 6, "exact", "across", ())
SIGNED = table({"id": STRING, "part": INT, "length": LONG, "signature": BINARY})


def perturbed(text: str, copy: int, place: int) -> str:
    """One word in fifty replaced."""
    draw = random.Random(f"{copy}/{place}")
    words = text.split(" ")
    for at in draw.sample(range(len(words)), len(words) // 50):
        words[at] = f"changed{draw.random()}"
    return " ".join(words)


def lay_out(source: Path, folder: Path, copies: int) -> None:
    """documents/ in PARTS files, and all.parquet for the peers."""
    columns = ["id", "url", "date", "text"]
    given = ds.dataset(source, partitioning="hive", format="parquet").to_table(columns=columns).to_pylist()
    rows = list(given)
    for copy in range(1, copies):
        for place, row in enumerate(given):
            text = perturbed(row["text"], copy, place)
            rows.append(row | {"id": f"{row['id']}#{copy}", "url": f"{row['url']}#!{copy}", "text": text})
    whole = pa.Table.from_pylist([row | {"text_hash": text_hash(row["text"]), "part": place % PARTS}
                                  for place, row in enumerate(rows)])
    pq.write_table(whole, folder / "all.parquet", compression="zstd")
    (folder / "documents" / "origin=all").mkdir(parents=True)
    for part in range(PARTS):
        mine = whole.filter(pc.equal(whole["part"], part)).drop_columns("part")
        pq.write_table(mine, folder / "documents" / "origin=all" / f"part-{part:05d}-x.parquet", compression="zstd")


def sign(batch: pa.RecordBatch, n: int) -> pa.RecordBatch:
    signed = minhash.signature_column(units(batch["text"]), SETTINGS.shingle, n)
    columns = {"id": batch["id"], "part": batch["part"], "length": pc.utf8_length(batch["text"]).cast("int64")}
    return pa.record_batch(columns | {"signature": signed})


def processor_seconds() -> tuple[float, float]:
    """Of Spark's JVM, and of the Python workers with this process."""
    me = psutil.Process()
    java = python = sum(me.cpu_times()[:2])
    java = 0.0
    for child in me.children(recursive=True):
        times = child.cpu_times()
        if "java" in child.name():
            java += times.user + times.system
        else:
            python += sum(times[:4])  # workers that have ended count with the daemon that forked them
    return java, python


def whole(spark: SparkSession, folder: Path, target: Path, show: bool) -> float:
    start = last = time.perf_counter()
    spent = processor_seconds()

    def checkpoint(name: str, frame: DataFrame) -> DataFrame:
        nonlocal last, spent
        frame.write.mode("overwrite").parquet(str(target / name))
        now, used = time.perf_counter(), processor_seconds()
        if show:
            java, python = used[0] - spent[0], used[1] - spent[1]
            print(f"    {name} {now - last:.2f} s; processors: Java {java:.2f}, Python {python:.2f}")
        last, spent = now, used
        return spark.read.schema(frame.schema).parquet(str(target / name))

    documents = spark.read.parquet(str(folder / "documents"))
    part = F.regexp_extract("_metadata.file_name", r"part-(\d+)-", 1).cast("int").alias("part")
    texts = documents.select("id", part, "text")
    signed = checkpoint("signed", rows_from(texts, partial(sign, n=SETTINGS.bands * SETTINGS.rows), SIGNED))
    narrow = documents.select(
        "id", "url", F.lit("").alias("dump"), "text_hash", "date", F.lit("all").alias("source"),
        F.lit(0.5).alias("quality_score"),
    )  # fmt: skip
    duplicates = deduplicate(signed.join(narrow, "id"), DocumentTexts(str(folder / "documents")), SETTINGS, checkpoint)
    checkpoint("duplicates", duplicates)
    return time.perf_counter() - start


def rates(folder: Path) -> None:
    texts = pq.read_table(folder / "all.parquet", columns=["text"])["text"].combine_chunks().slice(0, 4000)
    n_bytes = pc.sum(pc.binary_length(texts)).as_py()
    for work, name in ((lambda: minhash.signature_column(units(texts), 5, 112), "signatures of 112 permutations"),
                       (lambda: units(texts), "of which units")):
        work()
        spent = []
        for _ in range(3):
            start = time.process_time()
            work()
            spent.append(time.process_time() - start)
        print(f"{name}: {n_bytes / min(spent) / 1e6:.0f} MB/s of text a core")


# As in their READMEs: words of a regular expression, joined. Making the shingles is a part of the work, as it is of ours.
PEERS_SIGN = """
import re, sys, time
import pyarrow.parquet as pq
from datasketch import MinHash
from rensa import RMinHash
texts = pq.read_table(sys.argv[1], columns=["text"])["text"].to_pylist()[:1500]
size = sum(len(text.encode()) for text in texts)
def shingles(text):
    words = re.findall(r"\\w+", text.lower())
    return [" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))]
def rensa():
    RMinHash.from_token_sets([shingles(text) for text in texts], num_perm=112, seed=1)
def datasketch():
    for text in texts:
        MinHash(num_perm=112).update_batch({one.encode() for one in shingles(text)})
for sign in (rensa, datasketch):
    start = time.process_time()
    sign()
    print(f"{sign.__name__}: {size / (time.process_time() - start) / 1e6:.0f} MB/s of text a core")
"""


def main(arguments: list[str]) -> None:
    source, peers = Path(arguments[0]), arguments[1:]
    spark = open_session("local[2]", {}, "bench")
    for copies in (1, 4):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            lay_out(source, folder, copies)
            if copies == 1:
                rates(folder)
                if peers:
                    interpreter = shlex.split(peers[0])[0]
                    subprocess.run([interpreter, "-c", PEERS_SIGN, str(folder / "all.parquet")], check=True)
            first = whole(spark, folder, folder / "out", False)
            ours = [whole(spark, folder, folder / "out", True) for turn in range(int(os.environ.get("RUNS", RUNS)))]
            n = pq.read_metadata(folder / "all.parquet").num_rows
            removed = spark.read.parquet(str(folder / "out" / "duplicates")).where("id != representative_id").count()
            said = ", ".join(f"{one:.2f}" for one in ours)
            median = statistics.median(ours)
            print(f"{n:,} documents, {removed:,} removed: median {median:.2f} s ({said}; first {first:.2f})")
            for peer in peers:
                command = [*shlex.split(peer), str(folder / "all.parquet")]
                theirs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                          for _ in range(RUNS if copies == 1 else 2)]
                other = statistics.median(one["seconds"] for one in theirs)
                print(f"    {peer}: median {other:.2f} s; ratio {median / other:.2f}; {theirs[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
