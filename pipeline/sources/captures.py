"""Captures chosen in Common Crawl's columnar index, Parquet rows of warc_filename, warc_record_offset, warc_record_length.

Each row is a range of bytes that holds one record: only these ranges are read, in the order of the files. A partition is a
row group of the index, so no driver holds the choice.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.datasource import InputPartition

from pipeline.sources.members import codec_of, members, plain
from pipeline.sources.paths import Input, is_remote, leads_out, open_input
from pipeline.sources.records import Record, Stretch, records
from pipeline.sources.rows import Row, counted, rejected
from pipeline.sources.storage import Storage, patiently

COLUMNS = ["warc_filename", "warc_record_offset", "warc_record_length"]
MakeRow = Callable[[Record | Stretch, str], Row | None]


class CapturePartition(InputPartition):
    """A row group of an index file."""

    def __init__(self, path: str, group: int) -> None:
        super().__init__((path, group))
        self.path, self.group = path, group


def row_groups(files: Sequence[Input], storage: Storage | None) -> list[CapturePartition]:
    """The row groups of index files; of one that cannot be read the first, so that a task tells it."""
    found = []
    for file in files:
        try:
            with open_input(file.path, storage) as stream:
                n = pq.ParquetFile(stream).num_row_groups
        except (OSError, pa.ArrowException):
            n = 1
        found += [CapturePartition(file.path, k) for k in range(n)]
    return found


def capture_rows(
    part: CapturePartition, base: str, storage: Storage | None, max_record_bytes: int, make_row: MakeRow
) -> Iterator[Row]:
    """A document or rejection for each capture that the row group names; then counts, by file."""
    counts = Counter[tuple[str, str]]()
    try:
        with open_input(part.path, storage) as stream:
            table = pq.ParquetFile(stream).read_row_group(part.group, columns=COLUMNS).select(COLUMNS)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:  # a missing column is a ValueError or a KeyError
        yield rejected("unreadable_input", part.path, 0, str(error))
        return
    chosen = table.group_by(COLUMNS).aggregate([]).sort_by([(name, "ascending") for name in COLUMNS])
    for name, offset, length in zip(*(chosen[column].to_pylist() for column in COLUMNS), strict=True):
        if not isinstance(name, str) or leads_out(name) or offset is None or length is None or min(offset, length) < 0:
            yield rejected("bad_capture", part.path, part.group, f"{name!r}, {offset}, {length}")
            continue
        path = f"{base.rstrip('/')}/{name}"
        try:
            data = read_range(path, offset, min(length, 2 * max_record_bytes), storage)
        except OSError as error:
            yield rejected("read_error", path, offset, str(error))
            continue
        seen = False
        for item in _items(data, max_record_bytes):
            if isinstance(item, Record):
                counts[path, item.kind] += 1
                seen = True
            if row := make_row(item._replace(offset=offset + item.offset), path):
                seen = True
                yield row
        if not seen:
            yield rejected("bad_capture", path, offset, "no record stands there")
    for (path, kind), n in sorted(counts.items()):
        yield counted(kind, n, path)


def _items(data: bytes, max_record_bytes: int) -> Iterator[Record | Stretch]:
    stream, codec = io.BytesIO(data), codec_of(data[:4096])
    walk = (lambda offset: plain(stream, offset)) if codec is None else (lambda offset: members(stream, codec, offset))
    return records(walk, codec is None, max_record_bytes)


def read_range(path: str, offset: int, length: int, storage: Storage | None) -> bytes:
    """Some bytes of a file, fewer at its end. Raises OSError."""
    if not is_remote(path):
        with open_input(path) as stream:
            stream.seek(offset)
            return stream.read(length)
    import fsspec

    def ask() -> Any:
        system, inner = fsspec.core.url_to_fs(path, **dict(storage or {}))
        return system.cat_file(inner, start=offset, end=offset + length)

    return bytes(patiently(ask))
