"""The text of an EPUB: its documents in the order of the spine, without what stands before and behind the book.

(EPUB 3.3 and OPF 2.0: META-INF/container.xml names the package, whose manifest names files, whose spine orders them; `guide`
and the landmarks of the navigation document say what they are.)
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import IO, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from pipeline.kernels.books import without_gutenberg
from pipeline.kernels.charset import decode
from pipeline.kernels.html import TooDeepError, main_text

CONTAINER = "META-INF/container.xml"
MAX_PACKAGE = 10_000_000  # bytes of a package or navigation document
# What a file is, as guide, landmarks and epub:type name it; such files are not the book.
AROUND = re.compile(
    r"\b(cover|title-?page|half-?title-?page|copyright(-page)?|toc|landmarks|loi|lot|page-?list|colophon|imprint|imprimatur|"
    r"dedication|acknowledge?ments|other-credits|contributors|seriespage|errata|index|backlink|ad)\b",
    re.IGNORECASE,
)
# The same by file names and ids, where a book has no marks.
NAMED_AROUND = re.compile(
    r"(?:^|[/_.\-\d])(cover|title_?page|halftitle|copyright|toc|nav|contents|colophon|imprint|dedication|acknowledg)",
    re.IGNORECASE,
)
BODY_TYPE = re.compile(rb"""<(?:body|section|div)\b[^>]*?\bepub:type\s*=\s*["']([^"']+)""")
HTML_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


class BadEpubError(OSError):
    """The file is no EPUB that can be read; the message says why."""


class TooLargeError(Exception):
    """A part, or all of them, inflate to more than the limit."""


class Book(NamedTuple):
    text: str
    metadata: dict[str, str]


def read_epub(stream: IO[bytes], max_bytes: int) -> Book:
    """The book. Raises BadEpubError, TooLargeError."""
    try:
        with zipfile.ZipFile(stream) as archive:
            if "META-INF/encryption.xml" in archive.namelist() and b"AES" in _part(
                archive, "META-INF/encryption.xml", MAX_PACKAGE
            ):
                raise BadEpubError("it is encrypted")
            package = _package_path(archive)
            root = _xml(_part(archive, package, MAX_PACKAGE))
            left, texts = max_bytes, []
            for name in _reading_order(archive, root, posixpath.dirname(package)):
                data = _part(archive, name, left)
                left -= len(data)
                if text := _text(data):
                    texts.append(text)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadEpubError(f"it is no EPUB: {error}") from None
    return Book(without_gutenberg("\n\n".join(texts)), _metadata(root))


def _part(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as part:
        data = part.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError
    return data


def _xml(data: bytes) -> ElementTree.Element:
    """Python's expat resolves no external entities and bounds what internal ones expand to."""
    return ElementTree.fromstring(data)


def _package_path(archive: zipfile.ZipFile) -> str:
    for rootfile in _named(_xml(_part(archive, CONTAINER, MAX_PACKAGE)), "rootfile"):
        if path := rootfile.get("full-path"):
            return path
    raise BadEpubError("META-INF/container.xml names no package")


def _named(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Elements of that local name in any namespace."""
    return (element for element in root.iter() if isinstance(element.tag, str) and element.tag.rpartition("}")[2] == name)


def _reading_order(archive: zipfile.ZipFile, root: ElementTree.Element, folder: str) -> list[str]:
    """The files of the spine that are the book's own."""
    items = {item.get("id", ""): item for item in _named(root, "item")}
    marks = _marks(archive, root, folder, items)
    names = []
    for reference in _named(root, "itemref"):
        item = items.get(reference.get("idref", ""))
        if item is None or reference.get("linear") == "no" or item.get("media-type", HTML_TYPES[0]) not in HTML_TYPES:
            continue
        names.append((_resolve(folder, item.get("href", "")), f"{item.get('id', '')} {item.get('properties', '')}"))
    present = set(archive.namelist())
    names = [(name, about) for name, about in names if name in present]
    body = next((k for k, (name, _) in enumerate(names) if marks.get(name) in ("bodymatter", "text", "start")), 0)
    if not names:
        raise BadEpubError("its spine names no text")
    return [name for name, about in names[body:] if not _is_around(archive, name, about, marks)]


def _is_around(archive: zipfile.ZipFile, name: str, about: str, marks: dict[str, str]) -> bool:
    if name in marks:
        return AROUND.search(marks[name]) is not None
    with archive.open(name) as part:
        typed = BODY_TYPE.search(part.read(4096))
    if typed:
        return AROUND.search(typed[1].decode("ascii", "replace")) is not None
    return NAMED_AROUND.search(posixpath.basename(name)) is not None or "nav" in about.split()


def _marks(
    archive: zipfile.ZipFile, root: ElementTree.Element, folder: str, items: dict[str, ElementTree.Element]
) -> dict[str, str]:
    """File -> what guide or landmarks say that it is."""
    marks = {
        _resolve(folder, reference.get("href", "")): reference.get("type", "").lower()
        for reference in reversed(list(_named(root, "reference")))
    }
    for item in items.values():
        if "nav" in item.get("properties", "").split():
            path = _resolve(folder, item.get("href", ""))
            try:
                document = _xml(_part(archive, path, MAX_PACKAGE))
            except (KeyError, ElementTree.ParseError):
                continue
            for link in _named(document, "a"):
                kind = next((value for key, value in link.attrib.items() if key.rpartition("}")[2] == "type"), "")
                if kind and link.get("href"):
                    marks[_resolve(posixpath.dirname(path), link.get("href", ""))] = kind.lower()
    return marks


def _resolve(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _text(data: bytes) -> str:
    html, charset = decode(data, None)
    try:
        text, _ = main_text(html, "whole_page", None if charset.startswith("utf-16") else data)
    except TooDeepError:
        return ""
    return text.strip()


def _metadata(root: ElementTree.Element) -> dict[str, str]:
    found = {}
    for name in ("title", "creator", "language", "identifier"):
        values = [element.text.strip() for element in _named(root, name) if element.text and element.text.strip()]
        if values:
            found[name] = "; ".join(values) if name == "creator" else values[0]
    return found
