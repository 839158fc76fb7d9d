"""Files read whole, a task each: what the readers of tables, texts and EPUBs share."""

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NamedTuple, cast

import pyarrow as pa
import zstandard
from pyspark.sql.datasource import DataSourceReader, InputPartition

from pipeline.sources.parts import Parts, parts_of, told
from pipeline.sources.paths import common_folder, open_input
from pipeline.sources.rows import Row, counted, rejected
from pipeline.sources.splits import FilePartition, input_files, storage_of
from pipeline.sources.storage import Storage

# A book is one line: a row may be larger than a crawl's record.
MIN_LINE_BYTES = 100_000_000
READ_ERRORS = (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowException)


class Files(NamedTuple):
    """A source's files and how they are read."""

    paths: list[str]
    origin: str
    folder: str  # the files lie in it; ids are relative to it
    storage: Storage  # fsspec's options
    max_bytes: int  # of a row, a piece or a book
    parts: Parts | None  # where documents go


Read = Callable[[IO[bytes], str, Files], Iterator[Row]]


def files_of(options: dict[str, str], origin: str) -> Files:
    """`origin`: where the options name none."""
    paths, origin = [file.path for file in input_files(options)], options.get("origin", origin)
    max_bytes = max(MIN_LINE_BYTES, int(options.get("max_record_bytes", 0)))
    return Files(paths, origin, common_folder(paths), storage_of(options), max_bytes, parts_of(options))


class FileReader(DataSourceReader):
    """`read` gives a file's rows, `unit` is what they are counted as. A file without any is unreadable, unless it
    `may_be_empty`: an empty table is a table, an empty file of lines a download gone wrong.
    """

    def __init__(self, files: Files, read: Read, unit: str, may_be_empty: bool = False) -> None:
        self.files, self._read, self._unit, self._may_be_empty = files, read, unit, may_be_empty

    def partitions(self) -> Sequence[FilePartition]:
        return [FilePartition(path) for path in self.files.paths]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, FilePartition)
        return told(self.rows(partition.path), self.files.origin, self.files.parts)

    def rows(self, path: str) -> Iterator[Row]:
        """A document or a rejection for each row, and their count."""
        n = 0
        try:
            with open_input(path, self.files.storage) as stream:
                for row in self._read(stream, path, self.files):
                    n += 1
                    yield row
        except READ_ERRORS as error:
            yield rejected("read_error" if n else "unreadable_input", path, n, str(error))
            if not n:
                return
        if n or self._may_be_empty:
            yield counted(self._unit, n, path)
        else:
            yield rejected("unreadable_input", path, 0, f"it holds no {self._unit}")


def inflated(stream: IO[bytes]) -> IO[bytes]:
    """The file without its compression, which its first bytes tell."""
    head = stream.read(4)
    stream.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if head.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.BZ2File(stream))
    if head == b"\x28\xb5\x2f\xfd":
        return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))
    return stream
