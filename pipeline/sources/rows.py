"""Rows of pipeline.schema.INGESTED, and the Arrow batches that carry them to Spark."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql.types import DoubleType, LongType, MapType

from pipeline.kernels.hashing import text_hash
from pipeline.kernels.language import identify
from pipeline.schema import COUNTED, DOCUMENT, INGESTED, REJECTED

BATCH_BYTES = 4 << 20
BATCH_ROWS = 10_000
_ARROW = {LongType: pa.int64(), DoubleType: pa.float64(), MapType: pa.map_(pa.string(), pa.string())}
ARROW_SCHEMA = pa.schema(
    [pa.field(f.name, _ARROW.get(type(f.dataType), pa.string()), f.nullable) for f in INGESTED.fields]
)
HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]/]*\]|[^/?#:]*)")
DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}(?!\d)|CC-[A-Z]+-\d{8,14}(?!\d)")
DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?")


class Row(NamedTuple):
    """A row before what is computed for a batch at a time: language, text_hash and, without a native id, the id."""

    outcome: str
    id: str | None = None
    url: str | None = None
    dump: str | None = None
    date: str | None = None
    text: str | None = None
    file: str | None = None
    offset: int | None = None
    length: int | None = None
    remark: str | None = None
    metadata: dict[str, str] | None = None


def counted(kind: str, n: int, file: str) -> Row:
    return Row(COUNTED, id=kind, offset=n, file=file)


def rejected(reason: str, file: str, offset: int, detail: str = "") -> Row:
    return Row(REJECTED, file=file, offset=offset, remark=reason, metadata={"detail": detail} if detail else None)


def batches(rows: Iterable[Row], origin: str) -> Iterator[pa.RecordBatch]:
    """The rows, in their order, in batches of about BATCH_BYTES."""
    held, size = list[Row](), 0
    for row in rows:
        held.append(row)
        size += 200 + (_utf8_size(row.text) if row.text else 0)
        if size >= BATCH_BYTES or len(held) >= BATCH_ROWS:
            yield batch_of(held, origin)
            held, size = [], 0
    if held:
        yield batch_of(held, origin)


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else 3 * len(text)


def batch_of(rows: list[Row], origin: str) -> pa.RecordBatch:
    """The rows with language and text_hash of those that are documents."""
    # First, since it leaves each text's UTF-8 beside the text, where the hashes find it: encoding takes as long as hashing.
    texts = pa.array([row.text for row in rows], pa.string())
    documents = [i for i, row in enumerate(rows) if row.outcome == DOCUMENT]
    languages: list[tuple[str | None, float | None]] = [(None, None)] * len(rows)
    hashes: list[str | None] = [None] * len(rows)
    for i, language in zip(documents, identify([rows[i].text or "" for i in documents]), strict=True):
        languages[i] = language
        hashes[i] = text_hash(rows[i].text or "")
    columns: dict[str, Any] = {
        "text": texts,
        "outcome": [row.outcome for row in rows],
        "origin": [origin] * len(rows),
        "host": [host(row.url) for row in rows],
        "language": [language for language, _ in languages],
        "language_score": [score for _, score in languages],
        "text_hash": hashes,
        "metadata": [None if row.metadata is None else list(row.metadata.items()) for row in rows],
    }
    for name in ("id", "url", "dump", "date", "file", "offset", "length", "remark"):
        columns[name] = [getattr(row, name) for row in rows]
    return pa.record_batch([pa.array(columns[f.name], f.type) for f in ARROW_SCHEMA], schema=ARROW_SCHEMA)


def host(url: str | None) -> str | None:
    """The host of a URL, in lower case, without port and user.

    >>> host("https://user@Example.ORG:8080/a"), host("urn:x"), host("http://[::1]:80/")
    ('example.org', None, '[::1]')
    """
    match = HOST.match(url) if url else None
    return match[1].lower() or None if match else None


def dump_of(path: str) -> str | None:
    """The crawl that a file belongs to, by its path.

    >>> dump_of("s3://commoncrawl/crawl-data/CC-MAIN-2019-35/segments/1/warc/CC-MAIN-20190817203056-20190817225056-1.warc.gz")
    'CC-MAIN-2019-35'
    >>> dump_of("CC-MAIN-20261122-00000.warc.gz"), dump_of("books.jsonl")
    ('CC-MAIN-20261122', None)
    """
    match = DUMP.search(path)
    return match[0] if match else None


def iso_date(given: str) -> str | None:
    """The date if it is ISO 8601, or 14 digits as ARC files and indexes write it.

    >>> iso_date("2026-11-22T13:00:00Z"), iso_date("20261122130000"), iso_date("yesterday")
    ('2026-11-22T13:00:00Z', '2026-11-22T13:00:00Z', None)
    """
    if len(given) == 14 and given.isdigit():
        y, m, d, hour, minute, second = given[:4], given[4:6], given[6:8], given[8:10], given[10:12], given[12:]
        return f"{y}-{m}-{d}T{hour}:{minute}:{second}Z"
    return given if DATE.fullmatch(given) else None


def content_id(origin: str, path: str, folder: str, text: str) -> str:
    """The id of a document that has none of its own."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return f"{origin}/{path.removeprefix(folder)}#{digest[:16]}"


def clean(text: str) -> str:
    r"""The text as UTF-8 can hold it: surrogate pairs joined, lone surrogates and NUL as U+FFFD.

    >>> clean("a\0b\ud83d\ude00\ud800") == "a\ufffdb\U0001f600\ufffd"
    True
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
