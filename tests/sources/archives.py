"""WARC bytes for the tests, and what the reader makes of them."""

import gzip
from pathlib import Path
from typing import Any

from pipeline.schema import COUNTED, DOCUMENT, REJECTED
from pipeline.sources.reasons import FILE_REASONS, REASONS, RECORD_REASONS
from pipeline.sources.records import TEXT_TYPES
from pipeline.sources.rows import Row
from pipeline.sources.warc import Reading, file_rows

PARAGRAPH = "Fill the pan with sand and water, swirl it and let the light grains float away. " * 4


def page(n: int) -> bytes:
    return f"<html><head><title>{n}</title></head><body><p>Page {n}. {PARAGRAPH}</p></body></html>".encode()


def http_response(body: bytes, *fields: str, status: str = "HTTP/1.1 200 OK", content_type: str = "text/html") -> bytes:
    lines = [status, *([f"Content-Type: {content_type}"] if content_type else []), *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def record(block: bytes, n: int = 0, *fields: str, kind: str = "response", length: str | int | None = None) -> bytes:
    """A WARC record; `length`: what it claims instead of its true length, "" for no claim at all."""
    claimed = len(block) if length is None else length
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{n:012d}>",
        f"WARC-Target-URI: http://Gold.example:8080/{n}",
        "WARC-Date: 2026-11-22T10:00:00Z",
        *fields,
        *([] if claimed == "" else [f"Content-Length: {claimed}"]),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + block + b"\r\n\r\n"


def good(n: int) -> bytes:
    return record(http_response(page(n)), n)


def members(*records: bytes) -> bytes:
    return b"".join(gzip.compress(data, mtime=0) for data in records)


def read_rows(path: Path, max_record_bytes: int = 10_000_000, engine: str = "resiliparse") -> list[Row]:
    return list(file_rows(str(path), Reading("cc", f"{path.parent}/", engine, max_record_bytes)))


def read_bytes(folder: Path, data: bytes, name: str = "CC-MAIN-20261122-00000.warc.gz", **options: Any) -> list[Row]:
    path = folder / name
    path.write_bytes(data)
    return read_rows(path, **options)


def outcome(rows: list[Row]) -> list[str]:
    """`12` for the document of record 12, else the reason, with the record's number if it has one."""
    told = []
    for row in rows:
        number = row.id[-12:].lstrip("0") or "0" if row.id else ""
        if row.outcome == DOCUMENT:
            told.append(number)
        elif row.outcome == REJECTED:
            told.append(f"{row.remark} {number}".strip())
    return told


def counts(rows: list[Row]) -> dict[str | None, int | None]:
    return {row.id: row.offset for row in rows if row.outcome == COUNTED}


def assert_balanced(rows: list[Row]) -> None:
    """Records seen = documents + rejections that stand for a record; every reason is known."""
    seen = sum(n or 0 for kind, n in counts(rows).items() if kind in TEXT_TYPES)
    rejections = [row.remark for row in rows if row.outcome == REJECTED]
    n_documents = sum(row.outcome == DOCUMENT for row in rows)
    assert seen == n_documents + sum(reason in RECORD_REASONS for reason in rejections)
    assert set(rejections) <= set(REASONS)
    assert counts(rows) or (len(rows) == 1 and rejections[0] in FILE_REASONS)
