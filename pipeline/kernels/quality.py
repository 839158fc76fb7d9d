"""The quality classifier's features and its score (Brown et al. 2020, appendix A.1).

A document is the counts c of its lower-cased words, hashed into `buckets` (the paper: Spark's HashingTF, 2^18 raw counts),
as the vector x = sqrt(c / sum(c)). It has length 1 whatever the document's, so that a book does not score by its length,
and a word that fills a page weighs little more than one that stands there a few times. Against raw counts and counts
scaled to length 1 these were the features that carried over best to sources left out of the training (README).
The score is the logistic regression's probability that the document is a reference, sigmoid(w . x + b).

Words by which the format of a corpus could be told from its text are left out everywhere (`content`): those that begin
with a digit, stand as a tag (`<unk>`, `</p>`), or on a heading line of Markdown or a wiki (`# Title`, `= History =`).
"""

from os import PathLike
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.text import Units

_LINE_END, _SPACE, _NUMBER_SIGN, _SLASH, _LESS, _EQUALS = (np.uint8(ord(one)) for one in "\n #/<=")


class Words(NamedTuple):
    """The hashes of n documents' words. `bounds`, shape (n + 1,): document i has words bounds[i]:bounds[i + 1]."""

    bounds: NDArray[np.int64]
    hashes: NDArray[np.uint64]  # shape (m,)
    places: NDArray[np.int64]  # shape (m,), of each word among the units

    def slices(self, first: NDArray[np.int64], sizes: NDArray[np.int64]) -> "Words":
        """The words first[i]:first[i] + sizes[i], as document i."""
        bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.repeat(first - bounds[:-1], sizes) + np.arange(bounds[-1])
        return Words(bounds, self.hashes[at], self.places[at])

    def of(self, documents: NDArray[np.int64]) -> "Words":
        """The words of some documents."""
        if len(documents) == len(self.bounds) - 1:
            return self
        return self.slices(self.bounds[documents], np.diff(self.bounds)[documents])


class Counts(NamedTuple):
    """Sparse counts of n documents in the layout of a CSR matrix."""

    bounds: NDArray[np.int64]  # shape (n + 1,)
    buckets: NDArray[np.int32]  # shape (k,), in the order of first occurrence
    counts: NDArray[np.int32]


class Fit(NamedTuple):
    """One language's logistic regression."""

    weights: NDArray[np.float32]  # shape (buckets,)
    intercept: float


Model = dict[str, Fit]  # by language


def load_model(path: str | PathLike[str]) -> Model:
    """A model as it is stored: plain arrays `weights.<language>` and `intercept.<language>`, no pickle."""
    with np.load(path, allow_pickle=False) as arrays:
        languages = [name.removeprefix("weights.") for name in arrays.files if name.startswith("weights.")]
        return {name: Fit(arrays[f"weights.{name}"], float(arrays[f"intercept.{name}"])) for name in languages}


@njit(cache=True)
def _content(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    bounds: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
    out_bounds = np.zeros(len(bounds), np.int64)
    out_hashes, places = np.empty(len(hashes), np.uint64), np.empty(len(hashes), np.int64)
    m = 0
    for i in range(len(bounds) - 1):
        at, first, heading = offsets[i], True, False  # first: no mark or word seen yet on this line
        for k in range(bounds[i], bounds[i + 1]):
            start = starts[k]
            for j in range(at, start):
                if data[j] == _LINE_END:
                    first, heading = True, False
                elif first and data[j] > _SPACE:
                    first, heading = False, data[j] == _NUMBER_SIGN or data[j] == _EQUALS
            first = False
            before = start - 1
            while before >= at and data[before] == _SPACE:
                before -= 1
            if before > at and data[before] == _SLASH:
                before -= 1
            tag = before >= at and data[before] == _LESS
            digit = ord("0") <= data[start] <= ord("9")
            if not (heading or tag or digit):
                out_hashes[m], places[m] = hashes[k], k
                m += 1
            at = ends[k]
        out_bounds[i + 1] = m
    return out_bounds, out_hashes[:m].copy(), places[:m].copy()


def content(texts: pa.Array, found: Units) -> Words:
    """The words that count, of the units of `texts`: no numbers, tags or headings.

    >>> from pipeline.kernels.text import units
    >>> texts = pa.array(["# Title\\ngold, 1849 <unk> <b>and</b>", "= Head =\\n a = b"])
    >>> content(texts, units(texts)).bounds.tolist()
    [0, 2, 4]
    """
    offsets, data = utf8_buffers(texts)
    return Words(*_content(data, offsets, found.bounds, found.hashes, found.starts, found.ends))


@njit(cache=True, inline="always")
def _bucket(h: np.uint64, buckets: int) -> np.int64:
    return np.int64(((h >> np.uint64(32)) * np.uint64(buckets)) >> np.uint64(32))


def bucket_of(hashes: NDArray[np.uint64], buckets: int) -> NDArray[np.int64]:
    """The bucket of each word hash: its top 32 bits, scaled to [0, buckets)."""
    return ((hashes >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32)).astype(np.int64)


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


def count_words(words: Words, buckets: int) -> Counts:
    """Hashed word counts of each document.

    >>> from pipeline.kernels.text import units
    >>> texts = pa.array(["gold and gold", ""])
    >>> counted = count_words(content(texts, units(texts)), 1 << 18)
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
        for k in range(bounds[i], bounds[i + 1]):
            scratch[_bucket(hashes[k], buckets)] += 1
        total = 0.0
        for k in range(bounds[i], bounds[i + 1]):
            bucket = _bucket(hashes[k], buckets)
            if scratch[bucket] > 0:
                total += weights[bucket] * np.sqrt(float(scratch[bucket]))
                scratch[bucket] = 0
        n = bounds[i + 1] - bounds[i]
        scaled = total / np.sqrt(float(n)) if n > 0 else 0.0
        out[i] = 1.0 / (1.0 + np.exp(-(scaled + intercept)))
    return out


def score(words: Words, weights: NDArray[np.float32], intercept: float) -> NDArray[np.float64]:
    """The probability that each document is a reference: sigmoid(w . sqrt(c / sum(c)) + b), shape (n,), in [0, 1].

    `weights` has shape (buckets,). A document without words has the score sigmoid(b).
    """
    return np.asarray(_score(words.bounds, words.hashes, weights, intercept))


def keep_chance(scores: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """The chance that the Pareto rule keeps a document: P(pareto(alpha) > 1 - s) = (2 - s)^-alpha, shape (n,).

    `numpy.random.pareto` is the Lomax distribution, P(X > t) = (1 + t)^-alpha (appendix A.1; alpha = 9 there).

    >>> keep_chance(np.array([0.0, 0.5, 0.9, 1.0]), 9).round(4).tolist()
    [0.002, 0.026, 0.4241, 1.0]
    """
    return np.asarray((2.0 - scores) ** -alpha)


def rank_keys(scores: pa.Array, hashes: pa.Array) -> pa.Array:
    """For each document 48 hexadecimal digits that sort it: by score, the greatest first, then by its text's hash.

    >>> keys = rank_keys(pa.array([0.5, 0.5, 0.75, 1.0]), pa.array(["b" * 32, "a" * 32, "c" * 32, "d" * 32])).to_pylist()
    >>> sorted(range(4), key=keys.__getitem__), set(map(len, keys))
    ([3, 2, 1, 0], {48})
    """
    # A positive double's bits are in its order, so that the complement of them is in the opposite one, without rounding.
    bits = ~np.asarray(scores.to_numpy(zero_copy_only=False), np.float64).view(np.uint64)
    rows = zip(bits.tolist(), hashes.to_pylist(), strict=True)
    return pa.array([f"{one:016x}{text_hash or '':0>32.32}" for one, text_hash in rows], pa.string())
