"""Hashes that the same input gives everywhere: identity, and chance.

Chance in taojin is `unit_interval(seed, purpose, id)`: no generator, no state, so that a draw is the same on one core
or a thousand, after a retry or a resume. The hash is XXH64 (Collet's xxHash specification, version 0.1.1), which Spark
has as `xxhash64` too.
"""

import hashlib
import unicodedata

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers

_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(0x9E3779B185EBCA87),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0x85EBCA77C2B2AE63),
    np.uint64(0x27D4EB2F165667C5),
)
_UNIT = 2.0**-53
_ONES, _SPACES, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x2020202020202020), np.uint64(0x8080808080808080)


@njit(cache=True, inline="always")
def _rotate(x: np.uint64, bits: int) -> np.uint64:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@njit(cache=True, inline="always")
def _word(data: NDArray[np.uint8], at: int, size: int) -> np.uint64:
    value = np.uint64(0)
    for k in range(size):
        value |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return value


@njit(cache=True)
def _round(lane: np.uint64, value: np.uint64) -> np.uint64:
    return _rotate(lane + value * _P2, 31) * _P1


@njit(cache=True)
def xxh64(data: NDArray[np.uint8], start: int, end: int, seed: np.uint64) -> np.uint64:
    """XXH64 of data[start:end]."""
    at = start
    if end - start >= 32:
        a, b, c, d = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
        while at + 32 <= end:
            a = _round(a, _word(data, at, 8))
            b = _round(b, _word(data, at + 8, 8))
            c = _round(c, _word(data, at + 16, 8))
            d = _round(d, _word(data, at + 24, 8))
            at += 32
        h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
        for lane in (a, b, c, d):
            h = (h ^ _round(np.uint64(0), lane)) * _P1 + _P4
    else:
        h = seed + _P5
    h += np.uint64(end - start)
    while at + 8 <= end:
        h = _rotate(h ^ _round(np.uint64(0), _word(data, at, 8)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= end:
        h = _rotate(h ^ (_word(data, at, 4) * _P1), 23) * _P2 + _P3
        at += 4
    while at < end:
        h = _rotate(h ^ (np.uint64(data[at]) * _P5), 11) * _P1
        at += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return h ^ (h >> np.uint64(32))


@njit(cache=True)
def _hash_all(data: NDArray[np.uint8], offsets: NDArray[np.int64], seed: np.uint64) -> NDArray[np.uint64]:
    out = np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(out)):
        out[i] = xxh64(data, offsets[i], offsets[i + 1], seed)
    return out


def hash64(strings: pa.Array, seed: int = 0) -> NDArray[np.uint64]:
    """XXH64 of each string's UTF-8 bytes; a null hashes as the empty string. Shape (n,).

    >>> hash64(pa.array(["", "abc"])).tolist() == [0xEF46DB3751D8E999, 0x44BC2CF5AD770999]
    True
    """
    offsets, data = utf8_buffers(strings)
    return np.asarray(_hash_all(data, offsets, np.uint64(seed % 2**64)))


def purpose_seed(seed: int, purpose: str) -> int:
    """The seed of one purpose: draws for `quality` say nothing about draws for `order`."""
    return int(hash64(pa.array([purpose]), seed)[0])


def unit_interval(seed: int, purpose: str, ids: pa.Array) -> NDArray[np.float64]:
    """A number in [0, 1) for each id: the top 53 bits of XXH64(id) under the seed of (seed, purpose). Shape (n,).

    >>> draws = unit_interval(1, "quality", pa.array(["a", "b", "a"]))
    >>> bool(draws[0] == draws[2] != draws[1])
    True
    """
    return np.asarray((hash64(ids, purpose_seed(seed, purpose)) >> np.uint64(11)) * _UNIT)


def text_hash(text: str) -> str:
    """The identity of a text: 32 hex digits, equal for texts that differ in white space or Unicode composition only.

    >>> text_hash("caf\\u00e9  au\\nlait") == text_hash(" cafe\\u0301 au lait")
    True
    """
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    data = np.frombuffer(composed.encode("utf-8", "replace"), np.uint8)
    words = data[: len(data) // 8 * 8].view(np.uint64)
    spaced = np.empty(len(data), np.uint8)
    return hashlib.blake2b(spaced[: _single_spaced(data, words, spaced)].data, digest_size=16).hexdigest()


@njit(cache=True)
def _single_spaced(data: NDArray[np.uint8], words: NDArray[np.uint64], out: NDArray[np.uint8]) -> int:
    """Writes `" ".join(text.split())` of UTF-8 to `out`, which is as long; how many bytes it has. `words`: `data` by eights.

    Bytes that stay as they are make a run, which is copied as a whole. Eight bytes that are nothing but such, single spaces
    among them, are taken at once: a branch at each space of a text costs more than all else.
    """
    end = len(data)
    at = start = size = 0  # the run is data[start:at]
    spaced = True  # a space, or nothing, stands before
    while at < end:
        if at & 7 == 0 and at >> 3 < len(words):
            word = words[at >> 3]
            spaces = _has_zero(word ^ _SPACES)
            doubtful = _may_be_white(word) | (spaces & (spaces << np.uint64(8)))
            if spaced:
                doubtful |= spaces & np.uint64(0x80)
            if doubtful == np.uint64(0):
                spaced = word >> np.uint64(56) == np.uint64(32)
                at += 8
                continue
        stop = min(end, (at | 7) + 1)
        while at < stop:
            byte, width = data[at], 0
            if byte <= 32:
                width = int(byte == 32 or 9 <= byte <= 13 or byte >= 28)
            elif 0xC2 <= byte <= 0xE3 and at + 1 < end:
                width = _white_space(byte, data[at + 1], data[at + 2] if at + 2 < end else np.uint8(0))
            if width == 0 or (byte == 32 and not spaced):
                spaced = width > 0
                at += 1
                continue
            for k in range(at - start):
                out[size + k] = data[start + k]
            size += at - start
            if not spaced:
                out[size] = 32
                size += 1
                spaced = True
            at += width
            start = at
    for k in range(at - start):
        out[size + k] = data[start + k]
    size += at - start
    return size - 1 if size > 0 and out[size - 1] == 32 else size


@njit(cache=True, inline="always")
def _has_zero(word: np.uint64) -> np.uint64:
    """The top bit of each byte that is zero; perhaps also that of a 1 above such a byte."""
    return (word - _ONES) & ~word & _TOPS


@njit(cache=True, inline="always")
def _may_be_white(word: np.uint64) -> np.uint64:
    """Not 0 where a byte is below the space, or one that white space of more bytes begins with (C2, E1 to E3)."""
    return (
        ((word - _SPACES) & ~word & _TOPS)
        | _has_zero(word ^ (np.uint64(0xC2) * _ONES))
        | _has_zero((word ^ (np.uint64(0xE0) * _ONES)) & (np.uint64(0xFC) * _ONES))
    )


@njit(cache=True)
def _white_space(a: np.uint8, b: np.uint8, c: np.uint8) -> int:
    """The bytes of the character that begins so, if it is one of more than one at which str.split() parts; else 0."""
    if a == 0xC2:  # U+0085 U+00A0
        return 2 * int(b == 0x85 or b == 0xA0)
    if a == 0xE2:  # U+2000 … U+200A, U+2028 U+2029 U+202F; U+205F
        return 3 * int((b == 0x80 and (c <= 0x8A or c == 0xA8 or c == 0xA9 or c == 0xAF)) or (b == 0x81 and c == 0x9F))
    return 3 * int((a == 0xE1 and b == 0x9A and c == 0x80) or (a == 0xE3 and b == 0x80 and c == 0x80))  # U+1680 U+3000
