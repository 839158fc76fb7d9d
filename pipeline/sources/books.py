"""Text files and EPUBs: a document a file, or a piece of a text file that is parted at a pattern.

Books are read as BooksCorpus holds them: long runs of contiguous text. Project Gutenberg's header and licence are left out,
and line ends that only wrap a paragraph are undone (kernels.books).
"""

import io
import re
from collections.abc import Iterator
from functools import partial
from typing import IO

from pipeline.kernels.books import unwrapped, without_gutenberg
from pipeline.kernels.charset import decode
from pipeline.schema import DOCUMENT, REJECTED
from pipeline.sources.epub import TooLargeError, read_epub
from pipeline.sources.files import FileReader, Files, files_of, inflated
from pipeline.sources.rows import Row, clean, content_id, dump_of

CHARSET_BYTES = 1 << 20  # of a file that is parted: its beginning tells the charset


def book_reader(options: dict[str, str], kind: str) -> FileReader:
    """`kind`: text | epub; `split_at` parts text files at a pattern."""
    pattern = options.get("split_at", "")
    if kind == "text" and pattern:
        return FileReader(files_of(options, kind), partial(_pieces, pattern=re.compile(pattern)), "piece")
    return FileReader(files_of(options, kind), _epub if kind == "epub" else _text, "file")


def _text(stream: IO[bytes], path: str, files: Files) -> Iterator[Row]:
    data = inflated(stream).read(files.max_bytes + 1)
    if len(data) > files.max_bytes:
        yield Row(REJECTED, file=path, offset=0, remark="too_large")
        return
    text, _ = decode(data, None)
    yield _row(files, unwrapped(without_gutenberg(text.replace("\r\n", "\n"))), path, 0, len(data))


def _pieces(stream: IO[bytes], path: str, files: Files, pattern: re.Pattern[str]) -> Iterator[Row]:
    """The text parted as re.split does, a line at a time: what the pattern matches goes."""
    _, charset = decode(inflated(stream).read(CHARSET_BYTES), None)
    stream.seek(0)
    lines = io.TextIOWrapper(inflated(stream), charset, "replace")
    piece, size, number = list[str](), 0, 0
    while line := lines.readline(files.max_bytes):
        parts, at = [], 0
        for match in pattern.finditer(line.rstrip("\n")):
            parts.append(line[at : match.start()])
            at = match.end()
        for part in parts:
            piece.append(part)
            if "".join(piece).strip():
                yield _piece(files, piece, size + len(part), path, number)
                number += 1
            piece, size = [], 0
        if size <= files.max_bytes:
            piece.append(line[at:])
        size += len(line) - at
    if "".join(piece).strip():
        yield _piece(files, piece, size, path, number)


def _piece(files: Files, lines: list[str], size: int, path: str, number: int) -> Row:
    if size > files.max_bytes:
        return Row(REJECTED, file=path, offset=number, remark="too_large")
    return _row(files, unwrapped("".join(lines).strip()), path, number, None)


def _epub(stream: IO[bytes], path: str, files: Files) -> Iterator[Row]:
    try:
        book = read_epub(stream, files.max_bytes)
    except TooLargeError:
        yield Row(REJECTED, file=path, offset=0, remark="too_large")
        return
    row = _row(files, book.text, path, 0, None)
    yield row._replace(metadata={name: clean(value) for name, value in book.metadata.items()} or None)


def _row(files: Files, text: str, path: str, offset: int, length: int | None) -> Row:
    text = clean(text).strip()
    row = Row(REJECTED, dump=dump_of(path), file=path, offset=offset, length=length, remark="no_text")
    if not text:
        return row
    return row._replace(outcome=DOCUMENT, id=content_id(files.origin, path, files.folder, text), text=text, remark=None)
