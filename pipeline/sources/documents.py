"""documents/ read back: a pass over texts together with narrow rows, in which no text moves between machines."""

import re
from collections.abc import Callable, Iterator

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

_PART = re.compile(r"part-(\d+)-[^/]*\.parquet$")
_BATCH_ROWS = 512  # with a longest text of tens of megabytes, a batch stays below Arrow's 2 GB
_BATCH_BYTES = 16 << 20

Kernel = Callable[[pa.RecordBatch], pa.RecordBatch]


def part_files(folder: str) -> dict[int, list[str]]:
    """The files of a documents folder by their part; one part has a file for each origin in it."""
    filesystem, root = fsspec.core.url_to_fs(folder)
    files: dict[int, list[str]] = {}
    for path in sorted(filesystem.glob(f"{root}/origin=*/*.parquet")):
        if match := _PART.search(path):
            files.setdefault(int(match[1]), []).append(filesystem.unstrip_protocol(path))
    return files


class DocumentTexts:
    """The text pass (pipeline.arrow.Texts) over one documents folder."""

    def __init__(self, folder: str) -> None:
        self._files = part_files(folder)

    def __call__(self, rows: DataFrame, columns: tuple[str, ...], kernel: Kernel, schema: StructType) -> DataFrame:
        """Rows go to the task of their part, which reads that part's file once; `id` is unique among the rows."""
        files = self._files

        def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            received = list(batches)
            if not received:
                return
            narrow = pa.Table.from_batches(received)
            for part in pc.unique(narrow["part"]).to_pylist():
                mine = narrow.filter(pc.equal(narrow["part"], part)).combine_chunks()
                for path in files.get(part, []):
                    yield from map(kernel, _meet(mine, path, columns))

        n_parts = max(files, default=0) + 1
        return rows.repartitionById(n_parts, "part").mapInArrow(read, schema)


def _meet(narrow: pa.Table, path: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Batches of the narrow rows of one part beside `columns` of their documents, in the file's order."""
    ids = narrow["id"].combine_chunks()
    with fsspec.open(path, "rb") as stream:
        file = pq.ParquetFile(stream)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=["id", *columns]):
            where = pc.index_in(batch["id"], value_set=ids)
            present = pc.is_valid(where)
            if not pc.any(present).as_py():
                continue
            rows = narrow.take(where.filter(present))
            found = batch.filter(present)
            table = rows
            for name in columns:
                table = table.append_column(name, found[name])
            yield from _bounded(table)


def _bounded(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """The table in batches of about _BATCH_BYTES."""
    size = max(1, int(table.num_rows * _BATCH_BYTES / max(1, table.nbytes)))
    for batch in table.combine_chunks().to_batches(max_chunksize=size):
        if batch.num_rows:
            yield batch
