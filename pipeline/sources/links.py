"""Lists of links: rows of pipeline.schema.LINKS (GPT-2's WebText rule, Radford et al. 2019).

A list is JSON lines with `url` and `score`, or lines `URL` or `URL score` (plain, gzip, zstd, bzip2), or Parquet with these
columns. A link without a score counts 1: one reader.
"""

import io
import math
from collections.abc import Iterator, Sequence
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from pyspark.sql.datasource import DataSourceReader, InputPartition

from pipeline.kernels.urls import url_key
from pipeline.sources.files import inflated
from pipeline.sources.paths import open_input
from pipeline.sources.splits import FilePartition, input_files, storage_of
from pipeline.sources.storage import Storage
from pipeline.sources.tables import line_fields

MAX_LINE = 1 << 20
MAX_SCORE = 1e12  # so that sums are exact
BATCH = 50_000
ARROW = pa.schema([
    pa.field("origin", pa.string(), nullable=False), ("url", pa.string()), ("score", pa.float64()), ("file", pa.string()),
    ("offset", pa.int64()), ("reason", pa.string()),
])  # fmt: skip
Link = tuple[str | None, float | None, int, str | None]  # key of the URL, score, offset, reason why it is none


class LinksReader(DataSourceReader):
    def __init__(self, options: dict[str, str]) -> None:
        self.paths = [file.path for file in input_files(options)]
        self.origin, self.storage = options.get("origin", "links"), storage_of(options)

    def partitions(self) -> Sequence[FilePartition]:
        return [FilePartition(path) for path in self.paths]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, FilePartition)
        held: list[Link] = []
        for link in links(partition.path, self.storage):
            held.append(link)
            if len(held) == BATCH:
                yield self._batch(held, partition.path)
                held = []
        if held:
            yield self._batch(held, partition.path)

    def _batch(self, held: list[Link], path: str) -> pa.RecordBatch:
        urls, scores, offsets, reasons = (list(column) for column in zip(*held, strict=True))
        n = len(held)
        return pa.record_batch([[self.origin] * n, urls, scores, [path] * n, offsets, reasons], schema=ARROW)


def links(path: str, storage: Storage | None = None) -> Iterator[Link]:
    """Every link of a file, and a row with a reason for each line that is none or for the file that cannot be read."""
    n = 0
    try:
        with open_input(path, storage) as stream:
            for offset, fields in _lines(stream):
                n += 1
                yield _link(fields, offset)
    except (OSError, EOFError, zstandard.ZstdError, pa.ArrowException):
        yield None, None, n, "read_error" if n else "unreadable_input"
        return
    if not n:
        yield None, None, 0, "unreadable_input"


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    head = stream.read(4)
    stream.seek(0)
    if head == b"PAR1":
        file, n = pq.ParquetFile(stream), 0
        columns = [name for name in ("url", "score") if name in file.schema_arrow.names]
        for batch in file.iter_batches(BATCH, columns=columns):
            for fields in batch.to_pylist():
                yield n, fields
                n += 1
        return
    lines, offset = io.BufferedReader(cast("io.RawIOBase", inflated(stream)), 1 << 20), 0
    while line := lines.readline(MAX_LINE):
        if line.strip():
            yield offset, _fields(line)
        offset += len(line)


def _fields(line: bytes) -> dict[str, Any]:
    if line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{"):
        fields = line_fields(line)
        return fields if isinstance(fields, dict) else {}
    words = line.decode("utf-8", "replace").removeprefix("\ufeff").split()
    return {"url": words[0], "score": words[1] if len(words) > 1 else 1} if len(words) <= 2 else {}


def _link(fields: dict[str, Any], offset: int) -> Link:
    url, score = fields.get("url"), fields.get("score", 1)
    key = url_key(url) if isinstance(url, str) else ""
    try:
        points = float(score)
    except (TypeError, ValueError):
        points = math.nan
    if not key or not abs(points) <= MAX_SCORE:
        return None, None, offset, "bad_link"
    return key, points, offset, None
