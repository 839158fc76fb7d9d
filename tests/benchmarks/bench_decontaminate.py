"""Decontamination against an index of generated n-grams: MB/s of UTF-8 text a core, the index's memory and build time.

usage: bench_decontaminate.py [N_GRAMS [FILE.parquet with a column `text`]]      10,000,000; Zipf-like English and Chinese

`find` is all of it, from the Arrow column to the places: its tokenisation stands beside it as the yardstick.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from pipeline.kernels import ngrams
from pipeline.kernels.text import units

SIZE = 13


def synthetic(chinese: bool, n_documents: int = 1500) -> pa.Array:
    chance = np.random.default_rng(1)
    words = ["".join(chance.choice(list("etaoinshrdlu"), chance.integers(2, 10))) for _ in range(20_000)]
    vocabulary, gap = ([chr(0x4E00 + k) for k in range(3000)], "") if chinese else (words, " ")
    drawn = (chance.zipf(1.2, 2000) % len(vocabulary) for _ in range(n_documents))
    return pa.array([gap.join(vocabulary[k] for k in document) for document in drawn], pa.large_string())


def generated(n: int) -> ngrams.Index:
    """n random grams; every tenth is longer than its head, as Chinese grams are."""
    chance = np.random.default_rng(2)
    heads = chance.integers(0, 2**64, n, np.uint64)
    sizes = np.full(n, SIZE, np.uint16)
    sizes[::10] = 20
    hashes = heads.copy()
    hashes[::10] = chance.integers(0, 2**64, len(hashes[::10]), np.uint64)
    return ngrams.build_index(ngrams.Grams(np.zeros(n, np.int32), heads, sizes, hashes), SIZE)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(arguments: list[str]) -> None:
    n = int(arguments[0]) if arguments else 10_000_000
    start = time.perf_counter()
    index = generated(n)
    parts = {name: getattr(index, name).nbytes / 1e6 for name in ("heads", "sizes", "hashes", "filter")}
    said = ", ".join(f"{name} {size:.0f}" for name, size in parts.items())
    print(f"index of {n:,} grams: {sum(parts.values()):.0f} MB ({said}), built in {time.perf_counter() - start:.1f} s")
    samples = {"English": synthetic(False), "Chinese": synthetic(True)}
    if len(arguments) > 1:
        samples = {arguments[1]: pq.read_table(arguments[1])["text"].combine_chunks()}
    for name, texts in samples.items():
        n_bytes = int(pa.compute.sum(pa.compute.binary_length(texts)).as_py())
        ngrams.find(texts[:1], index)
        tokenised = min(seconds(partial(units, texts)) for _ in range(3))
        found = min(seconds(partial(ngrams.find, texts, index)) for _ in range(3))
        rates = [n_bytes / spent / 1e6 for spent in (found, tokenised)]
        print(f"{name}: find {rates[0]:.0f} MB/s, {rates[0] / rates[1]:.2f} of units ({rates[1]:.0f} MB/s)")


if __name__ == "__main__":
    main(sys.argv[1:])
