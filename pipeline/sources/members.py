"""A file's bytes inflated member by member (gzip) or frame by frame (zstd), past damage, in bounded memory.

The walk can begin at any byte offset: it then finds the next member that begins a record. That is how it goes on after
damage, and how a byte range of a large file can be read.
"""

import re
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import zstandard
from zlib_ng import zlib_ng as zlib

CHUNK = 1 << 20  # bytes read from the file at once
MAX_PIECE = 1 << 18  # inflated bytes handed on at once
DAMAGE: tuple[type[Exception], ...] = (zlib.error, zstandard.ZstdError)  # type: ignore[assignment]  # zlib_ng's stub
LOOK_AHEAD = 4096  # enough of a member to see how it begins
PADDING = b"\0\r\n \t"
# A WARC record, or one of ARC: `http://… 93.184.216.119 20140216050221 text/html 1591`.
BEGINS_RECORD = re.compile(
    rb"[\r\n]*(?:WARC/\d|(?:filedesc|https?|ftp|dns):[^\n]{1,3000}? \d{8,20} [^\n]{0,300}(?:\d|-1)\r?\n)"
)
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"  # the skippable frame that holds one
MAX_DICTIONARY = 16 << 20  # bytes; trained ones take 110 kB where nobody says otherwise
SKIPPABLE_FRAME = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # of zstd: magic, size, bytes that mean nothing to a reader


class Piece(NamedTuple):
    """Inflated bytes of the member at `offset`; `first` of its pieces."""

    offset: int
    data: bytes
    first: bool


class Break(NamedTuple):
    """The member or stretch from `offset` to `end` is over; cause: end | corrupt | truncated | garbage | file_end."""

    offset: int
    end: int
    cause: str


Event = Piece | Break


class Codec(NamedTuple):
    """How one kind of member is recognised and inflated, `step` input bytes at a time."""

    magic: bytes
    decoder: Callable[[], Any]
    inflate: Callable[[Any, bytes], Iterator[bytes]]
    step: int


def gzip_codec() -> Codec:
    return Codec(b"\x1f\x8b\x08", lambda: zlib.decompressobj(31), _inflate_gzip, 1 << 14)


def zstd_codec(dictionary: bytes = b"") -> Codec:
    """zstandard cannot bound its output, so the input is: 1 KiB holds at most 256 blocks of 128 KiB, 32 MiB."""
    trained = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    return Codec(
        ZSTD_MAGIC,
        lambda: zstandard.ZstdDecompressor(dict_data=trained).decompressobj(),
        _inflate_zstd,
        1 << 10,
    )


def stored_dictionary(stream: IO[bytes]) -> bytes:
    """What the frames of a .warc.zst file were compressed with; empty if nothing. It stands in the file's first frame, a
    skippable one, and may be compressed itself (IIPC, "Use of Zstandard in WARC files", 1.0).
    """
    stream.seek(0)
    head = stream.read(8)
    if not head.startswith(DICTIONARY_MAGIC):
        return b""
    data = stream.read(min(int.from_bytes(head[4:], "little"), MAX_DICTIONARY))
    if not data.startswith(ZSTD_MAGIC):
        return data
    try:
        return bytes(zstandard.ZstdDecompressor().stream_reader(data).read(MAX_DICTIONARY))
    except zstandard.ZstdError:
        return b""


def _inflate_gzip(decoder: Any, data: bytes) -> Iterator[bytes]:
    while not decoder.eof:
        out = decoder.decompress(data, MAX_PIECE)
        if out:
            yield out
        data = decoder.unconsumed_tail
        if not data and len(out) < MAX_PIECE:
            return


def _inflate_zstd(decoder: Any, data: bytes) -> Iterator[bytes]:
    if out := decoder.decompress(data):
        yield out


def codec_of(head: bytes) -> Codec | None:
    """The codec of a file that begins with `head`; None if it is plain. A member that begins a record decides, even if
    something else stands before it.
    """
    if BEGINS_RECORD.match(head):
        return None
    codecs = (gzip_codec(), zstd_codec())
    for codec in codecs:
        if head.startswith(codec.magic):
            return codec
    if SKIPPABLE_FRAME.match(head):
        return zstd_codec()
    for codec in codecs:
        at = head.find(codec.magic)
        if at >= 0 and BEGINS_RECORD.match(beginning(codec, head[at : at + LOOK_AHEAD])):
            return codec
    return None


class Feed:
    """The raw file, read forwards in chunks, with a position that can be set back."""

    def __init__(self, stream: IO[bytes], start: int = 0) -> None:
        self._stream, self._chunk, self._at, self._base = stream, b"", 0, start
        stream.seek(start)

    @property
    def position(self) -> int:
        return self._base + self._at

    def move(self, position: int) -> None:
        if self._base <= position <= self._base + len(self._chunk):
            self._at = position - self._base
        else:
            self._stream.seek(position)
            self._chunk, self._at, self._base = b"", 0, position

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end of the file; the position stays."""
        while len(self._chunk) - self._at < size:
            more = self._stream.read(CHUNK)
            if not more:
                break
            self._base, self._chunk, self._at = self.position, self._chunk[self._at :] + more, 0
        return self._chunk[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        data = self.peek(size)
        self._at += len(data)
        return data

    def skip_padding(self) -> None:
        while data := self.peek(64):
            rest = data.lstrip(PADDING)
            self._at += len(data) - len(rest)
            if rest:
                return

    def find(self, needle: bytes, end: int | None = None) -> bool:
        """Moves to the next `needle`, or to the end of the file; about `end` it gives up."""
        while len(self.peek(len(needle))) == len(needle) and (end is None or self.position < end):
            at = self._chunk.find(needle, self._at)
            if at >= 0:
                self._at = at
                return True
            self._at = len(self._chunk) - len(needle) + 1
        self._at = len(self._chunk)
        return False


def beginning(codec: Codec, data: bytes) -> bytes:
    """What can be inflated of the first bytes of a member before they end or damage shows."""
    decoder, out = codec.decoder(), b""
    try:
        for at in range(0, len(data), 64):
            out += b"".join(codec.inflate(decoder, data[at : at + 64]))
            if decoder.eof:
                break
    except DAMAGE:
        pass
    return out


def seek_record(feed: Feed, codec: Codec, end: int | None = None) -> None:
    """Moves to the next member that begins a WARC record, or to the end of the file or the chunk in which `end` lies."""
    while feed.find(codec.magic, end):
        if BEGINS_RECORD.match(beginning(codec, feed.peek(LOOK_AHEAD)[:LOOK_AHEAD])):
            return
        feed.take(1)


def members(stream: IO[bytes], codec: Codec, start: int = 0) -> Iterator[Event]:
    """The members from `start` on. Nulls and blank lines between them are padding; all else is garbage."""
    feed = Feed(stream, start)
    while True:
        feed.skip_padding()
        begin = feed.position
        head = feed.peek(8)
        if not head:
            return
        if codec.magic[0] == 0x28 and SKIPPABLE_FRAME.match(head):
            feed.move(begin + 8 + int.from_bytes(head[4:8], "little"))
        elif head.startswith(codec.magic):
            yield from _member(feed, codec)
        else:
            seek_record(feed, codec)
            yield Break(begin, feed.position, "garbage")


def _member(feed: Feed, codec: Codec) -> Iterator[Event]:
    begin, decoder, first = feed.position, codec.decoder(), True
    while not decoder.eof:
        data = feed.take(codec.step)
        try:
            for piece in codec.inflate(decoder, data):
                yield Piece(begin, piece, first)
                first = False
        except DAMAGE:
            # zlib drops what it had inflated before the damage: enough is read again to know the record's header
            if first and (salvaged := beginning(codec, data)):
                yield Piece(begin, salvaged, True)
            yield _damage(feed, codec, begin, "corrupt")
            return
        if not data:
            yield _damage(feed, codec, begin, "truncated")
            return
    feed.move(feed.position - len(decoder.unused_data))
    yield Break(begin, feed.position, "end")


def _damage(feed: Feed, codec: Codec, begin: int, cause: str) -> Break:
    """A member cut short runs into the next one, so the search starts right behind its own beginning."""
    feed.move(begin + 1)
    seek_record(feed, codec)
    return Break(begin, feed.position, "corrupt" if feed.peek(1) else cause)


def plain(stream: IO[bytes], start: int = 0) -> Iterator[Event]:
    """A file that is not compressed, as one member."""
    stream.seek(start)
    position = start
    while data := stream.read(CHUNK):
        yield Piece(start, data, position == start)
        position += len(data)
    yield Break(start, position, "file_end")
