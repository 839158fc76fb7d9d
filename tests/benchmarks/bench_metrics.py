"""MB/s of UTF-8 text a core: tokenisation, each group of metrics, all of it; and the seconds of the first call.

usage: bench_metrics.py [FILE.parquet with a column `text`]        without a file: Zipf-like English and Chinese text
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from pipeline.kernels.characters import count_characters
from pipeline.kernels.lines import lines
from pipeline.kernels.metrics import measure
from pipeline.kernels.text import units


def synthetic(n_documents: int = 2000) -> pa.Array:
    chance = np.random.default_rng(1)
    words = ["".join(chance.choice(list("etaoinshrdlu"), chance.integers(2, 10))) for _ in range(20_000)]
    characters = [chr(0x4E00 + k) for k in range(3000)]
    texts = []
    for i in range(n_documents):
        vocabulary, gap = (words, " ") if i % 2 else (characters, "")
        drawn = gap.join(vocabulary[k % len(vocabulary)] for k in chance.zipf(1.2, 2000))
        texts.append("\n".join(drawn[k : k + 200] for k in range(0, len(drawn), 200)))
    return pa.array(texts, pa.large_string())


def rate(label: str, n_bytes: int, work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    first = time.perf_counter() - start
    best = min(_seconds(work) for _ in range(3))
    print(f"{label:24} {n_bytes / best / 1e6:8.0f} MB/s   first call {first - best:5.1f} s more")


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(paths: list[str]) -> None:
    texts = pq.read_table(paths[0])["text"].combine_chunks() if paths else synthetic()
    n_bytes = int(np.sum(pa.compute.binary_length(texts).to_numpy(zero_copy_only=False)))
    found = units(texts)
    rate("units", n_bytes, lambda: units(texts))
    rate("count_characters", n_bytes, lambda: count_characters(texts))
    rate("lines", n_bytes, lambda: lines(texts))
    rate("measure", n_bytes, lambda: measure(texts, found))
    rate("units and measure", n_bytes, lambda: measure(texts, units(texts)))


if __name__ == "__main__":
    main(sys.argv[1:])
