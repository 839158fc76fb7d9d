"""MinHash signatures over shingles of units, bit for bit those of datasketch's `affine32` scheme.

A shingle is `shingle` consecutive units (kernels.text); its hash joins the units' hashes; a document's set is the set of its
shingles' hashes. Signatures estimate the Jaccard similarity of two sets (Broder 1997): P(equal in one place) = J.
Banding (Rajaraman and Ullmann 2011, section 3.4): b bands of r rows make a pair of similarity s a candidate with probability
1 - (1 - s^r)^b.

Any user can extend our signatures: `datasketch.MinHash(num_perm, seed, scheme="affine32", hashfunc=shingle_hash32)`, updated
with each shingle's text as bytes, has the same values.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.text import Units, mix64, unit_hash, units

JOIN = np.uint64(0x9FB21C651E98DF25)  # odd: joins the hashes of a shingle's units
PERMUTATION_SEED = 1  # datasketch's own default
_EMPTY = np.uint32(0xFFFFFFFF)


def permutations(n: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Multipliers and increments of n permutations, each of shape (n,): datasketch's for seed 1."""
    from datasketch import MinHash

    a, b = MinHash(num_perm=n, seed=PERMUTATION_SEED, scheme="affine32").permutations
    return np.asarray(a, np.uint32), np.asarray(b, np.uint32)


@njit(cache=True, inline="always")
def _shingle(hashes: NDArray[np.uint64], at: int, size: int) -> np.uint64:
    h = np.uint64(0)
    for k in range(size):
        h = h * JOIN + hashes[at + k]
    return mix64(h)


@njit(cache=True, inline="always")
def _mix32(h: np.uint32) -> np.uint32:
    """MurmurHash3's 32-bit finalizer; numba widens a product, so that each is cut back."""
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@njit(cache=True)
def _sign(
    bounds: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    size: int,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
) -> NDArray[np.uint32]:
    n, p = len(bounds) - 1, len(a)
    out = np.full((n, p), _EMPTY, np.uint32)
    for i in range(n):
        row = out[i]
        for at in range(bounds[i], bounds[i + 1] - size + 1):
            h = _mix32(np.uint32(_shingle(hashes, at, size) & np.uint64(0xFFFFFFFF)))
            for k in range(p):
                value = np.uint32(a[k] * h + b[k])
                row[k] = min(row[k], value)
    return out


def signatures(found: Units, shingle: int, n: int) -> NDArray[np.uint32]:
    """Signatures of n permutations, shape (documents, n). A document shorter than a shingle has all ones: no signature.

    >>> found = units(pa.array(["gold is where you find it", "Gold is where you find it!", "gold"]))
    >>> signed = signatures(found, 5, 8)
    >>> bool((signed[0] == signed[1]).all()), bool((signed[2] == 0xFFFFFFFF).all())
    (True, True)
    """
    a, b = permutations(n)
    return np.asarray(_sign(found.bounds, found.hashes, shingle, a, b))


def signature_column(found: Units, shingle: int, n: int) -> pa.Array:
    """`signatures` as little-endian uint32 bytes, 4n a document; empty where the document is shorter than a shingle."""
    signed = signatures(found, shingle, n).astype("<u4", copy=False)
    short = np.diff(found.bounds) < shingle
    offsets = np.zeros(len(short) + 1, np.int32)
    np.cumsum(np.where(short, 0, 4 * n), out=offsets[1:])
    return pa.Array.from_buffers(
        pa.binary(), len(short), [None, pa.py_buffer(offsets), pa.py_buffer(signed[~short].tobytes())]
    )


def band_keys(column: pa.Array, bands: int, rows: int) -> NDArray[np.int64]:
    """The bucket of each signature in each band, shape (n, bands): a hash of (band, its rows)."""
    if not len(column):
        return np.zeros((0, bands), np.int64)
    signed = np.frombuffer(b"".join(column.to_pylist()), "<u4").reshape(len(column), -1)[:, : bands * rows]
    return np.asarray(_band_keys(np.ascontiguousarray(signed), bands, rows))


@njit(cache=True)
def _band_keys(signed: NDArray[np.uint32], bands: int, rows: int) -> NDArray[np.int64]:
    out = np.empty((len(signed), bands), np.int64)
    for i in range(len(signed)):
        for band in range(bands):
            h = np.uint64(band + 1)
            for k in range(band * rows, (band + 1) * rows):
                h = mix64(h * JOIN + np.uint64(signed[i, k]))
            out[i, band] = np.int64(h)
    return out


@njit(cache=True)
def _shingle_hashes(bounds: NDArray[np.int64], hashes: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """Of every document, one after another."""
    out = np.empty(len(hashes), np.uint64)
    m = 0
    for i in range(len(bounds) - 1):
        for at in range(bounds[i], bounds[i + 1] - size + 1):
            out[m] = _shingle(hashes, at, size)
            m += 1
    return out[:m]


@njit(cache=True)
def _distinct(bounds: NDArray[np.int64], ascending: NDArray[np.uint64], cap: int) -> NDArray[np.int64]:
    """Moves each document's first `cap` distinct values together, in place; where each document's then end."""
    ends = np.zeros(len(bounds), np.int64)
    m = 0
    for i in range(len(bounds) - 1):
        start = m
        for at in range(bounds[i], bounds[i + 1]):
            if m - start < cap and (at == bounds[i] or ascending[at] != ascending[m - 1]):
                ascending[m] = ascending[at]
                m += 1
        ends[i + 1] = m
    return ends


def shingle_sets(found: Units, shingle: int, cap: int) -> pa.Array:
    """Each document's distinct shingle hashes, ascending, as little-endian uint64 bytes.

    A set larger than `cap` is cut to its `cap` least hashes: a bottom-k sketch (Broder 1997), from which the similarity is
    estimated with a standard error below 1/(2 sqrt(cap)): 0.0035 for 20,000.
    """
    hashes = _shingle_hashes(found.bounds, found.hashes, shingle)
    bounds = np.zeros(len(found.bounds), np.int64)
    np.cumsum(np.maximum(np.diff(found.bounds) - shingle + 1, 0), out=bounds[1:])
    for start, end in pairwise(bounds):
        hashes[start:end].sort()
    ends = _distinct(bounds, hashes, cap)
    data = pa.py_buffer(hashes[: ends[-1]].astype("<u8", copy=False))
    return pa.Array.from_buffers(pa.large_binary(), len(ends) - 1, [None, pa.py_buffer(8 * ends), data]).cast(pa.binary())


@njit(cache=True)
def _jaccard(values: NDArray[np.uint64], a: int, a_end: int, b: int, b_end: int, cap: int, least: float) -> float:
    """Exact where it reaches `least`; else a value below it, found as soon as too many hashes are in one set alone."""
    size = a_end - a + b_end - b
    # J >= s of sets of `size` hashes together leaves at most (1 - s) / (1 + s) of them without a partner; of `cap` hashes of
    # the union, 1 - s. One more, since these products are rounded.
    allowed = 1 + int((1 - least) * cap if size > cap else (1 - least) / (1 + least) * size)
    both = either = 0
    while a < a_end and b < b_end and either < cap and either - both <= allowed:
        left, right = values[a], values[b]
        both += left == right
        a += left <= right
        b += right <= left
        either += 1
    either += min(cap - either, a_end - a + b_end - b)
    return both / either if either else 0.0


@njit(cache=True)
def _agreement(values: NDArray[np.uint32], a: int, a_end: int, b: int, b_end: int) -> float:
    if a == a_end or b == b_end:
        return 0.0
    equal = 0
    for k in range(a_end - a):
        equal += values[a + k] == values[b + k]
    return equal / (a_end - a)


@njit(cache=True)
def _last_spare(parts: NDArray[np.int64]) -> int:
    """The last hub that an earlier one is linked to, or -1."""
    for place in range(len(parts) - 1, 0, -1):
        if (parts[:place] == parts[place]).any():
            return place
    return -1


@njit(cache=True)
def _compare_stars(
    groups: NDArray[np.int64],
    linked: NDArray[np.int64],
    bounds: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    minima: NDArray[np.uint32],
    cap: int,
    min_similarity: float,
    max_hubs: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], int, NDArray[np.int64]]:
    n, n_hubs, m, n_failed = len(groups), len(linked), 0, 0
    left, right, similarity = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)  # pairs are a forest: fewer than n
    alone, n_alone = np.empty(n, np.int64), 0
    hubs, parts = np.arange(max_hubs), np.zeros(max_hubs, np.int64)  # hubs of equal part are linked
    parts[:n_hubs] = linked
    for i in range(n_hubs, n):
        if n_hubs == 0 or groups[hubs[0]] != groups[i]:
            hubs[0], parts[0], n_hubs = i, 0, 1
            continue
        part, equal = np.int64(-1), False
        for place in range(n_hubs):
            hub = hubs[place]
            if parts[place] == part:
                continue
            if cap > 0:
                a, a_end, b, b_end = bounds[hub] // 8, bounds[hub + 1] // 8, bounds[i] // 8, bounds[i + 1] // 8
                found = _jaccard(hashes, a, a_end, b, b_end, cap, min_similarity)
            else:
                found = _agreement(minima, bounds[hub] // 4, bounds[hub + 1] // 4, bounds[i] // 4, bounds[i + 1] // 4)
            if found < min_similarity:
                n_failed += 1
                continue
            left[m], right[m], similarity[m] = hub, i, found
            m += 1
            equal |= found == 1
            if part >= 0:
                parts[:n_hubs][parts[:n_hubs] == part] = parts[place]
            part = parts[place]
        if part >= 0 and (equal or n_hubs == max_hubs):
            continue
        place = n_hubs if n_hubs < max_hubs else _last_spare(parts)
        if place < 0:
            alone[n_alone] = i
            n_alone += 1
            continue
        parts[place] = part if part >= 0 else parts[:n_hubs].max() + 1
        hubs[place], n_hubs = i, max(n_hubs, place + 1)
    known = np.stack((hubs[:n_hubs], parts[:n_hubs]))
    return left[:m], right[:m], similarity[:m], alone[:n_alone], n_failed, known


class Compared(NamedTuple):
    """Rows of two members of a star each and their similarity, which reaches the limit; and what the next rows need."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float64]
    alone: NDArray[np.int64]  # rows that are like no hub of a star that has no room for another
    n_failed: int  # comparisons that did not reach the limit
    hubs: NDArray[np.int64]  # of the last star, shape (2, hubs): rows, and numbers that are equal where hubs are linked


def compare_stars(
    groups: NDArray[np.int64], linked: NDArray[np.int64], sets: pa.Array, cap: int, min_similarity: float, max_hubs: int
) -> Compared:
    """Pairs that link all similar members of each star of up to `max_hubs` + 1 members, and most of a larger one's.

    Each row is compared to the hubs of its star that it is not linked to yet. Hubs are the star's first members, up to
    `max_hubs`; then a member that is like none of them takes the place of one that is linked to another, and later ones are
    compared to it. A member whose set equals a hub's does not become one.

    `groups` numbers the star of each row, whose rows stand together. Where a star goes on from earlier rows, the first rows
    are its hubs, and `linked` their numbers as Compared.hubs has them; else it is empty. `sets` holds `shingle_sets` cut at
    `cap`, or signatures if `cap` is 0. Similarity is the Jaccard similarity, or its estimate by signatures; 0 for a document
    shorter than a shingle, which has no shingle to share.

    >>> sets = shingle_sets(units(pa.array(["a b c d", "b c d e", "x y", "y x", "c d e"])), 1, 100)
    >>> found = compare_stars(np.zeros(5, np.int64), np.zeros(0, np.int64), sets, 100, 0.6, 4)
    >>> list(zip(found.left.tolist(), found.right.tolist(), found.similarity.tolist()))
    [(0, 1, 0.6), (2, 3, 1.0), (1, 4, 0.75)]
    """
    sets = sets.cast(pa.large_binary())
    bounds = np.frombuffer(sets.buffers()[1], np.int64)[sets.offset : sets.offset + len(sets) + 1]
    data = sets.buffers()[2] or b""
    hashes = np.frombuffer(data, "<u8", count=int(bounds[-1]) // 8)
    minima = np.frombuffer(data, "<u4", count=int(bounds[-1]) // 4)
    for array in (groups, linked, bounds, hashes, minima):
        array.flags.writeable = False  # numba compiles another kernel for arrays that can be written
    return Compared(*_compare_stars(groups, linked, bounds, hashes, minima, cap, min_similarity, max_hubs))


def shingle_hash32(shingle: bytes) -> int:
    """The published hash function of one shingle's text, for datasketch's `hashfunc`, in plain Python.

    >>> shingle_hash32(b"gold is where you find") == shingle_hash32("Gold, is where YOU find".encode())
    True
    """
    mask, h = (1 << 64) - 1, 0
    for word in _words(shingle.decode()):
        h = (h * int(JOIN) + unit_hash(word)) & mask
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = (h ^ h >> 33) * multiplier & mask
    return (h ^ h >> 33) & 0xFFFFFFFF


def _words(text: str) -> list[str]:
    data = text.encode()
    found = units(pa.array([text]))
    return [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]
