"""What the crawler met: every response in crawl order, as bytes and HTTP headers."""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pipeline.sample.noise import noise_pages
from pipeline.sample.pages import Page, article_pages, article_url, render
from pipeline.sample.texts import table

START = datetime(2024, 5, 27, 6, 0, tzinfo=UTC)
PAUSE = timedelta(seconds=41)
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


@dataclass(frozen=True)
class Response:
    """One HTTP response. `body` is as sent, transfer coding included; `html` is the decoded page, empty for others."""

    url: str
    kind: str
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    html: str = ""
    language: str = ""


@dataclass(frozen=True)
class Capture:
    """A response and the moment of its download."""

    response: Response
    date: datetime

    @property
    def url(self) -> str:
        """The address that was asked for."""
        return self.response.url


@cache
def pages() -> tuple[Page, ...]:
    """All HTML pages, articles first."""
    return (*article_pages(), *noise_pages())


@cache
def captures() -> tuple[Capture, ...]:
    """Every response in an order that mixes the hosts: that of a hash of the URL."""
    others = [_answer(entry) for entry in table("plan")["not_ok"]]
    responses = [*(_html_response(page) for page in pages()), *others, _robots(), _image()]
    responses.sort(key=lambda response: hashlib.blake2b(response.url.encode(), digest_size=8).digest())
    return tuple(Capture(response, START + n * PAUSE) for n, response in enumerate(responses))


def revisited() -> tuple[str, datetime]:
    """The URL that was met a second time unchanged, and when."""
    entry = table("plan")["revisit"]
    return article_url(entry["host"], entry["article"]), START + len(captures()) * PAUSE


def chunked(body: bytes, size: int = 1000) -> bytes:
    r"""The body in HTTP's chunked transfer coding.

    >>> chunked(b"abcde", 4)
    b'4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n'
    """
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def _html_response(page: Page) -> Response:
    html = render(page)
    body = html.encode(page.codec, "xmlcharrefreplace")  # a host's menu may be beyond the page's charset
    charset = f"; charset={page.header_charset}" if page.header_charset else ""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", f"text/html{charset}"),)
    if "chunked_gzip" in page.traits:
        body = chunked(zlib.compress(body, 9, wbits=31))
        headers += (("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"))
    else:
        headers += (("Content-Length", str(len(body))),)
    return Response(page.url, page.kind, "200 OK", headers, body, html, page.language)


def _answer(entry: dict[str, Any]) -> Response:
    body = f"<html><head><title>{entry['status']}</title></head><body><h1>{entry['status']}</h1></body></html>\n"
    location = (("Location", entry["location"]),) if "location" in entry else ()
    headers = (("Content-Type", "text/html"), *location, ("Content-Length", str(len(body))))
    return Response(entry["url"], "not_ok", entry["status"], headers, body.encode())


def _robots() -> Response:
    body = b"User-agent: *\nDisallow: /drafts/\n"
    headers = (("Content-Type", "text/plain"), ("Content-Length", str(len(body))))
    return Response(table("plan")["robots"], "robots", "200 OK", headers, body)


def _image() -> Response:
    headers = (("Content-Type", "image/gif"), ("Content-Length", str(len(GIF))))
    return Response(table("plan")["image"], "image", "200 OK", headers, GIF)
