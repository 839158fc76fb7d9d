"""Text that was read in the wrong charset, by the traces which that leaves."""

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers

_SPECIAL = np.frombuffer(b"\xef\xbf\xbd", np.uint8)  # U+FFFD
_TWICE = np.frombuffer(b"\xe9\x94\x9f\xe6\x96\xa4\xe6\x8b\xb7", np.uint8)  # U+FFFD twice in UTF-8, read as GBK: 锟斤拷
# The first bytes of ’ “ ” … in UTF-8, read as Windows-1252: â€
_PUNCTUATION = np.frombuffer(b"\xc3\xa2\xe2\x82\xac", np.uint8)


@njit(cache=True)
def _stands_at(data: NDArray[np.uint8], at: int, end: int, sign: NDArray[np.uint8]) -> bool:
    if end - at < len(sign):
        return False
    same = True
    for k in range(len(sign)):
        same &= data[at + k] == sign[k]
    return same


@njit(cache=True)
def _is_accented(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Â or Ã, then one of U+0080 to U+00BF."""
    if end - at < 4:
        return False
    return bool(data[at + 1] & 0xFE == 0x82 and data[at + 2] == 0xC2 and data[at + 3] & 0xC0 == 0x80)


@njit(cache=True)
def _count(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    special: NDArray[np.uint8],
    twice: NDArray[np.uint8],
    punctuation: NDArray[np.uint8],
) -> NDArray[np.int64]:
    counts = np.zeros(len(offsets) - 1, np.int64)
    for i in range(len(offsets) - 1):
        end = offsets[i + 1]
        for at in range(offsets[i], end):
            first = data[at]
            if first < 0xC3:
                continue
            if first == 0xC3:
                counts[i] += _is_accented(data, at, end) or _stands_at(data, at, end, punctuation)
            elif first == 0xE9:
                counts[i] += _stands_at(data, at, end, twice)
            elif first == 0xEF:
                counts[i] += _stands_at(data, at, end, special)
    return counts


def count_mojibake(texts: pa.Array) -> NDArray[np.int64]:
    """Signs of a wrong charset in each text: U+FFFD, 锟斤拷, `â€`, and Â or Ã before one of U+0080 to U+00BF (UTF-8 read as
    Latin-1).

    >>> count_mojibake(pa.array(["caf\\u00e9 \\u2019", "cafÃ© itâ€™s", "\\ufffd锟斤拷", "NÃO Âge", None])).tolist()
    [0, 2, 2, 0, 0]
    """
    offsets, data = utf8_buffers(texts)
    return np.asarray(_count(data, offsets, _SPECIAL, _TWICE, _PUNCTUATION))
