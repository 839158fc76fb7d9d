"""A source's files as a DataFrame of INGESTED rows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSourceReader
from pyspark.sql.types import StructType

from pipeline.schema import INGESTED, LINKS
from pipeline.sources.books import book_reader
from pipeline.sources.links import LinksReader
from pipeline.sources.mediawiki import MediawikiReader
from pipeline.sources.paths import Input
from pipeline.sources.tables import table_reader
from pipeline.sources.warc import WarcReader

READERS: dict[str, Callable[[dict[str, str]], DataSourceReader]] = {
    "warc": WarcReader,
    "wet": partial(WarcReader, wet=True),
    "jsonl": partial(table_reader, kind="jsonl"),
    "parquet": partial(table_reader, kind="parquet"),
    "text": partial(book_reader, kind="text"),
    "epub": partial(book_reader, kind="epub"),
    "mediawiki": MediawikiReader,
}


def read(
    spark: SparkSession,
    format: str,
    origin: str,
    files: Sequence[Input],
    engine: str,
    max_record_bytes: int,
    split_size: int = 0,
    own: Mapping[str, str] | None = None,
) -> DataFrame:
    """Rows of INGESTED in the files' order, one partition a file or a range of it.

    Before an action nothing is read but the footers of indexes. `own`: what only this format takes, as its module says.
    """
    options = _options(origin, files, engine, max_record_bytes, split_size, own)
    return _by_tasks(spark, READERS[format](options), INGESTED)


def _by_tasks(spark: SparkSession, reader: DataSourceReader, schema: StructType) -> DataFrame:
    """What a task each reads of the reader's partitions.

    Planned here: as a data source Spark would plan it, in two Python processes that it starts for every read.
    """
    partitions = reader.partitions()
    n = len(partitions)

    def rows(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch["id"].to_pylist():
                yield from reader.read(partitions[number])

    return spark.range(0, n, 1, max(1, n)).mapInArrow(rows, schema)


def read_here(
    format: str, origin: str, files: Sequence[Input], engine: str, max_record_bytes: int, own: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    """The same rows, read in this process."""
    options = _options(origin, files, engine, max_record_bytes, 0, own)
    reader = READERS[format](options)
    for partition in reader.partitions():
        yield from reader.read(partition)


def _options(
    origin: str, files: Sequence[Input], engine: str, max_record_bytes: int, split_size: int, own: Mapping[str, str] | None
) -> dict[str, str]:
    return {
        "paths": json.dumps([file.path for file in files]),
        "sizes": json.dumps([file.size for file in files]),
        "split_size": str(split_size),
        "origin": origin,
        "engine": engine,
        "max_record_bytes": str(max_record_bytes),
    } | dict(own or {})


def read_links(
    spark: SparkSession, origin: str, files: Sequence[Input], own: Mapping[str, str] | None = None
) -> DataFrame:
    """Rows of LINKS, one partition a file."""
    paths = json.dumps([file.path for file in files])
    return _by_tasks(spark, LinksReader({"paths": paths, "origin": origin} | dict(own or {})), LINKS)
