"""Text that was read in the wrong charset, by the traces which that leaves."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers

_SPECIALS = b"\xef\xbf\xbd"  # U+FFFD
_TWICE = b"\xe9\x94\x9f\xe6\x96\xa4\xe6\x8b\xb7"  # U+FFFD twice in UTF-8, read as GBK: 锟斤拷
_PUNCTUATION = b"\xc3\xa2\xe2\x82\xac"  # the first bytes of ’ “ ” … in UTF-8, read as Windows-1252: â€


def count_mojibake(texts: pa.Array) -> NDArray[np.int64]:
    """Signs of a wrong charset in each text: U+FFFD, 锟斤拷, `â€`, and Â or Ã before one of U+0080 to U+00BF (UTF-8 read as
    Latin-1).

    >>> count_mojibake(pa.array(["caf\\u00e9 \\u2019", "cafÃ© itâ€™s", "\\ufffd锟斤拷", "NÃO Âge", None])).tolist()
    [0, 2, 2, 0, 0]
    """
    offsets, data = utf8_buffers(texts)
    padded = np.concatenate([data[: offsets[-1]], np.zeros(len(_TWICE), np.uint8)])
    accented = np.flatnonzero(padded == 0xC3)
    second, third, fourth = (padded[accented + k] for k in (1, 2, 3))
    latin = (second & 0xFE == 0x82) & (third == 0xC2) & (fourth & 0xC0 == 0x80)
    found = [(accented[latin], 4), *((_places(padded, sign), len(sign)) for sign in (_SPECIALS, _TWICE, _PUNCTUATION))]
    counts = np.zeros(len(texts), np.int64)
    for places, size in found:
        # what begins in one text and ends in the next is no sign
        of = np.searchsorted(offsets, places, side="right") - 1
        counts += np.bincount(of[places + size <= offsets[of + 1]], minlength=len(texts))
    return counts


def _places(data: NDArray[np.uint8], sign: bytes) -> NDArray[np.int64]:
    found = np.flatnonzero(data[: len(data) - len(sign) + 1] == sign[0])
    for k, byte in enumerate(sign[1:], 1):
        found = found[data[found + k] == byte]
    return found
