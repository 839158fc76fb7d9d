"""A task's documents, written by the task that read them: one file of documents/, a part.

Spark is told of everything else, and of the file: more than half of Java's time in reading a crawl went into texts that it
only passed on.

A task that fails, or that Spark runs twice, leaves files of its own names. Whoever runs the read takes those which a row
names whose outcome is WRITTEN: rows come from the tasks that Spark committed.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from pipeline.kernels.hashing import unit_interval
from pipeline.schema import DOCUMENT, DOCUMENTS, REJECTED, WRITTEN
from pipeline.sources.rows import ARROW_SCHEMA, Row, batch_of, batches

ROW_GROUP_BYTES = 64 << 20  # of columns as they are in memory, where they lie until the group is written
# Columns in which values come again, and those that statistics are kept of: what a text begins with is of no use.
REPEATED = ["part", "host", "dump", "date", "language", "file", "remark"]
_OF_EACH = [field.name for field in DOCUMENTS.fields if field.name not in ("part", "origin")]
_SCHEMA = pa.schema([pa.field("part", pa.int32(), nullable=False), *(ARROW_SCHEMA.field(name) for name in _OF_EACH)])


class Parts(NamedTuple):
    """Where documents go, and which: a hashed `share` of them; the others are rejected for the reason `not_sampled`."""

    folder: str
    share: float = 1.0
    seed: int = 0


def parts_of(options: dict[str, str]) -> Parts | None:
    """`documents`, `sample` and `seed` of a reader's options; None where texts stay in the rows."""
    if "documents" not in options:
        return None
    return Parts(options["documents"], float(options.get("sample", 1)), int(options.get("seed", 0)))


def told(rows: Iterable[Row], origin: str, parts: Parts | None) -> Iterator[pa.RecordBatch]:
    """The rows for Spark; where there are `parts`, without the documents, which are in the file that a last row names."""
    read = batches(rows, origin)
    return read if parts is None else _written(read, origin, parts)


def _written(read: Iterable[pa.RecordBatch], origin: str, parts: Parts) -> Iterator[pa.RecordBatch]:
    context = TaskContext.get()
    assert context is not None  # nobody reads into a folder but Spark's tasks
    with PartFile(parts.folder, origin, context.partitionId(), context.taskAttemptId()) as file:
        for batch in read:
            drawn = _sampled(batch, parts) if parts.share < 1 else batch
            is_document = pc.equal(drawn["outcome"], DOCUMENT)
            file.add(drawn.filter(is_document))
            if len(rest := drawn.filter(pc.invert(is_document))):
                yield rest
    if file.rows:
        yield batch_of([Row(WRITTEN, id=file.name, offset=file.rows)], origin)


class PartFile:
    """The file of one attempt at a part, made when the first document comes. `rows` of them are in it behind the `with`."""

    def __init__(self, folder: str, origin: str, part: int, attempt: int) -> None:
        self.name, self.rows = f"origin={origin}/part-{part:05d}-{attempt}.parquet", 0
        self._path, self._part = Path(folder, self.name), part
        self._held, self._size = list[pa.RecordBatch](), 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        if self._writer:
            self._writer.close()

    def add(self, documents: pa.RecordBatch) -> None:
        """Rows of INGESTED whose outcome is `document`."""
        if not len(documents):
            return
        part = pa.array([self._part] * len(documents), pa.int32())
        columns = [part, *(documents[name] for name in _OF_EACH)]
        self._held.append(pa.record_batch(columns, schema=_SCHEMA))
        self._size += self._held[-1].nbytes
        if self._size >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(
                self._path, _SCHEMA, compression="zstd", compression_level=3, store_schema=False,
                write_page_checksum=True, use_dictionary=REPEATED,
                write_statistics=["part", *(name for name in _OF_EACH if name != "text")],
            )  # fmt: skip
        group = pa.Table.from_batches(self._held)
        self._writer.write_table(group, row_group_size=len(group))
        self.rows += len(group)
        self._held, self._size = [], 0


def _sampled(batch: pa.RecordBatch, parts: Parts) -> pa.RecordBatch:
    draws = unit_interval(parts.seed, "sample of a source", pc.fill_null(batch["id"], ""))
    left_out = pc.and_(pc.equal(batch["outcome"], DOCUMENT), pa.array(draws >= parts.share))
    changed = {
        "outcome": pc.if_else(left_out, REJECTED, batch["outcome"]),
        "remark": pc.if_else(left_out, "not_sampled", batch["remark"]),
        "text": pc.if_else(left_out, None, batch["text"]),
    }
    columns = [changed.get(name, batch[name]) for name in batch.schema.names]
    return pa.record_batch(columns, schema=batch.schema)
