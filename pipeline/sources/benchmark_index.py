"""The index of benchmarks' n-grams on disk: a Parquet folder to read, and arrays that workers map into memory."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.kernels.ngrams import Grams, Index


class StoredIndex(NamedTuple):
    """The arrays of an index in a folder that every machine mounts.

    The workers of a machine share one copy of it, which the operating system reads as they touch it: nothing travels
    with the task but the folder's name.
    """

    folder: str
    head: int

    def open(self) -> Index:
        """The index, mapped and not read."""
        # Copy on write: numba compiles for arrays that may be written and for those that may not, each by itself.
        arrays = [np.asarray(np.load(Path(self.folder, f"{name}.npy"), mmap_mode="c")) for name in Index._fields[1:]]
        return Index(self.head, *arrays)


def store_arrays(index: Index, folder: Path) -> StoredIndex:
    """Writes the arrays of an index."""
    folder.mkdir(parents=True)
    for name in Index._fields[1:]:
        np.save(folder / f"{name}.npy", getattr(index, name))
    return StoredIndex(str(folder), index.head)


def store_tables(items: pa.Table, grams: Grams, folder: Path) -> None:
    """Writes items/ and ngrams/, a row for each n-gram of each item: gram (its hash), size (units), item (its row)."""
    rows = pa.table({
        "gram": pa.array(grams.hashes.view(np.int64)), "size": pa.array(grams.sizes.astype(np.int32)),
        "item": pa.array(grams.items),
    })  # fmt: skip
    for name, table in (("items", items), ("ngrams", rows)):
        (folder / name).mkdir(parents=True)
        pq.write_table(table, folder / name / "part-00000.parquet", compression="zstd")
