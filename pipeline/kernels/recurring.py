"""Lines and paragraphs under a key, so that those which many texts share can be found and taken out.

Two are equal if their words are, as kernels.text has them, numbers aside: of a word without a letter only its place
counts. That is the normal form of CCNet (Wenzek et al. 2020, arXiv:1911.00359, section 3.1: lower case, digits replaced,
punctuation off), but for accents, which stay. What has no word has no key: it never recurs.
"""

from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.lines import Lines, lines
from pipeline.kernels.text import Units, code_point_spans, mix64, units

_MULTIPLIER, _NUMBER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x2545F4914F6CDD1D)


class Pieces(NamedTuple):
    """The m lines or paragraphs that have a word, in the order of n texts."""

    documents: NDArray[np.int64]  # shape (m,), which text
    keys: NDArray[np.uint64]
    words: NDArray[np.int32]
    starts: NDArray[np.int64]  # in code points of the text
    ends: NDArray[np.int64]  # behind the line feed that follows; of a paragraph, behind the blank lines that follow
    firsts: NDArray[np.bool_]  # whether none with its key stands before it in the text


@njit(cache=True)
def _find(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    of_lines: Lines,
    found: Units,
    paragraphs: bool,
    out: Pieces,
) -> int:
    m = 0
    for i in range(len(offsets) - 1):
        u, stop, behind = found.bounds[i], found.bounds[i + 1], -1  # the piece before in this text
        for k in range(of_lines.bounds[i], of_lines.bounds[i + 1]):
            start, end = of_lines.starts[k], of_lines.ends[k]
            while start > offsets[i] and data[start - 1] != 10:
                start -= 1
            while end < offsets[i + 1] and data[end] != 10:
                end += 1
            end = min(end + 1, offsets[i + 1])
            opens = of_lines.opens[k] or not paragraphs
            if opens:
                if paragraphs and behind >= 0:
                    out.ends[behind] = start
                behind = m
                out.documents[m], out.starts[m], out.keys[m], out.words[m] = i, start, 0, 0
                m += 1
            key, words = out.keys[behind], out.words[behind]
            while u < stop and found.starts[u] < end:
                key = mix64(key * _MULTIPLIER + (found.hashes[u] if found.alphabetic[u] else _NUMBER))
                words += 1
                u += 1
            out.keys[behind], out.words[behind], out.ends[behind] = key, words, end
        if paragraphs and behind >= 0:
            out.ends[behind] = offsets[i + 1]
    return m


def _firsts(documents: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    order = np.lexsort((keys, documents))  # stable: equal ones stay in the order of the text
    firsts = np.ones(len(keys), np.bool_)
    same = (documents[order[1:]] == documents[order[:-1]]) & (keys[order[1:]] == keys[order[:-1]])
    firsts[order[1:][same]] = False
    return firsts


def pieces(texts: pa.Array, unit: Literal["line", "paragraph"]) -> Pieces:
    r"""The lines or paragraphs of a string column that have a word.

    >>> found = pieces(pa.array(["Page 3 of 9\n***\n page 4 of 9! \nHome", "淘金"]), "line")
    >>> found.documents.tolist(), found.words.tolist(), found.firsts.tolist()
    ([0, 0, 0, 1], [4, 4, 1, 2], [True, False, True, True])
    >>> list(zip(found.starts.tolist(), found.ends.tolist()))
    [(0, 12), (16, 31), (31, 35), (0, 2)]
    """
    offsets, data = utf8_buffers(texts)
    of_lines, found = lines(texts), units(texts)
    size = len(of_lines.starts)
    numbers = [np.empty(size, np.int64) for _ in range(3)]
    keys, words, none = np.empty(size, np.uint64), np.empty(size, np.int32), np.empty(0, np.bool_)
    out = Pieces(numbers[0], keys, words, numbers[1], numbers[2], none)
    m = _find(data, offsets, of_lines, found, unit == "paragraph", out)
    has = np.flatnonzero(words[:m])
    documents, keys = numbers[0][has], keys[has]
    starts, ends = code_point_spans(data, offsets, documents, numbers[1][has], numbers[2][has])
    return Pieces(documents, keys, words[has], starts, ends, _firsts(documents, keys))
