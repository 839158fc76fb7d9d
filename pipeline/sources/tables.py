"""JSON lines (plain, gzip, zstd, bzip2) and Parquet, a document a row.

`text` may also be called contents, raw_content or content; id, url, dump and date are taken as they are; the other
scalar fields, and those of an object `metadata`, go into the map as strings.
"""

import io
import json
from collections.abc import Iterator
from datetime import date
from typing import IO, Any, cast

import pyarrow.parquet as pq

from pipeline.schema import DOCUMENT, REJECTED
from pipeline.sources.files import FileReader, Files, files_of, inflated
from pipeline.sources.rows import Row, clean, content_id, dump_of, iso_date

TEXT_FIELDS = ("text", "contents", "raw_content", "content")
TAKEN_FIELDS = frozenset({*TEXT_FIELDS, "id", "url", "dump", "date", "metadata"})
PARQUET_ROWS = 64  # rows decoded at once


def table_reader(options: dict[str, str], kind: str) -> FileReader:
    """`kind`: jsonl | parquet."""
    read = _json_rows if kind == "jsonl" else _parquet_rows
    return FileReader(files_of(options, kind), read, "row", may_be_empty=kind == "parquet")


def _json_rows(stream: IO[bytes], path: str, files: Files) -> Iterator[Row]:
    for offset, length, fields in json_rows(stream, files.max_bytes):
        yield _row(files, path, offset, length, fields)


def _parquet_rows(stream: IO[bytes], path: str, files: Files) -> Iterator[Row]:
    for offset, length, fields in parquet_rows(stream):
        yield _row(files, path, offset, length, fields)


def _row(files: Files, path: str, offset: int, length: int | None, fields: dict[str, Any] | str) -> Row:
    row = Row(REJECTED, file=path, offset=offset, length=length)
    if isinstance(fields, str):
        return row._replace(remark=fields)
    text = next((fields[name] for name in TEXT_FIELDS if isinstance(fields.get(name), str)), "")
    text = clean(text)
    native = fields.get("id")
    has_id = isinstance(native, (str, int)) and native != ""
    row = row._replace(
        id=clean(f"{files.origin}/{native}") if has_id else None,
        url=_string(fields.get("url")),
        dump=_string(fields.get("dump")) or dump_of(path),
        date=iso_date(_string(fields.get("date")) or ""),
    )
    if not text.strip():
        return row._replace(remark="no_text")
    return row._replace(
        outcome=DOCUMENT,
        id=row.id or content_id(files.origin, path, files.folder, text),
        text=text,
        metadata=_metadata(fields),
    )


def _string(value: Any) -> str | None:
    """A scalar as text; None for what is empty or no scalar."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return value.isoformat() if isinstance(value, date) else None


def _metadata(fields: dict[str, Any]) -> dict[str, str]:
    inner = fields.get("metadata")
    nested = dict(inner) if isinstance(inner, (dict, list)) and _is_map(inner) else {}
    scalars = {**nested, **{name: value for name, value in fields.items() if name not in TAKEN_FIELDS}}
    return {clean(str(name)): text for name, value in scalars.items() if (text := _string(value)) is not None}


def _is_map(value: dict[str, Any] | list[Any]) -> bool:
    """Arrow hands a map over as a list of pairs."""
    return isinstance(value, dict) or all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)


def json_rows(stream: IO[bytes], max_bytes: int) -> Iterator[tuple[int, int, dict[str, Any] | str]]:
    """Offset and length of each line in the inflated file, and its fields or the reason why there are none."""
    lines, offset = io.BufferedReader(cast("io.RawIOBase", inflated(stream)), 1 << 20), 0
    while line := lines.readline(max_bytes + 1):
        size, too_large = len(line), len(line) > max_bytes
        while too_large and not line.endswith(b"\n") and (line := lines.readline(1 << 20)):
            size += len(line)
        if too_large:
            yield offset, size, "too_large"
        elif line.strip():
            yield offset, size, line_fields(line)
        offset += size


def line_fields(line: bytes) -> dict[str, Any] | str:
    """The object in a line of JSON, or the reason why there is none."""
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return "bad_json"
    return value if isinstance(value, dict) else "bad_json"


def parquet_rows(stream: IO[bytes]) -> Iterator[tuple[int, None, dict[str, Any]]]:
    """The number of each row in the file, and its fields; row groups apart, so that damage costs one of them."""
    file, n = pq.ParquetFile(stream), 0
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(PARQUET_ROWS, row_groups=[group]):
            for fields in batch.to_pylist():
                yield n, None, fields
                n += 1
