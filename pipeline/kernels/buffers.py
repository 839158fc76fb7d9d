"""An Arrow column as the arrays that numba loops over: no Python object a document."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def utf8_buffers(strings: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets, shape (n + 1,), and UTF-8 bytes of a string column; a null is an empty string.

    >>> offsets, data = utf8_buffers(pa.array(["ab", None, "\u6dd8"]))
    >>> offsets.tolist(), bytes(data).decode()
    ([0, 2, 2, 5], 'ab\u6dd8')
    """
    if isinstance(strings, pa.ChunkedArray):
        strings = strings.combine_chunks()
    if strings.null_count:
        strings = strings.fill_null("")
    strings = strings.cast(pa.large_string())
    _, offset_buffer, data_buffer = strings.buffers()
    n = len(strings)
    if n == 0 or offset_buffer is None:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(offset_buffer, np.int64)[strings.offset : strings.offset + n + 1]
    if data_buffer is None:
        return offsets, np.zeros(0, np.uint8)
    first, last = int(offsets[0]), int(offsets[-1])
    return offsets - first, np.frombuffer(data_buffer, np.uint8)[first:last]
