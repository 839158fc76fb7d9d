"""The quality classifier's features and its score (Brown et al. 2020, appendix A.1).

Features are hashed counts of lower-cased words: a document is a sparse vector of `buckets` counts (the paper: Spark's
HashingTF, 2^18), here of the words of kernels.text, scaled to length 1 so that a document does not score by its length.
The score is the logistic regression's probability that the document is a reference.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.text import Units


class Counts(NamedTuple):
    """Sparse counts of n documents in the layout of a CSR matrix."""

    bounds: NDArray[np.int64]  # shape (n + 1,)
    buckets: NDArray[np.int32]  # shape (k,), in the order of first occurrence
    counts: NDArray[np.int32]


@njit(cache=True, inline="always")
def _bucket(h: np.uint64, buckets: int) -> np.int64:
    return np.int64(((h >> np.uint64(32)) * np.uint64(buckets)) >> np.uint64(32))


@njit(cache=True)
def _count(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    scratch = np.zeros(buckets, np.int32)
    out_bounds = np.zeros(len(bounds), np.int64)
    out_buckets, out_counts = np.empty(len(hashes), np.int32), np.empty(len(hashes), np.int32)
    m = 0
    for i in range(len(bounds) - 1):
        first = m
        for k in range(bounds[i], bounds[i + 1]):
            bucket = _bucket(hashes[k], buckets)
            if scratch[bucket] == 0:
                out_buckets[m] = bucket
                m += 1
            scratch[bucket] += 1
        for j in range(first, m):
            out_counts[j] = scratch[out_buckets[j]]
            scratch[out_buckets[j]] = 0
        out_bounds[i + 1] = m
    return out_bounds, out_buckets[:m].copy(), out_counts[:m].copy()


def count_words(words: Units, buckets: int) -> Counts:
    """Hashed word counts of each document.

    >>> import pyarrow as pa
    >>> from pipeline.kernels.text import units
    >>> counted = count_words(units(pa.array(["gold and gold", ""])), 1 << 18)
    >>> counted.bounds.tolist(), counted.counts.tolist()
    ([0, 2, 2], [2, 1])
    """
    return Counts(*_count(words.bounds, words.hashes, buckets))


@njit(cache=True)
def _score(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], weights: NDArray[np.float32], intercept: float
) -> NDArray[np.float64]:
    buckets = len(weights)
    scratch = np.zeros(buckets, np.int32)
    out = np.empty(len(bounds) - 1, np.float64)
    for i in range(len(out)):
        total, squares = 0.0, 0.0
        for k in range(bounds[i], bounds[i + 1]):
            bucket = _bucket(hashes[k], buckets)
            total += weights[bucket]
            squares += 2 * scratch[bucket] + 1  # (c + 1)^2 - c^2
            scratch[bucket] += 1
        for k in range(bounds[i], bounds[i + 1]):
            scratch[_bucket(hashes[k], buckets)] = 0
        scaled = total / np.sqrt(squares) if squares > 0 else 0.0
        out[i] = 1.0 / (1.0 + np.exp(-(scaled + intercept)))
    return out


def score(words: Units, weights: NDArray[np.float32], intercept: float) -> NDArray[np.float64]:
    """The probability that each document is a reference: sigmoid(w . x / |x| + b), shape (n,), in [0, 1].

    `weights` has shape (buckets,).
    """
    return np.asarray(_score(words.bounds, words.hashes, weights, intercept))


def keep_chance(scores: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """The chance that the Pareto rule keeps a document: P(pareto(alpha) > 1 - s) = (2 - s)^-alpha, shape (n,).

    `numpy.random.pareto` is the Lomax distribution, P(X > t) = (1 + t)^-alpha (appendix A.1; alpha = 9 there).

    >>> keep_chance(np.array([0.0, 0.5, 0.9, 1.0]), 9).round(4).tolist()
    [0.002, 0.026, 0.4241, 1.0]
    """
    return np.asarray((2.0 - scores) ** -alpha)


class Fit(NamedTuple):
    """One language's logistic regression."""

    weights: NDArray[np.float32]  # shape (buckets,)
    intercept: float


Model = dict[str, Fit]  # by language
