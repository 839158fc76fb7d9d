"""WARC and ARC files as a Spark data source: `spark.read.format("warc")` gives a row of INGESTED for each record of text.

Options, all strings: `paths`, a JSON list of files in the order of the partitions (or Spark's own `path`), `sizes`, their
bytes, `split_size` (bytes of a partition), `origin`, `engine` (kernels.html), `max_record_bytes` and those of
sources.parts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, NamedTuple

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from pipeline.kernels.charset import decode
from pipeline.kernels.html import TooDeepError, main_text
from pipeline.schema import DOCUMENT, ENGINES, INGESTED, REJECTED
from pipeline.sources import http
from pipeline.sources.captures import CapturePartition, capture_rows, row_groups
from pipeline.sources.child import in_child
from pipeline.sources.members import PADDING, Event, codec_of, plain, stored_dictionary, zstd_codec
from pipeline.sources.parts import parts_of, told
from pipeline.sources.paths import common_folder, open_input
from pipeline.sources.records import TEXT_TYPES, Record, Stretch, records
from pipeline.sources.rows import Row, clean, content_id, counted, dump_of, iso_date, rejected
from pipeline.sources.splits import FilePartition, Range, input_files, split, storage_of
from pipeline.sources.storage import Storage
from pipeline.sources.url_lists import is_listed, mapped

MAX_RECORD_BYTES = 10_000_000
HEAD_BYTES = 1 << 16  # looked at to know what a file is
# Of a page larger than this the parser runs in a process of its own: what takes quadratic time takes seconds up to here and
# minutes beyond. Of pages that a crawler cuts at 1 MiB none is.
SUSPICIOUS_BYTES = 1 << 20
LZ4_MAGIC = b"\x04\x22\x4d\x18"


class Reading(NamedTuple):
    """How a file's records become rows."""

    origin: str
    folder: str  # the source's files lie in it; ids are relative to it
    engine: str
    max_record_bytes: int
    wet: bool = False  # conversion records are documents
    storage: Storage | None = None  # fsspec's options
    url_lists: str = ""  # the array of sources.url_lists


class WarcSource(DataSource):
    """spark.dataSource.register(WarcSource)"""

    @classmethod
    def name(cls) -> str:
        return "warc"

    def schema(self) -> StructType:
        return INGESTED

    def reader(self, schema: StructType) -> "WarcReader":
        return WarcReader(dict(self.options))


class WarcReader(DataSourceReader):
    """`wet`: conversion records are documents, too; Common Crawl's WET files hold the text that it took from each page."""

    def __init__(self, options: dict[str, str], wet: bool = False) -> None:
        self.files = input_files(options)
        self.base = options.get("base", "")  # given: the files are an index, whose captures lie below it
        self.split_size = int(options.get("split_size", 0))
        self.reading = Reading(
            options.get("origin", "warc"),
            f"{self.base.rstrip('/')}/" if self.base else common_folder([file.path for file in self.files]),
            options.get("engine", ENGINES[0]),
            int(options.get("max_record_bytes", MAX_RECORD_BYTES)),
            wet,
            storage_of(options),
            options.get("url_lists", ""),
        )
        self.parts = parts_of(options)
        if self.reading.engine not in ENGINES:
            raise ValueError(f"engine: {self.reading.engine!r} is none of {', '.join(ENGINES)}")

    def partitions(self) -> Sequence[FilePartition] | Sequence[CapturePartition]:
        return row_groups(self.files, self.reading.storage) if self.base else split(self.files, self.split_size)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        if isinstance(partition, CapturePartition):
            limit, make_row = self.reading.max_record_bytes, partial(_row, reading=self.reading)
            found = capture_rows(partition, self.base, self.reading.storage, limit, make_row)
            return told(found, self.reading.origin, self.parts)
        assert isinstance(partition, FilePartition)
        rows = file_rows(partition.path, self.reading, partition.start, partition.end)
        return told(rows, self.reading.origin, self.parts)


def file_rows(path: str, reading: Reading, start: int = 0, end: int | None = None) -> Iterator[Row]:
    """A document or rejection for each record that may hold text and begins in the range from `start` to `end`, a rejection
    for each damaged stretch; then counts. What concerns the whole file is told by the range from 0.
    """
    counts, held = Counter[str](), list[Row]()
    lacks, detail = start == 0, "it holds no WARC record"  # `lacks`: nothing seen says that the file holds a record
    try:
        with open_input(path, reading.storage) as stream:
            walk = open_walk(stream, start, end)
            if isinstance(walk, str):
                yield rejected(walk, path, 0)
                return
            for item in records(walk.walk, walk.is_plain, reading.max_record_bytes, walk.begin) if walk else ():
                row = _row(item, path, reading)
                if isinstance(item, Record):
                    counts[item.kind] += 1
                held += [row] if row else []
                if counts or not lacks:  # of a file without any record one row is told, not these
                    yield from held
                    held, lacks = [], False
            if walk and walk.range and walk.range.passed:
                lacks = False
                yield from held
    except OSError as error:
        detail = str(error)
        if not lacks:
            yield rejected("read_error", path, start, detail)
    if lacks:
        yield rejected("unreadable_input", path, 0, detail)
    for kind, n in sorted(counts.items()):
        yield counted(kind, n, path)


class Walk(NamedTuple):
    """How to go through a file, or its `range`: `walk` gives its events from an offset on, `begin` is the first."""

    walk: Callable[[int], Iterator[Event]]
    is_plain: bool
    begin: int
    range: Range | None


def open_walk(stream: IO[bytes], start: int = 0, end: int | None = None) -> Walk | str | None:
    """The walk that the file's first bytes ask for; the reason if it is refused; None where the range holds no record."""
    head = stream.read(HEAD_BYTES).lstrip(PADDING)
    codec = codec_of(head)
    if head.startswith(LZ4_MAGIC):
        return None if start else "unsupported_compression"
    if codec is None:
        return None if start else Walk(partial(plain, stream), True, 0, None)
    if dictionary := stored_dictionary(stream):
        codec = zstd_codec(dictionary)
    part = Range(stream, codec, end)
    begin = part.first_record(start) if start else 0
    return None if begin is None else Walk(part.walk, False, begin, part)


def _row(item: Record | Stretch, path: str, reading: Reading) -> Row | None:
    if isinstance(item, Stretch):
        return Row(REJECTED, file=path, offset=item.offset, length=item.length, remark=item.reason)
    if item.kind not in TEXT_TYPES:
        return rejected("damaged_other", path, item.offset, f"{item.kind}: {item.fault}") if item.fault else None
    headers = item.headers
    text, remark, detail = "", item.fault, None
    url = headers.get("warc-target-uri", "").strip("<> ") or None
    if not item.fault and url and reading.url_lists and is_listed(url, mapped(reading.url_lists)):
        remark = "url_list"
    elif not item.fault:
        try:
            text, remark = page_text(item, reading)
        except Exception as error:  # whatever a page does to a parser costs this page
            remark, detail = "extract_failed", {"detail": clean(f"{type(error).__name__}: {error}")}
    row = Row(
        DOCUMENT if text else REJECTED,
        id=headers.get("warc-record-id", "").strip("<> ") or None,
        url=url,
        dump=dump_of(path),
        date=iso_date(headers.get("warc-date", "")),
        text=text or None,
        file=path,
        offset=item.offset,
        length=item.length,
        remark=remark,
        metadata=detail,
    )
    if text and row.id is None:
        return row._replace(id=content_id(reading.origin, path, reading.folder, text))
    return row


def page_text(record: Record, reading: Reading) -> tuple[str, str | None]:
    """The record's main text and a remark on it; or an empty text and the reason why there is none."""
    if record.kind == "revisit":
        return "", "revisit"
    content_type = record.headers.get("content-type", "")
    if record.kind == "conversion":
        return _converted_text(record, content_type) if reading.wet else ("", "not_html")
    if record.kind == "resource":
        response = http.Response(200, {"content-type": content_type}, record.block)
        if "html" not in content_type.lower():
            return "", "not_html"
    else:
        response = http.parse_response(record.block)
    if response.status not in (200, None):
        return "", "http_status"
    remark = "truncated" if "warc-truncated" in record.headers else None
    return _html_text(response, reading.engine, reading.max_record_bytes, remark)


def _converted_text(record: Record, content_type: str) -> tuple[str, str | None]:
    """A conversion record's text, which is UTF-8 and no HTML any more."""
    if content_type and "text/plain" not in content_type.lower():
        return "", "not_html"
    text = record.block.decode("utf-8", "replace").replace("\0", "\ufffd").strip()
    return (text, None) if text else ("", "no_text")


def _html_text(response: http.Response, engine: str, limit: int, remark: str | None) -> tuple[str, str | None]:
    content_type = response.headers.get("content-type", "")
    if content_type and "html" not in content_type.lower():
        return "", "not_html"
    try:
        body = http.decoded_body(response, limit)
    except http.TooLargeError:
        return "", "too_large"
    except http.BadContentEncodingError:
        return "", "bad_content_encoding"
    if not http.is_html(content_type, body):
        return "", "not_html"
    _, _, label = content_type.lower().partition("charset=")
    html, charset = decode(body, label.partition(";")[0].strip(" \"'") or None)
    extract = partial(_extracted, html, engine, None if charset.startswith("utf-16") else body)
    text, deep = in_child(extract) if len(body) > SUSPICIOUS_BYTES else extract()
    if deep == "too_deep":
        return "", deep
    text = text.replace("\0", "\ufffd").strip()  # resiliparse gives valid UTF-8, so no surrogates
    return (text, remark or deep) if text else ("", "no_text")


def _extracted(html: str, engine: str, data: bytes | None) -> tuple[str, str | None]:
    try:
        return main_text(html, engine, data)
    except TooDeepError:
        return "", "too_deep"
