"""The corpus on disk: shards in one global order, as Parquet or as lines of JSON, written whole or not at all.

Text, the heavy column, is shuffled once, straight to its shard. Each task writes a file of its own attempt under
`_attempts/` and hands back one row: shard, file, rows, tokens, bytes, sha256. Spark takes the result of one attempt of
a task only, however many were retried, speculated or killed; when all shards are there the driver moves those files to
their names and writes manifest.json last. So a reader finds no shard, or whole ones, and the manifest only beside all.

A Python `DataSourceArrowWriter` has the same two phases, but its commit runs in a process apart, from which neither
the shards' sizes nor a failure's cause come back to the caller: `mapInArrow` is the better half of it.

A file's bytes are a function of its rows: row groups are cut by the rows' own sizes, never by Arrow batches, and
nothing of time or place is written. (pyarrow writes its version, so another version gives other bytes.)
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark import TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructField, StructType
from zstandard import ZstdCompressor

from pipeline.errors import OutputError
from pipeline.schema import CORPUS, INT, LONG, STRING

MAX_ROW_GROUP_BYTES = (
    64_000_000  # before compression: what a reader, and this writer, holds in memory; one row may be more
)
_ROW_OVERHEAD = 128  # numbers, and four bytes of length a string
ShardFormat = Literal["parquet", "jsonl.zst"]
_ATTEMPTS = "_attempts"
_REPEATED = ["source", "dump", "date", "language", "copy"]  # worth a dictionary
_SCHEMA = to_arrow_schema(CORPUS)
_WRITTEN = StructType(
    [
        StructField("shard", INT),
        StructField("file", STRING),
        StructField("rows", LONG),
        StructField("tokens", LONG),
        StructField("bytes", LONG),
        StructField("sha256", STRING),
    ]
)


@dataclass(frozen=True, slots=True)
class ShardInfo:
    name: str
    rows: int
    tokens: int
    bytes: int  # on disk
    sha256: str


def write_shards(
    rows: DataFrame, folder: str | Path, n_shards: int, file_format: ShardFormat = "parquet"
) -> list[ShardInfo]:
    """Write `rows` into `folder` as shard-00000-of-<n>.<format> … with manifest.json; a failure leaves neither.

    rows: the CORPUS columns, shard (int in [0, n_shards)) and order_key (long). A shard's rows stand in the order of
    (order_key, id, copy). `folder` may be new or empty, local or any URL of fsspec that workers can write.

    OutputError: the folder holds shards already, or could not be written (full, read-only).
    """
    files, root = fsspec.core.url_to_fs(str(folder))
    if files.exists(root) and any(Path(name).name.startswith("shard-") for name in files.ls(root, detail=False)):
        raise OutputError(f"{folder}: holds shards already; remove them or give another folder")
    names = [f"shard-{shard:05d}-of-{n_shards:05d}.{file_format}" for shard in range(n_shards)]
    attempts = f"{root}/{_ATTEMPTS}"
    try:
        files.makedirs(attempts, exist_ok=True)
        written = _write_attempts(rows, files, attempts, n_shards, file_format)
        infos = []
        for name, one in zip(names, written, strict=True):
            files.mv(f"{attempts}/{one['file']}", f"{root}/{name}")
            infos.append(ShardInfo(name, one["rows"], one["tokens"], one["bytes"], one["sha256"]))
        _write_manifest(files, root, infos)
    except BaseException as error:
        for name in [*names, "manifest.json"]:
            with suppress(OSError):
                files.rm(f"{root}/{name}")
        if cause := _io_cause(error):
            raise OutputError(f"{folder}: the shards could not be written: {cause}") from None
        raise
    finally:
        with suppress(OSError):
            files.rm(attempts, recursive=True)
    return infos


def _write_attempts(
    rows: DataFrame, files: Any, attempts: str, n_shards: int, file_format: ShardFormat
) -> list[dict[str, Any]]:
    """The first phase: a file for each shard under `attempts`; their entries of _WRITTEN in the order of shards."""
    ordered = rows.repartitionById(n_shards, "shard").sortWithinPartitions("order_key", "id", "copy")
    task = partial(_write_task, attempts=files.unstrip_protocol(attempts), file_format=file_format)
    results = ordered.select("shard", *CORPUS.names).mapInArrow(task, _WRITTEN).collect()
    written = {row.shard: row.asDict() for row in results}
    if len(written) < len(results) or not written.keys() <= set(range(n_shards)):
        raise ValueError(f"not shards from 0 to {n_shards - 1}, each once: {sorted(row.shard for row in results)}")
    for shard in set(range(n_shards)) - written.keys():
        # No row fell into it: an empty file keeps the names' count true.
        written[shard] = _write_file(files, f"{attempts}/{shard:05d}-empty", iter(()), file_format)
    return [written[shard] for shard in range(n_shards)]


def _io_cause(error: BaseException) -> str:
    """What the file system said, here or in a worker; empty if the failure is another."""
    if isinstance(error, OSError):
        return str(error)
    said = re.findall(r"^(?:OSError|PermissionError): (.*)", str(error), re.MULTILINE)
    return said[-1] if isinstance(error, PySparkException) and said else ""


def _write_task(
    batches: Iterator[pa.RecordBatch], *, attempts: str, file_format: ShardFormat
) -> Iterator[pa.RecordBatch]:
    """One partition, which is one shard, as one file; yields its row of _WRITTEN, or nothing for no rows."""
    first = next(batches, None)
    while first is not None and first.num_rows == 0:
        first = next(batches, None)
    if first is None:
        return
    shard = first["shard"][0].as_py()
    files, root = fsspec.core.url_to_fs(attempts)
    name = f"{shard:05d}-{TaskContext.get().taskAttemptId()}"  # type: ignore[union-attr]
    written = _write_file(files, f"{root}/{name}", _chain(first, batches), file_format)
    yield pa.RecordBatch.from_pylist([{"shard": shard} | written], to_arrow_schema(_WRITTEN))


def _chain(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from others


def _write_file(
    files: Any, path: str, batches: Iterator[pa.RecordBatch], file_format: ShardFormat
) -> dict[str, Any]:
    """Batches of CORPUS columns as one file; its entry of _WRITTEN. An attempt that fails removes its file."""
    write = _write_parquet if file_format == "parquet" else _write_lines
    n_rows = n_tokens = 0
    try:
        with files.open(path, "wb") as file:
            hashed = _Hashed(file)
            for group in write(hashed, _row_groups(batches)):
                n_rows += group.num_rows
                n_tokens += pc.sum(group["token_count"]).as_py() or 0
    except BaseException:
        with suppress(OSError):
            files.rm(path)
        raise
    name = path.rsplit("/", 1)[-1]
    return {"file": name, "rows": n_rows, "tokens": n_tokens, "bytes": hashed.size, "sha256": hashed.sha256.hexdigest()}


def _write_parquet(sink: Any, groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Writes each table as a row group and hands it on."""
    with _writer(sink) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=group.num_rows)
            yield group


def _write_lines(sink: Any, groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Writes each table as JSON objects, one a line, and hands it on; one zstd frame a file, which knows its checksum."""
    compressor = ZstdCompressor(level=3, write_checksum=True)
    with compressor.stream_writer(sink, closefd=False) as stream:
        for group in groups:
            for row in group.to_pylist():
                stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            yield group


def _writer(sink: Any) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink,
        _SCHEMA,
        compression="zstd",
        compression_level=3,
        use_dictionary=_REPEATED,
        write_statistics=[name for name in CORPUS.names if name not in ("text", "metadata")],
        write_page_index=True,
        write_page_checksum=True,
    )


class _Hashed:
    """A file that knows the bytes and the SHA-256 of what was written to it: a disk that lies is found by `verify`."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sha256, self.size, self.closed = file, hashlib.sha256(), 0, False

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows of all batches in tables of at most MAX_ROW_GROUP_BYTES; a larger row is a table of its own."""
    pending: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        ends = np.concatenate([[0], np.cumsum(_row_bytes(batch))])
        start = 0
        while start < batch.num_rows:
            room = MAX_ROW_GROUP_BYTES - size
            stop = int(np.searchsorted(ends, ends[start] + room, side="right")) - 1  # rows start:stop have room
            if stop <= start and pending:
                yield _table(pending)
                pending, size = [], 0
                continue
            stop = max(stop, start + 1)
            pending.append(batch.slice(start, stop - start))
            size += int(ends[stop] - ends[start])
            start = stop
    if pending:
        yield _table(pending)


def _table(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    # One chunk a column: the pages that the writer makes must not depend on where batches ended.
    return pa.Table.from_batches(batches).select(_SCHEMA.names).cast(_SCHEMA).combine_chunks()


def _row_bytes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Uncompressed bytes of each row, at most a few more than Parquet's. Shape (n,)."""
    sizes = np.full(batch.num_rows, _ROW_OVERHEAD, np.int64)
    for name in CORPUS.names:
        column = batch[name]
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            sizes += _lengths(column)
    return sizes


def _lengths(strings: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(pc.binary_length(strings), 0).to_numpy(zero_copy_only=False), np.int64)


def compression_ratio(rows: pa.Table) -> float:
    """Bytes in a shard a byte of text, measured on some rows of CORPUS: a few thousand of one source are enough.

    What a row has beside its text is counted in. 1.0 without rows or text.
    """
    text_bytes = int(_lengths(rows["text"].combine_chunks()).sum())
    if text_bytes == 0:
        return 1.0
    sink = pa.BufferOutputStream()
    with _writer(sink) as writer:
        for group in _row_groups(iter(rows.to_batches())):
            writer.write_table(group, row_group_size=group.num_rows)
    return float(sink.getvalue().size / text_bytes)


def _write_manifest(files: Any, root: str, shards: Sequence[ShardInfo]) -> None:
    totals = {key: sum(getattr(shard, key) for shard in shards) for key in ("rows", "tokens", "bytes")}
    manifest = totals | {"shards": [asdict(shard) for shard in shards]}
    with files.open(f"{root}/manifest.json", "w", encoding="utf-8") as file:
        file.write(json.dumps(manifest, indent=1) + "\n")
