"""Text files and EPUBs as Spark data sources: a document a file, or a piece of a text file that is parted at a pattern.

Books are read as BooksCorpus holds them: long runs of contiguous text. Project Gutenberg's header and licence are left out,
and line ends that only wrap a paragraph are undone (kernels.books).
"""

import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import pyarrow as pa
import zstandard
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from pipeline.kernels.books import unwrapped, without_gutenberg
from pipeline.kernels.charset import decode
from pipeline.schema import DOCUMENT, INGESTED, REJECTED
from pipeline.sources.epub import BadEpubError, TooLargeError, read_epub
from pipeline.sources.paths import common_folder, open_input
from pipeline.sources.rows import Row, batches, clean, content_id, counted, dump_of, rejected
from pipeline.sources.splits import FilePartition, input_files, storage_of
from pipeline.sources.tables import MIN_LINE_BYTES, inflated

CHARSET_BYTES = 1 << 20  # of a file that is parted: its beginning tells the charset
Read = Callable[[IO[bytes], str], Iterator[Row]]


class TextSource(DataSource):
    @classmethod
    def name(cls) -> str:
        return "taojin_text"

    def schema(self) -> StructType:
        return INGESTED

    def reader(self, schema: StructType) -> "BookReader":
        return BookReader(dict(self.options), "text")


class EpubSource(DataSource):
    @classmethod
    def name(cls) -> str:
        return "taojin_epub"

    def schema(self) -> StructType:
        return INGESTED

    def reader(self, schema: StructType) -> "BookReader":
        return BookReader(dict(self.options), "epub")


class BookReader(DataSourceReader):
    def __init__(self, options: dict[str, str], kind: str) -> None:
        self.paths, self.kind = [file.path for file in input_files(options)], kind
        self.origin = options.get("origin", kind)
        self.folder = common_folder(self.paths)
        self.storage = storage_of(options)
        self.max_bytes = max(MIN_LINE_BYTES, int(options.get("max_record_bytes", 0)))
        self.split_at = options.get("split_at", "")

    def partitions(self) -> Sequence[FilePartition]:
        return [FilePartition(path) for path in self.paths]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, FilePartition)
        return batches(self.rows(partition.path), self.origin)

    def rows(self, path: str) -> Iterator[Row]:
        """A document or rejection for the file, or for each piece of it, and their count."""
        read, n = (self._epub if self.kind == "epub" else self._pieces if self.split_at else self._text), 0
        try:
            with open_input(path, self.storage) as stream:
                for row in read(stream, path):
                    n += 1
                    yield row
        except (OSError, EOFError, BadEpubError, zlib.error, zstandard.ZstdError) as error:
            yield rejected("read_error" if n else "unreadable_input", path, 0, str(error))
        if n:
            yield counted("piece" if self.split_at and self.kind == "text" else "file", n, path)

    def _text(self, stream: IO[bytes], path: str) -> Iterator[Row]:
        data = inflated(stream).read(self.max_bytes + 1)
        if len(data) > self.max_bytes:
            yield Row(REJECTED, file=path, offset=0, remark="too_large")
            return
        text, _ = decode(data, None)
        yield self._row(unwrapped(without_gutenberg(text.replace("\r\n", "\n"))), path, 0, len(data))

    def _pieces(self, stream: IO[bytes], path: str) -> Iterator[Row]:
        """The text parted as re.split does, a line at a time: what the pattern matches goes."""
        _, charset = decode(inflated(stream).read(CHARSET_BYTES), None)
        stream.seek(0)
        lines = io.TextIOWrapper(inflated(stream), charset, "replace")
        pattern, piece, size, number = re.compile(self.split_at), list[str](), 0, 0
        while line := lines.readline(self.max_bytes):
            parts, at = [], 0
            for match in pattern.finditer(line.rstrip("\n")):
                parts.append(line[at : match.start()])
                at = match.end()
            for part in parts:
                piece.append(part)
                if "".join(piece).strip():
                    yield self._piece(piece, size + len(part), path, number)
                    number += 1
                piece, size = [], 0
            if size <= self.max_bytes:
                piece.append(line[at:])
            size += len(line) - at
        if "".join(piece).strip():
            yield self._piece(piece, size, path, number)

    def _piece(self, lines: list[str], size: int, path: str, number: int) -> Row:
        if size > self.max_bytes:
            return Row(REJECTED, file=path, offset=number, remark="too_large")
        return self._row(unwrapped("".join(lines).strip()), path, number, None)

    def _epub(self, stream: IO[bytes], path: str) -> Iterator[Row]:
        try:
            book = read_epub(stream, self.max_bytes)
        except TooLargeError:
            yield Row(REJECTED, file=path, offset=0, remark="too_large")
            return
        row = self._row(book.text, path, 0, None)
        yield row._replace(metadata={name: clean(value) for name, value in book.metadata.items()} or None)

    def _row(self, text: str, path: str, offset: int, length: int | None) -> Row:
        text = clean(text).strip()
        row = Row(REJECTED, dump=dump_of(path), file=path, offset=offset, length=length, remark="no_text")
        if not text:
            return row
        return row._replace(outcome=DOCUMENT, id=content_id(self.origin, path, self.folder, text), text=text, remark=None)
