"""An Arrow column as the arrays that numba loops over: no Python object a document."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def utf8_buffers(strings: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets, shape (n + 1,), and UTF-8 bytes of a string column; a null is an empty string.

    Both are read-only whatever Arrow made them: numba compiles another kernel for arrays that can be written.

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
    offsets, data = np.zeros(1, np.int64), np.zeros(0, np.uint8)
    if len(strings) and offset_buffer is not None:
        offsets = np.frombuffer(offset_buffer, np.int64)[strings.offset : strings.offset + len(strings) + 1]
        if data_buffer is not None:
            data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    offsets.flags.writeable = data.flags.writeable = False
    return offsets, data
