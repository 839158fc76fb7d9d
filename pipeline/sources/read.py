"""A source's files as a DataFrame of INGESTED rows."""

import json
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from pipeline.schema import INGESTED
from pipeline.sources.books import EpubSource, TextSource
from pipeline.sources.links import LinksSource
from pipeline.sources.mediawiki import MediawikiSource
from pipeline.sources.paths import Input
from pipeline.sources.tables import JsonLinesSource, ParquetSource
from pipeline.sources.warc import WarcSource, WetSource

FORMATS = {
    "warc": WarcSource, "wet": WetSource, "jsonl": JsonLinesSource, "parquet": ParquetSource, "text": TextSource,
    "epub": EpubSource, "mediawiki": MediawikiSource,
}  # fmt: skip


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
    """Rows of INGESTED in the files' order, one partition a file or a range of it. Nothing is read before an action.

    `own`: what only this format takes, as its module says.
    """
    source = FORMATS[format]
    spark.dataSource.register(source)
    options = _options(origin, files, engine, max_record_bytes, split_size, own)
    return spark.read.format(source.name()).options(**options).load()


def read_here(
    format: str, origin: str, files: Sequence[Input], engine: str, max_record_bytes: int, own: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    """The same rows, read in this process."""
    options = _options(origin, files, engine, max_record_bytes, 0, own)
    reader = FORMATS[format](options).reader(INGESTED)
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
    spark.dataSource.register(LinksSource)
    paths = json.dumps([file.path for file in files])
    return spark.read.format(LinksSource.name()).options(paths=paths, origin=origin, **dict(own or {})).load()
