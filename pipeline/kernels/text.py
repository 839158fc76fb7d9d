"""THE tokenisation: the units of a UTF-8 column, as hashes and byte offsets, shared by every kernel.

A unit is a maximal run of Unicode letters and digits (`[^\\W_]+` of Python's `re`), lower-cased, with full-width and
half-width forms folded; but each Han, kana, Hangul and Thai character is a unit of its own, since those scripts write
no spaces between words. Punctuation, symbols and combining marks separate. So "one's complement" is three units, as in
OpenAI's list of common 13-grams ("one s complement"), and 淘金 is two. In Arabic, Hebrew, Cyrillic, Greek or Devanagari a
unit is what stands between spaces, punctuation and combining marks.

Lower-casing is by single code point (`İ` gives `i`), so that a unit can be read from its bytes without a buffer.
"""

import unicodedata
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers

# What a code point is: the two top bits of its entry in CODE_POINTS; the next one: whether it is a Unicode letter.
SEPARATOR, LETTER, SINGLE = 0, 1, 2  # SINGLE: a unit of its own
KIND_SHIFT = 30
_ALPHABETIC = np.uint32(1 << 29)
_FOLD_MASK = np.uint32((1 << 21) - 1)
_TABLE_SIZE = 0x20000  # above it stand only Han (to 0x3FFFF) and separators
_SINGLES = (
    (0x0E00, 0x0E7F),  # Thai
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),  # kana, phonetic extensions
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),  # Han
    (0xAC00, 0xD7AF), (0x1100, 0x11FF),  # Hangul
)  # fmt: skip
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Units(NamedTuple):
    """The units of n documents. `bounds`, shape (n + 1,): document i has units bounds[i]:bounds[i + 1]."""

    bounds: NDArray[np.int64]
    hashes: NDArray[np.uint64]  # shape (m,)
    starts: NDArray[np.int64]  # shape (m,), byte offsets into the column's data
    ends: NDArray[np.int64]
    lengths: NDArray[np.int32]  # code points
    alphabetic: NDArray[np.bool_]  # whether a Unicode letter is in it


def _fold(code: int) -> int:
    character = chr(code)
    if 0xFF00 <= code <= 0xFFEF:
        wide = unicodedata.normalize("NFKC", character)
        character = wide if len(wide) == 1 else character
    return ord(character.lower()[0])


def _code_points() -> NDArray[np.uint32]:
    """Kind and folded form of each code point below _TABLE_SIZE."""
    folded = np.array([_fold(code) for code in range(_TABLE_SIZE)], np.uint32)
    kinds = np.array([chr(code).isalnum() for code in folded]).astype(np.uint32)  # LETTER, or SEPARATOR
    for low, high in _SINGLES:
        # White space and punctuation inside those blocks separate nothing that the block's letters do not already.
        for code in np.flatnonzero((folded >= low) & (folded <= high)):
            in_unit = kinds[code] or unicodedata.category(chr(folded[code])) in ("Mn", "Mc")
            kinds[code] = SINGLE if in_unit else SEPARATOR
    letters = np.array([chr(code).isalpha() for code in range(_TABLE_SIZE)])
    return kinds << np.uint32(KIND_SHIFT) | np.where(letters, _ALPHABETIC, np.uint32(0)) | folded


CODE_POINTS = _code_points()


@njit(cache=True, inline="always")
def decode_at(data: NDArray[np.uint8], at: int) -> tuple[Any, int]:
    """The code point at byte `at` of valid UTF-8, and its length in bytes."""
    first = np.uint32(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & np.uint32(0x1F)) << np.uint32(6) | np.uint32(data[at + 1] & 0x3F), 2
    if first < 0xF0:
        middle = np.uint32(data[at + 1] & 0x3F) << np.uint32(6)
        return (first & np.uint32(0x0F)) << np.uint32(12) | middle | np.uint32(data[at + 2] & 0x3F), 3
    high = (first & np.uint32(0x07)) << np.uint32(18) | np.uint32(data[at + 1] & 0x3F) << np.uint32(12)
    return high | np.uint32(data[at + 2] & 0x3F) << np.uint32(6) | np.uint32(data[at + 3] & 0x3F), 4


@njit(cache=True, inline="always")
def entry_of(code: int, table: NDArray[np.uint32]) -> np.uint32:
    """Kind and folded code point, as in CODE_POINTS, of any code point."""
    if code < _TABLE_SIZE:
        return np.uint32(table[code])
    if code < 0x40000:
        return np.uint32(SINGLE << KIND_SHIFT) | _ALPHABETIC | np.uint32(code)
    return np.uint32(0)


@njit(cache=True, inline="always")
def mix64(h: np.uint64) -> np.uint64:
    """MurmurHash3's 64-bit finalizer."""
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit(cache=True)
def _scan(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], table: NDArray[np.uint32], singles: bool, out: Units
) -> int:
    alone = SINGLE if singles else SINGLE + 1  # the kind that is in no run with others
    m = 0
    for i in range(len(offsets) - 1):
        at, stop = offsets[i], offsets[i + 1]
        while at < stop:
            code, size = decode_at(data, at)
            entry = entry_of(code, table)
            kind = entry >> np.uint32(KIND_SHIFT)
            if kind == SEPARATOR:
                at += size
                continue
            start, n, seen, h = at, 0, np.uint32(0), np.uint64(0)
            while True:
                h = (h ^ np.uint64(entry & _FOLD_MASK)) * _MULTIPLIER
                h ^= h >> np.uint64(32)
                seen |= entry
                n += 1
                at += size
                if at >= stop or kind == alone:
                    break
                code, size = decode_at(data, at)
                entry = entry_of(code, table)
                kind = entry >> np.uint32(KIND_SHIFT)
                if kind == SEPARATOR or kind == alone:  # noqa: SIM109 - numba tests no tuple for it
                    break
            out.hashes[m], out.starts[m], out.ends[m] = mix64(h), start, at
            out.lengths[m], out.alphabetic[m] = n, seen & _ALPHABETIC != 0
            m += 1
        out.bounds[i + 1] = m
    return m


def units(strings: pa.Array, *, singles: bool = True) -> Units:
    """The units of a string column.

    With `singles=False` Han, kana, Hangul and Thai characters join runs like other letters: for text that a segmenter
    has cut already, its words parted by spaces.

    >>> text = pa.array(["One's 淘金!", "", "Ａb_c"])
    >>> found = units(text)
    >>> found.bounds.tolist()
    [0, 4, 4, 6]
    >>> data = utf8_buffers(text)[1]
    >>> [bytes(data[a:b]).decode() for a, b in zip(found.starts, found.ends)]
    ['One', 's', '淘', '金', 'Ａb', 'c']
    >>> bool(found.hashes[4] == unit_hash("ab"))
    True
    """
    offsets, data = utf8_buffers(strings)
    size = len(data) + 1  # no unit is shorter than a byte; pages that are never written cost nothing
    hashes, starts, ends = np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(size, np.int64)
    lengths, alphabetic = np.empty(size, np.int32), np.empty(size, np.bool_)
    bounds = np.zeros(len(offsets), np.int64)
    m = _scan(data, offsets, CODE_POINTS, singles, Units(bounds, hashes, starts, ends, lengths, alphabetic))
    return Units(bounds, hashes[:m], starts[:m], ends[:m], lengths[:m], alphabetic[:m])


@njit(cache=True)
def code_point_spans(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    documents: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Byte spans, their starts ascending within each document, as spans of code points in their document."""
    out_starts, out_ends = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    document, at, count = np.int64(-1), np.int64(0), np.int64(0)
    for j in range(len(starts)):
        if documents[j] != document:
            document, at, count = documents[j], offsets[documents[j]], np.int64(0)
        while at < starts[j]:
            count += (data[at] & 0xC0) != 0x80
            at += 1
        size = np.int64(0)
        for b in range(starts[j], ends[j]):
            size += (data[b] & 0xC0) != 0x80
        out_starts[j], out_ends[j] = count, count + size
    return out_starts, out_ends


def unit_hash(unit: str) -> int:
    """The hash of one unit, as `units` gives it, in plain Python: the published definition.

    >>> hex(unit_hash("gold")), unit_hash("GOLD") == unit_hash("gold")
    ('0x9c4d5381420cfdfa', True)
    """
    h, mask = 0, (1 << 64) - 1
    for character in unit:
        h = (h ^ _fold(ord(character))) * int(_MULTIPLIER) & mask
        h ^= h >> 32
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = (h ^ h >> 33) * multiplier & mask
    return h ^ h >> 33
