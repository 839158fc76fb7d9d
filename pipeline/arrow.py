"""The bridges from Arrow kernels to Spark columns and tables."""

from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import DataType, StructType

Kernel = Callable[..., pa.Array]


class Texts(Protocol):
    """A pass over the documents' texts that moves none of them: `rows` (with `id` and `part`) meet their documents where
    these are stored; `kernel` sees batches of the rows' columns and the asked `columns` of documents/, in the order of the
    documents file, and gives batches of `schema`. `text` is what the edits of earlier stages leave of it; the column
    `edits` is the list of them (kernels.edits.Edit), null for a text without.
    """

    def __call__(
        self,
        rows: DataFrame,
        columns: tuple[str, ...],
        kernel: Callable[[pa.RecordBatch], pa.RecordBatch],
        schema: StructType,
    ) -> DataFrame: ...


class Checkpoint(Protocol):
    """Writes a DataFrame under a name of the running stage and reads it back: computed once, and its lineage cut."""

    def __call__(self, name: str, frame: DataFrame) -> DataFrame: ...


def column_from(kernel: Kernel, kind: DataType) -> Callable[..., Column]:
    """A Spark function from a kernel that takes Arrow arrays and gives one of `kind`, row for row."""

    def column(*arrays: pa.Array) -> pa.Array:  # Spark reads the signature, which a partial has not
        return kernel(*arrays)

    return arrow_udf(column, kind)  # type: ignore[no-any-return, call-overload]


def rows_from(
    frame: DataFrame, kernel: Callable[[pa.RecordBatch], pa.RecordBatch], schema: StructType
) -> DataFrame:
    """`kernel` over each Arrow batch of a DataFrame, where it gives several columns or another number of rows."""

    def batches(source: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(kernel, source)

    return frame.mapInArrow(batches, schema)
