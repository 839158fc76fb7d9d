"""How much of a document repeats: the quantities of Gopher's table A1 (Rae et al. 2021, arXiv:2112.11446).

The paper names them and leaves details open; these are datatrove's (huggingface/datatrove, gopher_repetition_filter):
a duplicate is an element that stood before in the document; characters are divided by all code points of the document;
the top n-gram is the most frequent, among equals the one that occurs first, and its characters are its length, words
joined by one space (so that a pair of Han characters counts three), times its count; duplicate n-grams are taken from
left to right without overlap, and one that overlaps a duplicate is not remembered. Two departures: words are lower-
cased, and blank lines are no lines (in datatrove lines of spaces are duplicates of each other).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_LONGEST_TOP, _LONGEST = 4, 10  # top n-grams of 2..4 words, duplicate n-grams of 5..10


class _Groups(NamedTuple):
    """Room for the groups of equal keys among at most so many as each array but the table is long."""

    table: NDArray[np.uint32]  # open addressing, a power of two in size: group + 1, or 0
    keys: NDArray[np.uint64]  # of each group
    firsts: NDArray[np.uint32]  # the least j with this key
    sizes: NDArray[np.uint32]
    of: NDArray[np.uint32]  # the group of each j


@njit(cache=True)
def _table_size(n: int) -> int:
    size = 16
    while size < 4 * n:
        size *= 2
    return size


@njit(cache=True)
def _room(bounds: NDArray[np.int64]) -> tuple[int, _Groups]:
    """The most elements of any document, and groups with room for them."""
    n = 0
    for i in range(len(bounds) - 1):
        n = max(n, bounds[i + 1] - bounds[i])
    firsts, sizes, of = np.empty(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.uint32)
    return n, _Groups(np.empty(_table_size(n), np.uint32), np.empty(n, np.uint64), firsts, sizes, of)


@njit(cache=True)
def _group(keys: NDArray[np.uint64], n: int, groups: _Groups) -> int:
    """Group keys[:n]; returns the number of groups, which are numbered in the order of their firsts."""
    # Unsigned and explicit throughout: numba then needs no check for negative indices in the innermost loop.
    table, size = groups.table, _table_size(n)
    mask = np.uint64(size - 1)
    for k in range(size):
        table[k] = 0
    n_groups = np.uint32(0)
    for j in range(n):
        key = keys[j]
        slot = (key ^ key >> np.uint64(32)) & mask
        group = table[slot]
        while group != 0 and groups.keys[group - np.uint32(1)] != key:
            slot = (slot + np.uint64(1)) & mask
            group = table[slot]
        if group == 0:
            groups.keys[n_groups], groups.firsts[n_groups], groups.sizes[n_groups] = key, j, 0
            n_groups += np.uint32(1)
            table[slot] = group = n_groups
        group -= np.uint32(1)
        groups.of[j] = group
        groups.sizes[group] += np.uint32(1)
    return int(n_groups)


@njit(cache=True)
def _count_duplicates(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    counts = np.zeros((2, len(bounds) - 1), np.int64)
    _, groups = _room(bounds)
    for i in range(len(bounds) - 1):
        start, n = bounds[i], bounds[i + 1] - bounds[i]
        _group(hashes[start : start + n], n, groups)
        for j in range(n):
            if groups.firsts[groups.of[j]] != j:
                counts[0, i] += 1
                counts[1, i] += lengths[start + j]
    return counts


def count_duplicates(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Lines or paragraphs that stood before in their document, and the code points in them; shape (2, n).

    >>> bounds, hashes = np.array([0, 3, 4]), np.array([7, 8, 7, 7], np.uint64)
    >>> count_duplicates(bounds, hashes, np.array([5, 1, 5, 5])).tolist()
    [[1, 0], [5, 0]]
    """
    return np.asarray(_count_duplicates(bounds, hashes, lengths))


@njit(cache=True)
def _top_characters(
    n_groups: int, order: int, positions: NDArray[np.uint32], groups: _Groups, characters: NDArray[np.int64]
) -> int:
    """Length times size of the largest group; the document's first n-gram where none is there twice."""
    at, most = np.int64(0), np.int64(1)
    for group in range(n_groups):
        if groups.sizes[group] > most:
            at, most = np.int64(positions[groups.firsts[group]]), np.int64(groups.sizes[group])
    return int((characters[at + order] - characters[at] + order - 1) * most)


@njit(cache=True)
def _duplicate_characters(
    n: int, n_groups: int, order: int, positions: NDArray[np.uint32], groups: _Groups, characters: NDArray[np.int64]
) -> int:
    """Code points of the words in duplicate n-grams, taken from left to right without overlap."""
    remembered = groups.firsts  # no longer needed as what they are
    for group in range(n_groups):
        remembered[group] = 0
    total, free = 0, np.int64(0)
    for j in range(n):
        at = np.int64(positions[j])
        if at < free:
            continue
        if remembered[groups.of[j]]:
            total += characters[at + order] - characters[at]
            free = at + order
        else:
            remembered[groups.of[j]] = 1
    return total


@njit(cache=True)
def _lengthen(
    n: int,
    order: int,
    positions: NDArray[np.uint32],
    keys: NDArray[np.uint64],
    groups: _Groups,
    hashes: NDArray[np.uint64],
) -> int:
    """Turn `positions` and `keys` of n-grams, in place, into those of the (n+1)-grams that may repeat; their number.

    An (n+1)-gram can only repeat where the n-grams at its two ends do, so each order looks at fewer places.
    """
    kept = 0
    for j in range(n - 1):
        at = positions[j]
        key = keys[j] * _MULTIPLIER + hashes[np.uint64(at) + np.uint64(order)]
        again = (groups.sizes[groups.of[j]] > 1) & (groups.sizes[groups.of[j + 1]] > 1)
        positions[kept], keys[kept] = at, key  # without a branch: what does not stay is written over
        kept += again & (positions[j + 1] == at + np.uint32(1))
    return kept


@njit(cache=True)
def _count_repetition(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], characters: NDArray[np.int64]
) -> NDArray[np.int64]:
    counts = np.zeros((_LONGEST + 1, len(bounds) - 1), np.int64)
    longest, groups = _room(bounds)
    keys, positions = np.empty(longest, np.uint64), np.empty(longest, np.uint32)
    for i in range(len(bounds) - 1):
        start, n_words = bounds[i], bounds[i + 1] - bounds[i]
        own_hashes, own_characters = hashes[start : start + n_words], characters[start : start + n_words + 1]
        n = n_words
        for j in range(n):
            positions[j], keys[j] = j, own_hashes[j]
        for order in range(1, min(_LONGEST, n_words) + 1):
            n_groups = _group(keys, n, groups)
            if order == 1:
                counts[0, i] = n_groups
            elif order <= _LONGEST_TOP:
                counts[order, i] = _top_characters(n_groups, order, positions, groups, own_characters)
            else:
                counts[order, i] = _duplicate_characters(n, n_groups, order, positions, groups, own_characters)
            n = _lengthen(n, order, positions, keys, groups, own_hashes)
    return counts


def count_repetition(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], characters: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Row 0: distinct words; rows 2..4: code points in the top n-gram; rows 5..10: in duplicate n-grams; shape (11, n).

    `characters`, shape (m + 1,): code points in the words before each word of the column.
    """
    return np.asarray(_count_repetition(bounds, hashes, characters))
