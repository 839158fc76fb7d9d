"""documents/ read back: a pass over texts together with narrow rows, in which no text moves between machines."""

import re
from collections.abc import Callable, Iterator, Sequence

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from pipeline.kernels.edits import Edit, apply, resolved

_PART = re.compile(r"part-(\d+)-[^/]*\.parquet$")
_BATCH_ROWS = 512  # with a longest text of tens of megabytes, a batch stays below Arrow's 2 GB
_BATCH_BYTES = 16 << 20

Kernel = Callable[[pa.RecordBatch], pa.RecordBatch]


_EDITS = pa.list_(
    pa.struct(
        [("start", pa.int64()), ("end", pa.int64()), ("replacement", pa.string()), ("reason", pa.string())]
    )
)


def part_files(folder: str, below: str = "origin=*/") -> dict[int, list[str]]:
    """The files of a documents folder by their part; one part has a file for each origin in it."""
    filesystem, root = fsspec.core.url_to_fs(folder)
    files: dict[int, list[str]] = {}
    for path in sorted(filesystem.glob(f"{root}/{below}*.parquet")):
        if match := _PART.search(path):
            files.setdefault(int(match[1]), []).append(filesystem.unstrip_protocol(path))
    return files


class DocumentTexts:
    """The text pass (pipeline.arrow.Texts) over one documents folder, and over the edits in another that `stages` made.

    The edits of a part are one file too (Work.write_edits), so that they move no more than texts do.
    """

    def __init__(self, folder: str, edits: str = "", stages: Sequence[str] = ()) -> None:
        self._files = part_files(folder)
        self._edits = part_files(edits, "") if stages else {}
        self._stages = stages

    @property
    def n_parts(self) -> int:
        """How many tasks a pass has."""
        return max(self._files, default=0) + 1

    def __call__(self, rows: DataFrame, columns: tuple[str, ...], kernel: Kernel, schema: StructType) -> DataFrame:
        """Rows go to the task of their part, which reads that part's file once; `id` is unique among the rows."""
        files, edit_files, stages = self._files, self._edits, self._stages
        stored = tuple(name for name in columns if name != "edits")

        def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            received = list(batches)
            if not received:
                return
            narrow = pa.Table.from_batches(received)
            for part in pc.unique(narrow["part"]).to_pylist():
                mine = narrow.filter(pc.equal(narrow["part"], part)).combine_chunks()
                edits = _read_edits(edit_files.get(part, []), stages, set(mine["id"].to_pylist()))
                for path in files.get(part, []):
                    for batch in _meet(mine, path, stored):
                        yield kernel(_edited(batch, edits, "edits" in columns))

        return rows.repartitionById(self.n_parts, "part").mapInArrow(read, schema)


def _read_edits(paths: list[str], stages: Sequence[str], ids: set[str]) -> dict[str, list[Edit]]:
    """The edits of a part's documents by id; where two have one span, that of the later stage."""
    found: dict[str, list[tuple[int, Edit]]] = {}
    for path in paths:
        with fsspec.open(path, "rb") as stream:
            table = pq.read_table(stream)
        ranks = pc.index_in(table["stage"], pa.array(stages, pa.string())).to_pylist()
        columns = [table[name].to_pylist() for name in ("id", "start", "end", "replacement", "reason")]
        for rank, key, *edit in zip(ranks, *columns, strict=True):
            if rank is not None and key in ids:
                found.setdefault(key, []).append((rank, Edit(*edit)))
    return {key: resolved(edit for _, edit in sorted(edits)) for key, edits in found.items()}


def _edited(batch: pa.RecordBatch, edits: dict[str, list[Edit]], told: bool) -> pa.RecordBatch:
    """The batch with its texts edited, and if `told` by which edits."""
    mine = [edits.get(key) for key in batch["id"].to_pylist()] if edits else [None] * len(batch)
    if any(mine) and "text" in batch.schema.names:
        at = batch.schema.get_field_index("text")
        texts = [apply(text, some or ()) for text, some in zip(batch["text"].to_pylist(), mine, strict=True)]
        batch = batch.set_column(at, "text", pa.array(texts, batch["text"].type))
    if told:
        listed = pa.array([[edit._asdict() for edit in some] if some else None for some in mine], _EDITS)
        batch = batch.append_column("edits", listed)
    return batch


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
