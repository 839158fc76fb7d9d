"""MinHash signatures over shingles of units, bit for bit those of datasketch's `affine32` scheme.

A shingle is `shingle` consecutive units (kernels.text); its hash joins the units' hashes; a document's set is the set of its
shingles' hashes. Signatures estimate the Jaccard similarity of two sets (Broder 1997): P(equal in one place) = J.
Banding (Rajaraman and Ullmann 2011, section 3.4): b bands of r rows make a pair of similarity s a candidate with probability
1 - (1 - s^r)^b.

Any user can extend our signatures: `datasketch.MinHash(num_perm, seed, scheme="affine32", hashfunc=shingle_hash32)`, updated
with each shingle's text as bytes, has the same values.
"""

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
def _shingle_hashes(hashes: NDArray[np.uint64], start: int, end: int, size: int) -> NDArray[np.uint64]:
    out = np.empty(max(0, end - start - size + 1), np.uint64)
    for k in range(len(out)):
        out[k] = _shingle(hashes, start + k, size)
    return out


def shingle_sets(found: Units, shingle: int, cap: int) -> pa.Array:
    """Each document's distinct shingle hashes, ascending, as little-endian uint64 bytes.

    A set larger than `cap` is cut to its `cap` least hashes: a bottom-k sketch (Broder 1997), from which the similarity is
    estimated with a standard error below 1/(2 sqrt(cap)): 0.0035 for 20,000.
    """
    sets = []
    for start, end in zip(found.bounds[:-1], found.bounds[1:], strict=True):
        sets.append(np.unique(_shingle_hashes(found.hashes, start, end, shingle))[:cap].astype("<u8").tobytes())
    return pa.array(sets, pa.binary())


@njit(cache=True)
def _jaccard(left: NDArray[np.uint64], right: NDArray[np.uint64], cap: int) -> float:
    i = j = both = either = 0
    while i < len(left) and j < len(right) and either < cap:
        if left[i] == right[j]:
            both, i, j = both + 1, i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
        either += 1
    either += min(cap - either, len(left) - i + len(right) - j)
    return both / either if either else 1.0


def jaccard(left: pa.Array, right: pa.Array, cap: int) -> NDArray[np.float64]:
    """Jaccard similarity of pairs of `shingle_sets`, shape (n,): exact, or the bottom-k estimate where a set was cut.

    >>> sets = shingle_sets(units(pa.array(["a b c d", "b c d e"])), 1, 100)
    >>> float(jaccard(sets[:1], sets[1:], 100)[0])  # 3 of 5
    0.6
    """
    out = np.empty(len(left), np.float64)
    for i, (one, other) in enumerate(zip(left, right, strict=True)):
        out[i] = _jaccard(np.frombuffer(one.as_buffer(), "<u8"), np.frombuffer(other.as_buffer(), "<u8"), cap)
    return out


def agreement(left: pa.Array, right: pa.Array) -> NDArray[np.float64]:
    """The share of equal places of pairs of signatures, shape (n,): the unbiased estimate of the Jaccard similarity."""
    pairs = [np.frombuffer(b"".join(side.to_pylist()), "<u4").reshape(len(side), -1) for side in (left, right)]
    return np.asarray((pairs[0] == pairs[1]).mean(axis=1), np.float64)


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
