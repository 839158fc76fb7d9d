"""How fast the quality score and its training are: `python tests/benchmarks/bench_quality.py [documents]`.

Texts are drawn from a vocabulary of 200,000 made words by Zipf's law, 300 words a text as a median, half of them references
with other favourite words. Training is the fit and the card of so many documents, from their features on; its memory is
the process' peak.
"""

import resource
import sys
import time
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pipeline.kernels.quality import content, count_words, score
from pipeline.kernels.quality_card import fit
from pipeline.kernels.text import units

BUCKETS = 1 << 18
WORDS = 200_000
CHUNK = 1_000
_LETTERS = str.maketrans("0123456789", "αβγδεζηθικ")  # words that begin with a digit would not count
SPELLED = np.array(
    [np.base_repr(k * 7919 % 10_000_019 + 36**2, 36).lower().translate(_LETTERS) for k in range(WORDS)], object
)


def texts(n: int, seed: int, reference: bool) -> pa.Array:
    draw = np.random.default_rng(seed)
    lengths = np.minimum(draw.lognormal(5.7, 0.9, n).astype(int) + 1, 20_000)
    ranks = np.minimum(draw.zipf(1.15, lengths.sum()), WORDS) - 1
    shifted = draw.uniform(size=len(ranks)) < 0.05
    ranks[shifted] = (ranks[shifted] * 7 + 11 + reference) % WORDS
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    return pa.array([" ".join(SPELLED[ranks[a:b]]) for a, b in pairwise(bounds)])


def features(n: int) -> pa.Table:
    tables = []
    for chunk in range(0, n, CHUNK):
        reference = chunk // CHUNK % 2 == 0
        column = texts(min(CHUNK, n - chunk), chunk, reference)
        counted = count_words(content(column, units(column)), BUCKETS)
        bounds = list(pairwise(counted.bounds))
        tables.append(pa.table({
            "id": [f"{chunk + k:09d}" for k in range(len(column))],
            "window": pa.array(np.zeros(len(column)), pa.int32()),
            "source": [f"s{k % 3}" if reference else "web" for k in range(len(column))],
            "host": [f"{chunk + k:09d}" if reference else f"h{k % 500}" for k in range(len(column))],
            "language": ["en"] * len(column), "reference": [reference] * len(column),
            "buckets": pa.array([counted.buckets[a:b].tobytes() for a, b in bounds], pa.binary()),
            "counts": pa.array([counted.counts[a:b].tobytes() for a, b in bounds], pa.binary()),
            "bands": pa.array([b""] * len(column), pa.binary()), "vocabulary": [""] * len(column),
        }))  # fmt: skip
    return pa.concat_tables(tables)


def main(n: int) -> None:
    column = texts(4_000, 1, True)
    weights = np.random.default_rng(2).normal(size=BUCKETS).astype(np.float32)
    found = units(column)
    score(content(column, found), weights, 0.0)
    best = min(_seconds(lambda: score(content(column, found), weights, 0.0)) for _ in range(5))
    whole = min(_seconds(lambda: score(content(column, units(column)), weights, 0.0)) for _ in range(5))
    megabytes = column.nbytes / 1e6
    print(f"score: {megabytes / best:,.0f} MB/s of text, its words hashed; {megabytes / whole:,.0f} MB/s with hashing them")
    given = features(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = _seconds(lambda: print("AUC", fit(given, BUCKETS, 1)[1]["languages"][0]["auc"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"fit: {n:,} documents in {seconds:.0f} s, peak {peak / 2**20:.2f} GB (before it {before / 2**20:.2f})")


def _seconds(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
