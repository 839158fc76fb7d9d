"""The lines and paragraphs of a UTF-8 column: one definition for every line rule.

A line is what stands between line feeds, unless it is blank: empty or of white space alone. A paragraph is a run of
lines with no blank line between them. Lengths and hashes are of all that a line holds, its indentation included.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.characters import BULLET, CLASSES, SENTENCE_END, SPACE, class_of
from pipeline.kernels.hashing import xxh64
from pipeline.kernels.text import decode_at, mix64

_SHORT_LINE = 30  # code points


class Lines(NamedTuple):
    """The lines of n documents. `bounds`, shape (n + 1,): document i has lines bounds[i]:bounds[i + 1]."""

    bounds: NDArray[np.int64]
    starts: NDArray[np.int64]  # shape (m,), byte offsets into the column's data, white space at the ends left out
    ends: NDArray[np.int64]
    lengths: NDArray[np.int64]  # code points, white space at the ends counted
    hashes: NDArray[np.uint64]  # XXH64 of the line's bytes, white space at the ends included
    opens: NDArray[np.bool_]  # whether a paragraph begins with the line
    feeds: NDArray[np.int64]  # shape (n,), line feeds of each document


@njit(cache=True)
def _class_at(data: NDArray[np.uint8], at: int, classes: NDArray[np.uint16]) -> int:
    return class_of(decode_at(data, at)[0], classes)


@njit(cache=True)
def _last_at(data: NDArray[np.uint8], end: int) -> int:
    """Where the last code point before `end` begins."""
    end -= 1
    while data[end] & 0xC0 == 0x80:
        end -= 1
    return end


@njit(cache=True)
def _code_points(data: NDArray[np.uint8], start: int, end: int) -> int:
    n = np.int32(0)
    for byte in data[start:end]:
        n += np.int32(np.int8(byte) >= np.int8(-64))  # no continuation byte; of one width, so that it becomes SIMD
    return int(n)


@njit(cache=True)
def _find_lines(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    feeds: NDArray[np.int64],
    classes: NDArray[np.uint16],
    out: Lines,
) -> int:
    m, f = 0, 0
    for i in range(len(offsets) - 1):
        at, stop = offsets[i], offsets[i + 1]
        first, opening = f, True
        while at < stop:
            feed = stop
            if f < len(feeds) and feeds[f] < stop:
                feed, f = feeds[f], f + 1
            start, end = at, feed
            while start < end and _class_at(data, start, classes) & SPACE:
                start += decode_at(data, start)[1]
            while end > start and _class_at(data, _last_at(data, end), classes) & SPACE:
                end = _last_at(data, end)
            if end > start:
                out.starts[m], out.ends[m] = start, end
                out.lengths[m], out.hashes[m] = _code_points(data, at, feed), xxh64(data, at, feed, np.uint64(0))
                out.opens[m] = opening
                m += 1
            opening = end == start
            at = feed + 1
        out.bounds[i + 1] = m
        out.feeds[i] = f - first
    return m


def lines(strings: pa.Array) -> Lines:
    r"""The lines of a string column.

    >>> found = lines(pa.array([" a\nb \n\n淘金", "\n"]))
    >>> found.bounds.tolist(), found.lengths.tolist(), found.opens.tolist(), found.feeds.tolist()
    ([0, 3, 3], [2, 2, 2], [True, False, True], [3, 1])
    """
    offsets, data = utf8_buffers(strings)
    feeds = np.flatnonzero(data == 10)
    size = len(feeds) + len(offsets)  # no more lines than line feeds and documents
    starts, ends, lengths = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    hashes, opens = np.empty(size, np.uint64), np.empty(size, np.bool_)
    bounds, counts = np.zeros(len(offsets), np.int64), np.zeros(len(strings), np.int64)
    m = _find_lines(data, offsets, feeds, CLASSES, Lines(bounds, starts, ends, lengths, hashes, opens, counts))
    return Lines(bounds, starts[:m], ends[:m], lengths[:m], hashes[:m], opens[:m], counts)


@njit(cache=True)
def _join_lines(
    bounds: NDArray[np.int64], lengths: NDArray[np.int64], hashes: NDArray[np.uint64], opens: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    n = np.count_nonzero(opens)
    joined_bounds = np.zeros(len(bounds), np.int64)
    joined_lengths, joined_hashes = np.zeros(n, np.int64), np.zeros(n, np.uint64)
    p = -1
    for i in range(len(bounds) - 1):
        for k in range(bounds[i], bounds[i + 1]):
            if opens[k]:
                p += 1
                joined_lengths[p], joined_hashes[p] = lengths[k], hashes[k]
            else:
                joined_lengths[p] += 1 + lengths[k]
                joined_hashes[p] = mix64(joined_hashes[p]) + hashes[k]
        joined_bounds[i + 1] = p + 1
    return joined_bounds, joined_lengths, joined_hashes


def paragraphs(found: Lines) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Bounds, lengths (line feeds between lines count one each) and hashes of the paragraphs that lines make up."""
    bounds, lengths, hashes = _join_lines(found.bounds, found.lengths, found.hashes, found.opens)
    return bounds, lengths, hashes


# The rows of what count_lines returns.
BULLETS, ELLIPSES, TERMINALS, SHORTS = range(4)


@njit(cache=True)
def _ends_in_ellipsis(data: NDArray[np.uint8], start: int, end: int) -> bool:
    if end - start < 3:
        return False
    a, b, c = int(data[end - 3]), int(data[end - 2]), int(data[end - 1])
    return (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)  # "..." or "…"


@njit(cache=True)
def _count_lines(
    data: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    lengths: NDArray[np.int64],
    classes: NDArray[np.uint16],
) -> NDArray[np.int64]:
    counts = np.zeros((4, len(bounds) - 1), np.int64)
    for i in range(len(bounds) - 1):
        for k in range(bounds[i], bounds[i + 1]):
            start, end = starts[k], ends[k]
            counts[BULLETS, i] += _class_at(data, start, classes) & BULLET != 0
            counts[ELLIPSES, i] += _ends_in_ellipsis(data, start, end)
            counts[TERMINALS, i] += _class_at(data, _last_at(data, end), classes) & SENTENCE_END != 0
            counts[SHORTS, i] += lengths[k] <= _SHORT_LINE
    return counts


def count_lines(data: NDArray[np.uint8], found: Lines) -> NDArray[np.int64]:
    """Lines that begin with a bullet, end in an ellipsis, end a sentence, are short; shape (4, n)."""
    return np.asarray(_count_lines(data, found.bounds, found.starts, found.ends, found.lengths, CLASSES))
