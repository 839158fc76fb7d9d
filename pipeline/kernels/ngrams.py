"""n-grams of benchmark items and where they stand in documents (Brown et al. 2020, appendix C).

A gram is n words in a row. A word is a unit of kernels.text (lower-case, punctuation splits, full-width folded), but Han
characters make a word together where jieba says so (kernels.chinese.word_openings). Only items are cut into words: a
gram is kept as the characters and words that it consists of, and found in a document wherever these stand in a row. So
documents need no segmenter, which would take 20 MB/s, and no leak is missed because a document's context moved a word
boundary; that a document's own words begin and end where the gram does is not asked, which is a departure.

Thirteen Chinese words are 13 to 52 characters, mostly some 20: where n words take more than SPAN x n units, that many
units are a gram, wherever they begin.

Grams have many lengths and are found in one pass: the first `head` units of each, as long as the shortest gram, are what
the pass looks for, and what follows is compared where such a head stands.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.text import Units, code_point_spans, mix64, units

SPAN = 1.5  # units a word at most, on average over a gram
AUTO_MIN, AUTO_MAX = 8, 13  # appendix C's variable N
_JOIN = np.uint64(0xD6E8FEB86659FD93)
_BLOCK = 512
_GRAMS_PER_WORD = 4  # of the filter, at most: 1.5 % of other hashes pass it


class Grams(NamedTuple):
    """The grams of items, in the order of items and places; p of them."""

    items: NDArray[np.int32]  # the row of the item
    heads: NDArray[np.uint64]  # hash of the first `head` units
    sizes: NDArray[np.uint16]  # units
    hashes: NDArray[np.uint64]  # hash of all units

    def without(self, ignored: NDArray[np.uint64]) -> "Grams":
        """Those whose hash is not in `ignored`."""
        keep = ~np.isin(self.hashes, ignored)
        return Grams(self.items[keep], self.heads[keep], self.sizes[keep], self.hashes[keep])


class Index(NamedTuple):
    """The distinct grams of all items: 18 bytes a gram, and a filter of 2 to 4 bytes; a pass over clean text touches the
    filter and the 8 bytes of a head.
    """

    head: int  # units
    heads: NDArray[np.uint64]  # shape (g,), ascending
    sizes: NDArray[np.uint16]  # ascending within a head
    hashes: NDArray[np.uint64]
    filter: NDArray[np.uint64]  # a Bloom filter in words: a head's top bits say which, its low bits set four bits of it


class Hits(NamedTuple):
    """Where grams of an index stand in documents, in the order of documents and places."""

    documents: NDArray[np.int64]  # shape (h,)
    grams: NDArray[np.uint64]
    starts: NDArray[np.int64]  # code points in the document
    ends: NDArray[np.int64]


def auto_size(words: NDArray[np.int64]) -> int:
    """Appendix C's N of a benchmark: the 5th percentile of its items' lengths in words, at least 8 and at most 13.

    >>> auto_size(np.arange(5, 105)), auto_size(np.full(9, 40)), auto_size(np.full(9, 2))
    (9, 13, 8)
    """
    return int(np.clip(np.percentile(words, 5), AUTO_MIN, AUTO_MAX)) if len(words) else AUTO_MAX


def longest_gram(size: int) -> int:
    """Units that a gram of `size` words has at most.

    >>> longest_gram(13), longest_gram(8)
    (20, 12)
    """
    return int(size * SPAN + 0.5)


def count_words(found: Units, opens: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Words of each document, shape (n,), where `opens` says which units open one."""
    upto = np.concatenate([[0], np.cumsum(opens)])
    return np.asarray(upto[found.bounds[1:]] - upto[found.bounds[:-1]], np.int64)


@njit(cache=True)
def _gram_sizes(
    bounds: NDArray[np.int64], opens: NDArray[np.bool_], sizes: NDArray[np.int64], longest: NDArray[np.int64]
) -> NDArray[np.uint16]:
    """The units of the gram that begins at each unit, 0 where none does."""
    out = np.zeros(len(opens), np.uint16)
    starts = np.empty(len(opens) + 1, np.int64)  # of an item's words, and its end
    for i in range(len(bounds) - 1):
        first, stop = bounds[i], bounds[i + 1]
        n = 0
        for k in range(first, stop):
            if opens[k]:
                starts[n] = k
                n += 1
        starts[n] = stop
        word = 0  # the first that opens at or after k
        for k in range(first, stop):
            while word < n and starts[word] < k:
                word += 1
            end = starts[word + sizes[i]] if word + sizes[i] <= n else stop + longest[i] + 1
            if end - k <= longest[i]:
                if opens[k]:
                    out[k] = end - k
            elif k + longest[i] <= stop:
                out[k] = longest[i]
    return out


@njit(cache=True)
def _hash_of(hashes: NDArray[np.uint64], start: int, size: int) -> np.uint64:
    h = np.uint64(0)
    for k in range(start, start + size):
        h = h * _JOIN + hashes[k]
    return mix64(h)


@njit(cache=True)
def _hash_grams(
    hashes: NDArray[np.uint64], places: NDArray[np.int64], sizes: NDArray[np.uint16], head: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    heads, grams = np.empty(len(places), np.uint64), np.empty(len(places), np.uint64)
    for j in range(len(places)):
        heads[j] = _hash_of(hashes, places[j], head)
        grams[j] = _hash_of(hashes, places[j], int(sizes[j]))
    return heads, grams


def item_grams(found: Units, opens: NDArray[np.bool_], sizes: NDArray[np.int64], head: int) -> Grams:
    """The grams of items: `sizes`, shape (n,), are the words of a gram by item, none of them below `head`.

    An item of fewer words (and of fewer than SPAN x n units) has none, and cannot be found.

    >>> found = units(pa.array(["One's complement!", "no"]))
    >>> grams = item_grams(found, np.ones(4, bool), np.array([2, 2]), 2)
    >>> grams.items.tolist(), grams.sizes.tolist()
    ([0, 0], [2, 2])
    """
    longest = np.array([longest_gram(int(size)) for size in sizes], np.int64)
    at_unit = _gram_sizes(found.bounds, opens, sizes, longest)
    places = np.flatnonzero(at_unit)
    heads, hashes = _hash_grams(found.hashes, places, at_unit[places], head)
    items = np.searchsorted(found.bounds, places, side="right") - 1
    return Grams(items.astype(np.int32), heads, at_unit[places], hashes)


def phrase_hashes(phrases: pa.Array) -> NDArray[np.uint64]:
    """The hash that each phrase has as a gram, shape (n,).

    >>> texts = pa.array(["One's complement", "ones complement"])
    >>> bool(phrase_hashes(texts)[0] == item_grams(units(texts[:1]), np.ones(3, bool), np.array([3]), 3).hashes[0])
    True
    """
    found = units(phrases)
    sizes = np.minimum(np.diff(found.bounds), np.iinfo(np.uint16).max).astype(np.uint16)
    return np.asarray(_hash_grams(found.hashes, found.bounds[:-1], sizes, 0)[1])


def build_index(grams: Grams, head: int) -> Index:
    """The index of grams whose heads have `head` units."""
    by_hash = np.argsort(grams.hashes)
    ordered = grams.hashes[by_hash]
    distinct = by_hash[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else by_hash
    heads, sizes, hashes = grams.heads[distinct], grams.sizes[distinct], grams.hashes[distinct]
    order = np.lexsort((sizes, heads)) if (sizes != head).any() else np.argsort(heads)
    bits = max(0, int(np.ceil(np.log2(max(1, len(heads)) / _GRAMS_PER_WORD))))
    return Index(head, heads[order], sizes[order], hashes[order], np.asarray(_fill_filter(heads, bits)))


@njit(cache=True, inline="always")
def _filter_bits(h: np.uint64) -> np.uint64:
    """The four bits of a hash in its filter word."""
    one = np.uint64(1)
    low = one << (h & np.uint64(63)) | one << (h >> np.uint64(6) & np.uint64(63))
    return low | one << (h >> np.uint64(12) & np.uint64(63)) | one << (h >> np.uint64(18) & np.uint64(63))


@njit(cache=True)
def _fill_filter(heads: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    words = np.zeros(1 << bits, np.uint64)
    for h in heads:
        words[np.int64(h >> np.uint64(1) >> np.uint64(63 - bits))] |= _filter_bits(h)
    return words


@njit(cache=True, inline="always")
def _compare(
    units_: NDArray[np.uint64],
    start: int,
    stop: int,
    mixed: np.uint64,
    heads: NDArray[np.uint64],
    sizes: NDArray[np.uint16],
    hashes: NDArray[np.uint64],
    document: int,
    places: list[np.int64],
    grams: list[np.uint64],
) -> None:
    """Adds the grams of the index that stand at unit `start`, whose head hashes to `mixed`."""
    at = np.searchsorted(heads, mixed)
    if at == len(heads) or heads[at] != mixed:
        return
    h, end = np.uint64(0), start
    while at < len(heads) and heads[at] == mixed and start + np.int64(sizes[at]) <= stop:
        while end < start + np.int64(sizes[at]):
            h = h * _JOIN + units_[end]
            end += 1
        if mix64(h) == hashes[at]:
            places.append(np.int64(document))
            places.append(np.int64(start))
            places.append(np.int64(end - 1))
            grams.append(hashes[at])
        at += 1


@njit(cache=True)
def _search(
    bounds: NDArray[np.int64],
    units_: NDArray[np.uint64],
    head: int,
    heads: NDArray[np.uint64],
    sizes: NDArray[np.uint16],
    hashes: NDArray[np.uint64],
    words: NDArray[np.uint64],
    bits: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Document, first unit, last unit and hash of each gram that stands in a document."""
    places = [np.int64(0) for _ in range(0)]  # numba takes a list's type from a comprehension
    grams = [np.uint64(0) for _ in range(0)]
    last_power = np.uint64(1)
    for _ in range(head - 1):
        last_power *= _JOIN
    mixed, passing = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.int64)
    for i in range(len(bounds) - 1):
        h = np.uint64(0)
        first, stop = bounds[i], bounds[i + 1]
        for k in range(first, min(stop, first + head - 1)):
            h = h * _JOIN + units_[k]
        for low in range(first, stop - head + 1, _BLOCK):
            # Hashes first and the filter after, so that the processor waits for many places of the filter at once.
            size = min(_BLOCK, stop - head + 1 - low)
            for j in range(size):
                h = h * _JOIN + units_[low + j + head - 1]
                mixed[j] = mix64(h)
                h -= units_[low + j] * last_power
            n = 0
            for j in range(size):
                mask = _filter_bits(mixed[j])
                passing[n] = j
                n += words[np.int64(mixed[j] >> np.uint64(1) >> np.uint64(63 - bits))] & mask == mask
            for j in passing[:n]:
                _compare(units_, low + j, stop, mixed[j], heads, sizes, hashes, i, places, grams)
    n = len(grams)
    documents, firsts, lasts = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    found = np.empty(n, np.uint64)
    for j in range(n):
        documents[j], firsts[j], lasts[j] = places[3 * j], places[3 * j + 1], places[3 * j + 2]
        found[j] = grams[j]
    return documents, firsts, lasts, found


def find(texts: pa.Array, index: Index) -> Hits:
    """Every place where a gram of the index stands in a document.

    >>> index = build_index(item_grams(units(pa.array(["quick brown fox"])), np.ones(3, bool), np.array([3]), 3), 3)
    >>> texts = pa.array(["he said: the Quick, brown fox jumps", "none here"])
    >>> hits = find(texts, index)
    >>> [texts[int(d)].as_py()[a:b] for d, a, b in zip(hits.documents, hits.starts, hits.ends)]
    ['Quick, brown fox']
    """
    found, bits = units(texts), len(index.filter).bit_length() - 1
    documents, firsts, lasts, grams = _search(
        found.bounds, found.hashes, index.head, index.heads, index.sizes, index.hashes, index.filter, bits
    )
    offsets, data = utf8_buffers(texts)
    starts, ends = code_point_spans(data, offsets, documents, found.starts[firsts], found.ends[lasts])
    return Hits(documents, grams, starts, ends)
