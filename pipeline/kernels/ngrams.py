"""n-grams of benchmark items and where they stand in documents (Brown et al. 2020, appendix C).

A gram is a unit of kernels.text: lower-case, punctuation splits. Latin and other spaced scripts take n units (the paper's
13). Text of mostly Han, kana, Hangul or Thai takes CJK_FACTOR times as many, since one word there is about one and a half
characters: 13 words are some 20 characters, and 13 characters would be a phrase.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.text import Units, mix64, units

CJK_FACTOR = 1.5
_JOIN = np.uint64(0xD6E8FEB86659FD93)
_FILTER_BITS_PER_GRAM = 16


class Index(NamedTuple):
    """The distinct n-grams of all items, held by every worker: 8 bytes a gram and a filter of 2 to 4 bytes."""

    size: int  # units a gram
    hashes: NDArray[np.uint64]  # shape (g,), ascending, distinct
    filter: NDArray[np.uint8]  # bit k is set when some hash has k as its top bits
    shift: int


class Hits(NamedTuple):
    """Where grams of an index stand in documents, in the order of documents and positions."""

    documents: NDArray[np.int64]  # shape (h,)
    grams: NDArray[np.uint64]
    starts: NDArray[np.int64]  # code points in the document
    ends: NDArray[np.int64]


def gram_size(words: int, cjk: bool) -> int:
    """Units a gram: `words`, or as many characters as that many Chinese words have.

    >>> gram_size(13, False), gram_size(13, True)
    (13, 20)
    """
    return int(words * CJK_FACTOR + 0.5) if cjk else words


def mostly_cjk(text: str) -> bool:
    """Whether over half of a text's letters belong to scripts that write no spaces.

    >>> mostly_cjk("肉牛屠宰后 A. 胸 B. 腹"), mostly_cjk("What does 淘金 mean?")
    (True, False)
    """
    letters = [c for c in text if c.isalpha()]
    unspaced = sum("\u0e00" <= c <= "\u0e7f" or "\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in letters)
    return 2 * unspaced > len(letters)


@njit(cache=True)
def _gram_hashes(hashes: NDArray[np.uint64], start: int, end: int, size: int) -> NDArray[np.uint64]:
    out = np.empty(max(0, end - start - size + 1), np.uint64)
    power = np.uint64(1)
    for _ in range(size):
        power *= _JOIN
    h = np.uint64(0)
    for k in range(start, end):
        h = h * _JOIN + hashes[k]
        if k - start >= size:
            h -= hashes[k - size] * power
        if k - start >= size - 1:
            out[k - start - size + 1] = mix64(h)
    return out


def item_grams(text: str, size: int) -> NDArray[np.uint64]:
    """The hashes of a benchmark item's n-grams in their order, shape (units - size + 1,) or empty."""
    found = units(pa.array([text]))
    return np.asarray(_gram_hashes(found.hashes, 0, len(found.hashes), size))


def build_index(hashes: NDArray[np.uint64], size: int) -> Index:
    """The index of n-grams of `size` units."""
    ordered = np.sort(hashes)  # np.unique hashes first, which takes ten times as long
    distinct = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    bits = max(10, int(np.ceil(np.log2(max(1, len(distinct)) * _FILTER_BITS_PER_GRAM))))
    return Index(size, distinct, np.asarray(_flags(distinct, bits)), 64 - bits)


@njit(cache=True)
def _flags(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint8]:
    flags = np.zeros(1 << (bits - 3), np.uint8)
    for h in hashes:
        top = h >> np.uint64(64 - bits)
        flags[np.int64(top >> np.uint64(3))] |= np.uint8(1) << np.uint8(top & np.uint64(7))
    return flags


@njit(cache=True)
def _search(
    bounds: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    size: int,
    index: NDArray[np.uint64],
    flags: NDArray[np.uint8],
    shift: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    documents = [np.int64(0) for _ in range(0)]  # numba takes a list's type from a comprehension
    places = [np.int64(0) for _ in range(0)]
    grams = [np.uint64(0) for _ in range(0)]
    power = np.uint64(1)
    for _ in range(size):
        power *= _JOIN
    for i in range(len(bounds) - 1):
        h = np.uint64(0)
        for k in range(bounds[i], bounds[i + 1]):
            h = h * _JOIN + hashes[k]
            if k - bounds[i] >= size:
                h -= hashes[k - size] * power
            if k - bounds[i] < size - 1:
                continue
            gram = mix64(h)
            top = gram >> np.uint64(shift)
            if not flags[np.int64(top >> np.uint64(3))] >> np.uint8(top & np.uint64(7)) & 1:
                continue
            at = np.searchsorted(index, gram)
            if at < len(index) and index[at] == gram:
                documents.append(np.int64(i))
                places.append(np.int64(k - size + 1))
                grams.append(gram)
    n = len(documents)
    out_documents, out_places, out_grams = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint64)
    for j in range(n):
        out_documents[j], out_places[j], out_grams[j] = documents[j], places[j], grams[j]
    return out_documents, out_places, out_grams


@njit(cache=True)
def _to_code_points(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], documents: NDArray[np.int64], places: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Byte places, ascending within each document, as code points in their document."""
    out = np.empty(len(places), np.int64)
    document, at, count = np.int64(-1), np.int64(0), np.int64(0)
    for j in range(len(places)):
        if documents[j] != document:
            document, at, count = documents[j], offsets[documents[j]], np.int64(0)
        while at < places[j]:
            count += (data[at] & 0xC0) != 0x80
            at += 1
        out[j] = count
    return out


def find(texts: pa.Array, found: Units, index: Index) -> Hits:
    """Every place where an n-gram of the index stands in a document.

    >>> texts = pa.array(["he said: the Quick, brown fox jumps", "none here"])
    >>> hits = find(texts, units(texts), build_index(item_grams("quick brown fox", 3), 3))
    >>> [texts[int(d)].as_py()[a:b] for d, a, b in zip(hits.documents, hits.starts, hits.ends)]
    ['Quick, brown fox']
    """
    documents, places, grams = _search(found.bounds, found.hashes, index.size, index.hashes, index.filter, index.shift)
    offsets, data = utf8_buffers(texts)
    starts = _to_code_points(data, offsets, documents, found.starts[places])
    ends = _to_code_points(data, offsets, documents, found.ends[places + index.size - 1])
    return Hits(documents, grams, starts, ends)


def windows(starts: NDArray[np.int64], ends: NDArray[np.int64], window: int, length: int) -> list[tuple[int, int]]:
    """What appendix C cuts from a text of `length` code points: each collision and `window` on each side, clipped, joined
    where they touch.

    >>> import numpy as np
    >>> windows(np.array([500, 550, 2000]), np.array([560, 610, 2060]), 200, 2100)
    [(300, 810), (1800, 2100)]
    """
    cuts: list[tuple[int, int]] = []
    for start, end in sorted(zip(starts.tolist(), ends.tolist(), strict=True)):
        low, high = max(0, start - window), min(length, end + window)
        if cuts and low <= cuts[-1][1]:
            cuts[-1] = (cuts[-1][0], max(high, cuts[-1][1]))
        else:
            cuts.append((low, high))
    return cuts


def fragments(cuts: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """The pieces between cuts, none of them empty; pieces are counted before short ones are dropped (appendix C).

    >>> fragments([(300, 810), (1800, 2100)], 2100)
    [(0, 300), (810, 1800)]
    """
    edges = [0, *(edge for cut in cuts for edge in cut), length]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
