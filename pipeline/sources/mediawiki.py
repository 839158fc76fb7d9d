"""Wikipedia's dumps (pages-articles.xml, plain or bz2, also multistream), a document a page.

Bytes are shared by ranges as in pipeline.sources.splits: a range owns the pages whose `<page>` stands in a bz2 stream that
begins in it, or in its bytes where the file is plain. gzip and zstd are read by the task of the first range.
"""

import bz2
import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

import pyarrow as pa
import zstandard
from pyspark.sql.datasource import DataSourceReader, InputPartition

from pipeline.schema import DOCUMENT, REJECTED
from pipeline.sources.files import MIN_LINE_BYTES, inflated
from pipeline.sources.members import CHUNK, Break, Event, Feed, Piece
from pipeline.sources.parts import parts_of, told
from pipeline.sources.paths import open_input
from pipeline.sources.rows import Row, clean, counted, dump_of, iso_date, rejected
from pipeline.sources.splits import FilePartition, input_files, split, storage_of
from pipeline.sources.storage import Storage
from pipeline.sources.wikitext import plain_text

STREAM = re.compile(rb"BZh[1-9]1AY&SY")  # the head of a bz2 stream and of its first block
STREAM_HEAD = 10
OPEN, CLOSE = b"<page>", b"</page>"
SITE_BYTES = 1 << 16  # a dump begins with <siteinfo>
NAMESPACE = re.compile(rb'<namespace key="(-?\d+)"[^>]*>([^<]*)</namespace>')
BASE = re.compile(rb"<base>([^<]+)/[^/<]*</base>")
FILES, CATEGORIES = b"6", b"14"


class Site(NamedTuple):
    """What a dump says of its wiki: where its pages are, and which links lead to files and categories."""

    base: str
    hidden: frozenset[str]


class MediawikiReader(DataSourceReader):
    def __init__(self, options: dict[str, str]) -> None:
        self.files, self.origin = input_files(options), options.get("origin", "mediawiki")
        self.storage, self.parts = storage_of(options), parts_of(options)
        self.split_size = int(options.get("split_size", 0))
        self.namespaces = frozenset(json.loads(options.get("namespaces", "[0]")))

    def partitions(self) -> Sequence[FilePartition]:
        return split(self.files, self.split_size)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, FilePartition)
        return told(page_rows(partition, self.origin, self.namespaces, self.storage), self.origin, self.parts)


def page_rows(
    part: FilePartition, origin: str, namespaces: frozenset[int], storage: Storage | None = None
) -> Iterator[Row]:
    """A document or rejection for each page of the range, and their count."""
    counts = Counter[str]()
    try:
        with open_input(part.path, storage) as stream:
            head = stream.read(SITE_BYTES)
            is_bz2, is_plain = head.startswith(b"BZh"), head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<")
            if part.start and not (is_bz2 or is_plain):
                return
            stream.seek(0)
            top = inflated(stream).read(SITE_BYTES)
            if b"<mediawiki" not in top[:4096]:
                if part.start == 0:
                    yield rejected("unreadable_input", part.path, 0, "it is no MediaWiki dump")
                return
            site = _site(top)
            stream.seek(0)
            pieces = _pieces(stream, part, is_bz2, is_plain)
            for offset, page in pages(pieces, part.end, MIN_LINE_BYTES, is_plain):
                if isinstance(page, Break):
                    length = page.end - page.offset
                    yield Row(REJECTED, file=part.path, offset=offset, length=length, remark="corrupt_member")
                    continue
                counts["page"] += 1
                yield _row(page, part.path, offset, origin, namespaces, site)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        reason = "read_error" if counts or part.start else "unreadable_input"
        yield rejected(reason, part.path, part.start, str(error))
    for kind, n in counts.items():
        yield counted(kind, n, part.path)


def _site(top: bytes) -> Site:
    base = BASE.search(top)
    names = {"file", "image", "category"}
    names |= {name.decode("utf-8", "replace").lower() for key, name in NAMESPACE.findall(top) if key in (FILES, CATEGORIES)}
    return Site(base[1].decode("utf-8", "replace") if base else "", frozenset(names))


def _pieces(stream: IO[bytes], part: FilePartition, is_bz2: bool, is_plain: bool) -> Iterator[Event]:
    """The inflated bytes from the range's start on, and beyond its end: whoever reads them stops."""
    if is_bz2:
        yield from bz2_pieces(Feed(stream, part.start))
        return
    source = stream if is_plain else inflated(stream)
    position, end = part.start, part.end
    if is_plain:
        source.seek(position)
    while data := source.read(min(CHUNK, end - position) if end is not None and position < end else CHUNK):
        yield Piece(position if is_plain else 0, data, True)
        position += len(data)


def bz2_pieces(feed: Feed) -> Iterator[Event]:
    """The streams that begin at the feed's position or behind it, inflated piece by piece; of a damaged one a Break."""
    _seek_stream(feed)
    while feed.peek(1):
        begin, decoder = feed.position, bz2.BZ2Decompressor()
        try:
            while not decoder.eof:
                data = feed.take(1 << 16) if decoder.needs_input else b""
                if decoder.needs_input and not data:
                    raise EOFError("the stream is cut short")
                if out := decoder.decompress(data, CHUNK):
                    yield Piece(begin, out, True)
        except (OSError, EOFError):
            feed.move(begin + 1)
            _seek_stream(feed)
            yield Break(begin, feed.position, "corrupt")
            continue
        feed.move(feed.position - len(decoder.unused_data))
        _seek_stream(feed)


def _seek_stream(feed: Feed) -> None:
    while feed.find(b"BZh") and not STREAM.match(feed.peek(STREAM_HEAD)):
        feed.take(1)


class Scroll:
    """Inflated bytes between a cut-off beginning and the newest piece, which know where in the file they come from."""

    def __init__(self, is_plain: bool) -> None:
        self._is_plain = is_plain
        self.clear()

    def clear(self) -> None:
        self.buffer, self._cut, self.owned = bytearray(), 0, 0
        self._starts: list[int] = []  # where pieces begin, counted from the first byte ever added
        self._offsets: list[int] = []

    def add(self, piece: Piece, owned: bool) -> None:
        self._starts.append(self._cut + len(self.buffer))
        self._offsets.append(piece.offset)
        self.buffer += piece.data
        if owned:
            self.owned = len(self.buffer)

    def cut(self, size: int) -> None:
        del self.buffer[:size]
        self._cut, self.owned = self._cut + size, self.owned - size
        keep = max(0, bisect_right(self._starts, self._cut) - 1)
        del self._starts[:keep], self._offsets[:keep]

    def offset(self, at: int) -> int:
        """The offset of the stream that holds a place of the buffer; in a plain file of the byte itself."""
        k = bisect_right(self._starts, self._cut + at) - 1
        return self._offsets[k] + (self._cut + at - self._starts[k] if self._is_plain else 0)


def pages(
    pieces: Iterator[Event], end: int | None, max_bytes: int, is_plain: bool
) -> Iterator[tuple[int, bytes | Break | None]]:
    """Offset and XML of each page that begins before `end`; None for one over `max_bytes`; damage as it comes."""
    scroll, passing = Scroll(is_plain), False  # `passing`: the rest of a page that is too large
    for piece in pieces:
        mine = end is None or piece.offset < end
        if isinstance(piece, Break):
            if mine:
                yield piece.offset, piece
            scroll.clear()
            passing = False
            continue
        scroll.add(piece, mine)
        while True:
            if passing and (at := scroll.buffer.find(CLOSE)) >= 0:
                scroll.cut(at + len(CLOSE))
                passing = False
            at = -1 if passing else scroll.buffer.find(OPEN)
            if not 0 <= at < scroll.owned:
                if not mine and not passing:
                    return
                scroll.cut(max(0, len(scroll.buffer) - len(CLOSE) + 1))
                break
            close = scroll.buffer.find(CLOSE, at)
            if close >= 0:
                yield scroll.offset(at), bytes(scroll.buffer[at : close + len(CLOSE)])
                scroll.cut(close + len(CLOSE))
            elif len(scroll.buffer) - at > max_bytes:
                yield scroll.offset(at), None
                scroll.cut(at + len(OPEN))
                passing = True
            else:
                scroll.cut(at)
                break


def _row(
    page: bytes | None, path: str, offset: int, origin: str, namespaces: frozenset[int], site: Site
) -> Row:
    row = Row(REJECTED, file=path, offset=offset, dump=dump_of(path), remark="too_large")
    if page is None:
        return row
    try:
        given = ElementTree.fromstring(page)
    except ElementTree.ParseError:
        return row._replace(remark="bad_xml")
    title, number = clean(given.findtext("title") or ""), given.findtext("id") or ""
    row = row._replace(
        id=f"{origin}/{clean(number)}" if number else None,
        url=f"{site.base}/{quote(title.replace(' ', '_'), safe='/:(),')}" if site.base and title else None,
        date=iso_date(given.findtext("revision/timestamp") or ""),
    )
    if (given.findtext("ns") or "0").strip() not in {str(one) for one in namespaces}:
        return row._replace(remark="namespace")
    if given.find("redirect") is not None:
        return row._replace(remark="redirect")
    try:
        text = clean(plain_text(given.findtext("revision/text") or "", site.hidden))
    except Exception as error:  # whatever a page does to the parser costs this page
        return row._replace(remark="extract_failed", metadata={"detail": clean(f"{type(error).__name__}: {error}")})
    if not text or row.id is None:
        return row._replace(remark="no_text")
    return row._replace(outcome=DOCUMENT, text=text, remark=None, metadata={"title": title})
