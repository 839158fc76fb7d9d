"""WARC 1.0 records (ISO 28500:2009) as Common Crawl writes them: one gzip member a record."""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from resiliparse.extract.html2text import extract_plain_text

from pipeline.sample.captures import Capture

CRAWL = "SAMPLE-2024-22"
REVISIT_PROFILE = "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"
ISO_639_3 = {"en": "eng", "zh": "zho", "fr": "fra", "de": "deu", "es": "spa"}
Fields = Sequence[tuple[str, str]]


def record_id(kind: str, url: str) -> str:
    """The same URN for the same record, as WARC-Record-ID has it, in angle brackets."""
    return f"<{uuid5(NAMESPACE_URL, f'{kind} {url}').urn}>"


def sha1(data: bytes) -> str:
    """A digest as WARC headers carry it: SHA-1 in base 32."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def gzip_member(data: bytes) -> bytes:
    """One gzip member without name or time stamp."""
    return zlib.compress(data, 9, wbits=31)


def record(kind: str, identity: str, date: datetime, fields: Fields, block: bytes) -> bytes:
    """One record, compressed."""
    head: list[tuple[str, str]] = [
        ("WARC-Type", kind),
        ("WARC-Date", date.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("WARC-Record-ID", identity),
        *fields,
        ("WARC-Block-Digest", sha1(block)),
        ("Content-Length", str(len(block))),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head)
    return gzip_member(b"WARC/1.0\r\n" + lines.encode() + b"\r\n" + block + b"\r\n\r\n")


def warcinfo(filename: str, date: datetime) -> bytes:
    """The first record of a file: who wrote it and what it is part of."""
    block = (
        f"isPartOf: {CRAWL}\r\npublisher: taojin\r\ndescription: built-in sample, no real crawl\r\n"
        "format: WARC File Format 1.0\r\n"
        "conformsTo: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.0/\r\n"
    )
    fields = [("WARC-Filename", filename), ("Content-Type", "application/warc-fields")]
    return record("warcinfo", record_id("warcinfo", filename), date, fields, block.encode())


def request(capture: Capture) -> bytes:
    """What the crawler sent."""
    url = urlsplit(capture.url)
    path = url.path + (f"?{url.query}" if url.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {url.netloc}", "User-Agent: taojin-sample/1.0", "Accept-Encoding: gzip"]
    block = "\r\n".join([*lines, "", ""])
    fields = [
        ("WARC-Target-URI", capture.url),
        ("WARC-IP-Address", address(capture.url)),
        ("Content-Type", "application/http; msgtype=request"),
    ]
    return record("request", record_id("request", capture.url), capture.date, fields, block.encode())


def response(capture: Capture) -> bytes:
    """What came back, its body as sent. The payload digest is that of the body as sent, as Common Crawl's are."""
    payload = capture.response.body
    fields = [
        ("WARC-Target-URI", capture.url),
        ("WARC-Concurrent-To", record_id("request", capture.url)),
        ("WARC-IP-Address", address(capture.url)),
        ("WARC-Payload-Digest", sha1(payload)),
        ("Content-Type", "application/http; msgtype=response"),
    ]
    block = _http_head(capture, capture.date) + payload
    return record("response", record_id("response", capture.url), capture.date, fields, block)


def metadata(capture: Capture) -> bytes:
    """What the crawler noted about a download."""
    fields = [
        ("WARC-Target-URI", capture.url),
        ("WARC-Concurrent-To", record_id("response", capture.url)),
        ("Content-Type", "application/warc-fields"),
    ]
    block = b"fetchTimeMs: 118\r\n"
    return record("metadata", record_id("metadata", capture.url), capture.date, fields, block)


def revisit(capture: Capture, date: datetime) -> bytes:
    """A later download of the same bytes: headers only, the payload is that of the first."""
    fields = [
        ("WARC-Target-URI", capture.url),
        ("WARC-Profile", REVISIT_PROFILE),
        ("WARC-Refers-To", record_id("response", capture.url)),
        ("WARC-Refers-To-Target-URI", capture.url),
        ("WARC-Refers-To-Date", capture.date.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("WARC-Payload-Digest", sha1(capture.response.body)),
        ("Content-Type", "application/http; msgtype=response"),
    ]
    return record("revisit", record_id("revisit", capture.url), date, fields, _http_head(capture, date))


def conversion(capture: Capture) -> bytes:
    """The page's whole visible text, as in a WET file."""
    fields = [
        ("WARC-Target-URI", capture.url),
        ("WARC-Refers-To", record_id("response", capture.url)),
        ("WARC-Identified-Content-Language", ISO_639_3[capture.response.language]),
        ("Content-Type", "text/plain"),
    ]
    text = extract_plain_text(capture.response.html, main_content=False, alt_texts=False)
    return record("conversion", record_id("conversion", capture.url), capture.date, fields, text.encode())


def address(url: str) -> str:
    """An address for the host out of TEST-NET-1 (RFC 5737), which belongs to nobody."""
    return f"192.0.2.{hashlib.blake2b(urlsplit(url).netloc.encode(), digest_size=1).digest()[0] % 254 + 1}"


def _http_head(capture: Capture, date: datetime) -> bytes:
    lines = [
        f"HTTP/1.1 {capture.response.status}",
        f"Date: {format_datetime(date, usegmt=True)}",
        "Server: sample",
        *(f"{name}: {value}" for name, value in capture.response.headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode()
