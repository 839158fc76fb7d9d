"""fastText's lid.176.ftz over Arrow buffers: what the library answers, to the last bit, in a quarter of its time.

A text's vector is the mean of those of its words and their character n-grams (Joulin et al. 2016, "Bag of tricks for
efficient text classification"); the file holds them pruned and product-quantised (Joulin et al. 2016, "FastText.zip",
section 3). A Huffman tree of logistic regressions gives the label (hierarchical softmax). The library spends its time on
a string and a hash map's look-up for each n-gram; here an n-gram's hash grows with it, and an array has its row.
"""

import struct
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers

_FNV_BASIS, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_SMALL = 1e-5  # added before each logarithm, by the library
_LABEL = np.frombuffer(b"__label__", np.uint8)
_END = np.frombuffer(b"</s>", np.uint8)  # how the library spells a line's end, also where a text says so


class Tables(NamedTuple):
    """What prediction reads. Rows of `vectors`: first the words', then those of the n-grams that were not pruned."""

    spelling: NDArray[np.uint8]  # of all words, one after another
    bounds: NDArray[np.int64]  # shape (words + 1,)
    slots: NDArray[np.int32]  # words by hash, open addressing; -1: none
    rows: NDArray[np.int32]  # of the n-gram in each hash bucket; -1: pruned
    vectors: NDArray[np.float32]  # shape (rows, dimensions)
    weights: NDArray[np.float32]  # of the tree's inner nodes, shape (labels, dimensions), the last one unused
    children: NDArray[np.int32]  # shape (nodes, 2); -1 at leaves, which are the first nodes, one a label


class Model(NamedTuple):
    labels: list[str]
    shortest: int  # n-gram, in characters
    longest: int
    tables: Tables


class _File:
    """Values read from bytes, one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def values(self, kinds: str) -> tuple[int, ...]:
        found = struct.unpack_from(f"<{kinds}", self._data, self._at)
        self._at += struct.calcsize(f"<{kinds}")
        return found

    def array(self, kind: str, n: int) -> NDArray[np.generic]:
        found = np.frombuffer(self._data, kind, n, self._at)
        self._at += found.nbytes
        return found

    def string(self) -> bytes:
        end = self._data.index(b"\0", self._at)
        found, self._at = self._data[self._at : end], end + 1
        return found

    def centroids(self) -> tuple[NDArray[np.float32], int]:
        """Of a product quantiser, shape (parts, 256, dimensions of a part)."""
        dimensions, parts, of_part, _ = self.values("4i")
        return self.array("<f4", dimensions * 256).reshape(parts, 256, of_part), parts  # type: ignore[return-value]


def read_model(data: bytes) -> Model:
    """The file's model: quantised vectors with quantised norms, plain weights, hierarchical softmax, no word n-grams."""
    file = _File(data)
    file.values("2i")  # magic number, version
    *_, buckets, shortest, longest, _ = file.values("12i")
    file.values("d")
    n_entries, n_words, _, _, n_kept = file.values("3i2q")
    spellings, counts = list[bytes](), list[int]()  # of words, then of labels
    for _ in range(n_entries):
        spellings.append(file.string())
        counts.append(file.values("qb")[0])
    kept = file.array("<i4", 2 * n_kept).reshape(-1, 2)
    rows = np.full(buckets, -1, np.int32)
    rows[kept[:, 0]] = kept[:, 1] + n_words
    _, _, n_rows, _, n_codes = file.values("2?2qi")
    codes = file.array("u1", n_codes)
    centroids, parts = file.centroids()
    norm_codes = file.array("u1", n_rows)
    norms, _ = file.centroids()
    vectors = centroids[np.arange(parts), codes.reshape(n_rows, parts)].reshape(n_rows, -1)
    _, height, width = file.values("?2q")
    spelling, bounds, slots = _word_table(spellings[:n_words])
    tables = Tables(
        spelling, bounds, slots, rows,
        norms[0, :, 0][norm_codes][:, None] * vectors,
        file.array("<f4", height * width).reshape(height, width),  # type: ignore[arg-type]
        _tree(counts[n_words:]),
    )  # fmt: skip
    for table in tables:
        table.flags.writeable = False
    labels = [label.decode().removeprefix("__label__") for label in spellings[n_words:]]
    return Model(labels, shortest, longest, tables)


def _word_table(words: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
    bounds = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in words], out=bounds[1:])
    spelling = np.frombuffer(b"".join(words), np.uint8)
    return spelling, bounds, _slots(spelling, bounds)


def _tree(counts: list[int]) -> NDArray[np.int32]:
    """Huffman's tree over labels in the order of their counts, the largest first, as the library builds it."""
    n = len(counts)
    totals = [*counts, *([10**15] * (n - 1))]
    children = np.full((2 * n - 1, 2), -1, np.int32)
    leaf, node = n - 1, n
    for parent in range(n, 2 * n - 1):
        for side in (0, 1):
            if leaf >= 0 and totals[leaf] < totals[node]:
                children[parent, side], leaf = leaf, leaf - 1
            else:
                children[parent, side], node = node, node + 1
        totals[parent] = totals[children[parent, 0]] + totals[children[parent, 1]]
    return children


@njit(cache=True, inline="always")
def _hashed(h: np.uint32, byte: np.uint8) -> np.uint32:
    """FNV-1a over signed bytes."""
    return np.uint32((h ^ np.uint32(np.int32(np.int8(byte)))) * _FNV_PRIME)


@njit(cache=True)
def _slot_of(word: NDArray[np.uint8], n_slots: int) -> np.int64:
    """Where to look for a word first."""
    h = _FNV_BASIS
    for byte in word:
        h = _hashed(h, byte)
    return np.int64(h) % n_slots


@njit(cache=True)
def _slots(spelling: NDArray[np.uint8], bounds: NDArray[np.int64]) -> NDArray[np.int32]:
    size = 1
    while size < 4 * len(bounds):
        size *= 2
    slots = np.full(size, -1, np.int32)
    for word in range(len(bounds) - 1):
        slot = _slot_of(spelling[bounds[word] : bounds[word + 1]], size)
        while slots[slot] >= 0:
            slot = (slot + 1) % size
        slots[slot] = word
    return slots


@njit(cache=True)
def _begins(token: NDArray[np.uint8], beginning: NDArray[np.uint8]) -> bool:
    k = 0
    while k < min(len(token), len(beginning)) and token[k] == beginning[k]:
        k += 1
    return k == len(beginning)


@njit(cache=True)
def _row_of_word(token: NDArray[np.uint8], tables: Tables) -> int:
    """-1 where no word is spelled like it."""
    slot = _slot_of(token, len(tables.slots))
    while tables.slots[slot] >= 0:
        word = tables.slots[slot]
        start, end = tables.bounds[word], tables.bounds[word + 1]
        if end - start == len(token) and _begins(tables.spelling[start:end], token):
            return int(word)
        slot = (slot + 1) % len(tables.slots)
    return -1


@njit(cache=True)
def _add_token(bracketed: NDArray[np.uint8], shortest: int, longest: int, tables: Tables, total: NDArray[np.float32]) -> int:
    """Adds the vectors of `<token>` and its n-grams; how many they are."""
    size, n, n_buckets = len(bracketed), 0, np.uint32(len(tables.rows))
    word = _row_of_word(bracketed[1:-1], tables)
    if word >= 0:
        total += tables.vectors[word]
        n += 1
    for start in range(size):
        if bracketed[start] & 0xC0 == 0x80:  # within a character
            continue
        h, at, characters = _FNV_BASIS, start, 0
        while at < size and characters < longest:
            h = _hashed(h, bracketed[at])
            at += 1
            while at < size and bracketed[at] & 0xC0 == 0x80:
                h = _hashed(h, bracketed[at])
                at += 1
            characters += 1
            if characters < shortest:
                continue
            row = tables.rows[h % n_buckets]
            if row >= 0:
                for k in range(len(total)):  # an array expression takes three times as long
                    total[k] += tables.vectors[row, k]
                n += 1
    return n


@njit(cache=True)
def _best(vector: NDArray[np.float32], tables: Tables) -> tuple[int, np.float32]:
    """The most probable leaf of the tree, -1 if none is above the library's least, and the logarithm of its probability."""
    n_leaves = (len(tables.children) + 1) // 2
    nodes, scores = np.empty(n_leaves, np.int64), np.empty(n_leaves, np.float32)
    nodes[0], scores[0], depth = len(tables.children) - 1, np.float32(0), 1
    least, best, label = np.float32(np.log(_SMALL)), np.float32(0), -1
    while depth > 0:
        depth -= 1
        node, score = nodes[depth], scores[depth]
        if score < least or (label >= 0 and score < best):
            continue
        if node < n_leaves:
            if label < 0 or score > best:
                label, best = node, score
            continue
        product = np.float32(0)
        for k in range(len(vector)):
            product += tables.weights[node - n_leaves, k] * vector[k]
        right = np.float32(1.0 / np.float32(np.float32(1) + np.float32(np.exp(-product))))
        nodes[depth], nodes[depth + 1] = tables.children[node, 1], tables.children[node, 0]
        scores[depth] = score + np.float32(np.log(right + _SMALL))
        scores[depth + 1] = score + np.float32(np.log(np.float32(1.0 - right) + _SMALL))
        depth += 2
    return label, best


@njit(cache=True)
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or byte == 0 or 9 <= byte <= 13)


@njit(cache=True)
def _predict(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], shortest: int, longest: int, tables: Tables
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    n = len(offsets) - 1
    labels, scores = np.empty(n, np.int64), np.empty(n, np.float32)
    bracketed = np.empty(2 + (np.diff(offsets).max() if n else 0), np.uint8)
    bracketed[0] = 60  # <
    for i in range(n):
        total, n_vectors = np.zeros(tables.vectors.shape[1], np.float32), 0
        at, end = offsets[i], offsets[i + 1]
        while at < end:
            size = 1
            while at < end and not _is_space(data[at]):
                bracketed[size] = data[at]
                size += 1
                at += 1
            at += 1
            if size == 1 or _begins(bracketed[1:size], _LABEL):  # labels are for training
                continue
            if size == len(_END) + 1 and _begins(bracketed[1:size], _END):
                word = _row_of_word(_END, tables)
                if word >= 0:
                    total += tables.vectors[word]
                    n_vectors += 1
                break
            bracketed[size] = 62  # >
            n_vectors += _add_token(bracketed[: size + 1], shortest, longest, tables, total)
        labels[i], scores[i] = -1, np.float32(0)
        if n_vectors:
            total *= np.float32(1.0 / n_vectors)
            labels[i], score = _best(total, tables)
            scores[i] = np.exp(score)
    return labels, scores


def predict(model: Model, lines: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The most probable label of each line, as its place in `model.labels`, and its probability; -1 where nothing is known
    of a line. A probability may exceed 1 by what the library adds to logarithms. Line ends part words here.
    """
    offsets, data = utf8_buffers(lines)
    return _predict(data, offsets, model.shortest, model.longest, model.tables)
