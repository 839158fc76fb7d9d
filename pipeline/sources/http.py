"""An HTTP response as a crawler stored it: status, headers, and the body with its codings undone as far as they hold.

Headers lie: a body said to be chunked, gzipped or brotli may be plain, and the other way round. So each coding is
undone only where the bytes agree with it, and nothing is inflated beyond a limit.
"""

import re
from typing import NamedTuple

import brotli
import zstandard
from zlib_ng import zlib_ng as zlib

from pipeline.sources.members import DAMAGE

STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t][^\n]*)?\r?\n?")
# Fields and the empty line behind them, as nearly all have them; and of those the ones that are used.
FIELDS = re.compile(rb"(?:[^\s:<][^:\n]*:[^\n]*\n){1,400}\r?\n")
FIELD = re.compile(rb"^((?:content|transfer)-(?:type|encoding))[ \t]*:([^\n]*)", re.IGNORECASE | re.MULTILINE)
CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r?\n")
GZIP_MAGIC = b"\x1f\x8b\x08"
MAX_LAYERS = 4
# The byte patterns by which a browser tells HTML (WHATWG MIME Sniffing, section 7.1), and what surely is none.
HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--"
    rb"|meta|\?xml[^>]*>\s*<(?:!doctype html|html))[\s>/-]?",
    re.IGNORECASE,
)
BINARY_START = re.compile(rb"%PDF-|\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|PK\x03\x04")


class TooLargeError(Exception):
    """The body decodes to more than the limit."""


class BadContentEncodingError(Exception):
    """The body is neither what its Content-Encoding says nor text."""


class Response(NamedTuple):
    """`status` is None where the block has no status line: then it is all body."""

    status: int | None
    headers: dict[str, str]
    body: bytes


def parse_response(block: bytes) -> Response:
    r"""The parts of the block, as far as it has them; of the headers at least those that are used.

    >>> parse_response(b"HTTP/2 200\r\nContent-Type: text/html\r\n\r\n<p>")
    Response(status=200, headers={'content-type': 'text/html'}, body=b'<p>')
    """
    line = STATUS_LINE.match(block)
    if not line:
        return Response(None, {}, block)
    at, headers = line.end(), dict[str, str]()
    if whole := FIELDS.match(block, at):
        for name, value in reversed(FIELD.findall(block, at, whole.end())):
            headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
        return Response(int(line[1]), headers, block[whole.end() :])
    while at < len(block):
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        field = block[at:end].strip()
        name, colon, value = field.partition(b":")
        if field and (not colon or field.startswith(b"<")) and block[at : at + 1] not in b" \t":
            break  # no empty line divides headers from body
        at = end + 1
        if not field:
            break
        headers.setdefault(name.decode("latin-1").strip().lower(), value.decode("latin-1").strip())
    return Response(int(line[1]), headers, block[at:])


def is_html(content_type: str, body: bytes) -> bool:
    """By the declared type, else by how the body begins."""
    if BINARY_START.match(body):
        return False
    return "html" in content_type.lower() if content_type else HTML_START.match(body) is not None


def decoded_body(response: Response, limit: int) -> bytes:
    """The body without transfer and content codings, at most `limit` bytes.

    Raises TooLargeError, BadContentEncodingError.
    """
    body = response.body
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        body = dechunk(body)
    codings = [c.strip() for c in response.headers.get("content-encoding", "").lower().split(",") if c.strip()]
    for coding in reversed(codings[-MAX_LAYERS:]):
        body = _undo(coding, body, limit)
    for _ in range(MAX_LAYERS):  # compressed once more than the headers say
        if not body.startswith(GZIP_MAGIC):
            break
        body = _inflate(body, 31, limit) or body[:0]
    if len(body) > limit:
        raise TooLargeError
    return body


def dechunk(body: bytes) -> bytes:
    r"""The chunks joined; from a place on that is no chunk, the bytes as they are.

    >>> dechunk(b"3\r\nabc\r\n0\r\n\r\n"), dechunk(b"<p>"), dechunk(b"3\r\nabc\r\n<p>")
    (b'abc', b'<p>', b'abc<p>')
    """
    chunks, at = list[bytes](), 0
    while size := CHUNK_SIZE.match(body, at):
        n = min(int(size[1], 16), len(body))
        chunks.append(body[size.end() : size.end() + n])
        at = size.end() + n
        if n == 0:
            return b"".join(chunks)
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"
    return b"".join([*chunks, body[at:]])


def _undo(coding: str, body: bytes, limit: int) -> bytes:
    if coding in ("gzip", "x-gzip"):
        out = _inflate(body, 31, limit) if body.startswith(GZIP_MAGIC) else None
    elif coding == "deflate":
        out = _inflate(body, 15, limit) or _inflate(body, -15, limit)
    elif coding == "br":
        out = _unbrotli(body, limit)
    elif coding == "zstd":
        out = _unzstd(body, limit)
    else:  # identity, utf-8, none …
        return body
    if out is None:
        if body.startswith(GZIP_MAGIC) or b"\0" in body[:1024] or b"<" not in body[:4096]:
            raise BadContentEncodingError
        return body
    return out


def _inflate(body: bytes, window_bits: int, limit: int) -> bytes | None:
    """All gzip members or the one zlib stream, up to where they are damaged; None where that leaves nothing."""
    out, rest = bytearray(), body
    while rest and (not out or rest.startswith(GZIP_MAGIC)):
        decoder = zlib.decompressobj(window_bits)
        try:
            out += decoder.decompress(rest, limit + 1 - len(out))
        except DAMAGE:
            out += _until_damage(rest, window_bits, limit + 1 - len(out))
            break
        if len(out) > limit:
            raise TooLargeError
        rest = decoder.unused_data
    return bytes(out) or None


def _until_damage(body: bytes, window_bits: int, limit: int) -> bytes:
    decoder, out = zlib.decompressobj(window_bits), bytearray()
    try:
        for at in range(0, len(body), 256):
            out += decoder.decompress(body[at : at + 256], limit)
            if len(out) > limit:
                raise TooLargeError
    except DAMAGE:
        pass
    return bytes(out)


def _unbrotli(body: bytes, limit: int) -> bytes | None:
    decoder, out = brotli.Decompressor(), bytearray()
    try:
        out += decoder.process(body, output_buffer_limit=limit + 1)
        while not decoder.is_finished() and len(out) <= limit and not decoder.can_accept_more_data():
            out += decoder.process(b"", output_buffer_limit=limit + 1)
    except brotli.error:
        pass
    if len(out) > limit:
        raise TooLargeError
    return bytes(out) or None


def _unzstd(body: bytes, limit: int) -> bytes | None:
    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            out = bytes(reader.read(limit + 1))
    except zstandard.ZstdError:
        return None
    if len(out) > limit:
        raise TooLargeError
    return out or None
