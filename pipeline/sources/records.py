"""WARC records out of a file's inflated bytes: every good one, whatever stands around it.

The walk believes three things, in this order: a member that begins with `WARC/` begins a record; a Content-Length holds
if a blank line, a record or the end follows there; a line `WARC/1.x` above a WARC-Type begins a record.
(WARC 1.1, ISO 28500:2017.)
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.sources import arc
from pipeline.sources.members import PADDING, Event
from pipeline.sources.sections import NEXT_HEADER, OVERLAP, SKIP, Tape

MAX_HEADER = 1 << 16
MAX_LEADING_BLANKS = 64
HEADER_LINE = re.compile(rb"WARC/[01]\.\d{1,2}[ \t]*\r*\n")
# The fields that are used; a line that begins with white space goes on with the one before.
FIELD = re.compile(
    r"^(WARC-(?:Type|Record-ID|Target-URI|Date|Truncated)|Content-(?:Type|Length))[ \t]*:(.*(?:\n[ \t].*)*)",
    re.MULTILINE | re.IGNORECASE,
)
HEADER_END = re.compile(rb"\n\r*\n")
# What may follow a block: two line ends; or the next record behind at most one, and then up to 8 bytes that the length
# should have counted are passed over.
FOLLOWS = re.compile(rb"(?:\r*\n){2}|(?:[^\r\n]{0,8}(?:\r*\n){1,3})?WARC/[01]\.")
BEHIND = 24  # bytes looked at behind a block
# The types of which a row stands in documents/ or rejected/; the others are only counted.
TEXT_TYPES = frozenset({"response", "resource", "revisit", "conversion"})


class Record(NamedTuple):
    """One record. `block` is empty where `fault` (a reason) is set; `length`: its bytes in the file, if known."""

    kind: str
    headers: dict[str, str]
    block: bytes
    offset: int
    length: int | None
    fault: str | None


class Stretch(NamedTuple):
    """Bytes in which no record could be read."""

    offset: int
    length: int | None
    reason: str


def parse_header(head: bytes | bytearray) -> dict[str, str]:
    r"""The fields that are used, their names in lower case; of one given twice the first.

    >>> parse_header(b"WARC/1.0\r\nWARC-Type : response\r\nX: y\r\nContent-Type: text/html;\r\n charset=x\r\n")
    {'content-type': 'text/html; charset=x', 'warc-type': 'response'}
    """
    fields = reversed(FIELD.findall(head.decode("utf-8", "replace")))
    return {name.lower(): " ".join(value.split()) if "\n" in value else value.strip() for name, value in fields}


def header_size(buffer: bytearray) -> int:
    """The size of the header at the beginning of `buffer`, its empty line included; 0 if it does not end in 64 KiB."""
    end = HEADER_END.search(buffer, 0, MAX_HEADER)
    return end.end() if end else 0


def content_length(headers: dict[str, str]) -> int | None:
    """None where the header is absent or no number."""
    given = headers.get("content-length", "")
    return min(int(given[:19]), 1 << 62) if given.isascii() and given.isdigit() else None


def records(
    walk: Callable[[int], Iterator[Event]], is_plain: bool, max_record_bytes: int, begin: int = 0
) -> Iterator[Record | Stretch]:
    """Every record from `begin` on of the file that `walk` inflates from an offset on, and every stretch that holds none."""
    tape = Tape(walk, is_plain, begin)
    while tape.open_section():
        damage_told = False
        while tape.skip_padding():
            item = _next_item(tape, max_record_bytes)
            if isinstance(item, Record) and item.fault in ("corrupt_record", "truncated_record"):
                damage_told = True
            if item is not None:
                yield item
        if tape.damage and not damage_told:
            reason = "garbage" if tape.damage.cause == "garbage" else "corrupt_member"
            yield Stretch(tape.damage.offset, tape.damage.end - tape.damage.offset, reason)


def _next_item(tape: Tape, max_record_bytes: int) -> Record | Stretch | None:
    """What stands at the cursor; None for bytes whose damage the section's end tells."""
    begin, offset = tape.position, tape.offset(tape.position)
    tape.fill(MAX_HEADER)
    if not HEADER_LINE.match(tape.buffer):
        if (begin == 0 or tape.next_header is arc.NEXT_LINE) and (line := arc.LINE.match(tape.buffer)):
            return _arc_record(tape, line, max_record_bytes)
        return _stretch(tape, begin, "garbage")
    size = header_size(tape.buffer)
    headers = parse_header(tape.buffer[:size])
    if "warc-type" not in headers:
        return _stretch(tape, begin, "bad_header")
    lacks_returns = b"\r" not in tape.buffer[:size]
    tape.advance(size)
    claimed = content_length(headers)
    block: bytes
    fault: str | None
    if claimed is None:
        block, fault = b"", _fault(tape, overruns=False)
    elif claimed > max_record_bytes:
        block, fault = b"", _skip_large(tape, claimed)
    else:
        block, fault = _block(tape, claimed, lacks_returns)
    if tape.is_plain:
        length = size + len(block) if fault is None else None
    else:
        length = None if tape.skip_padding() or begin > MAX_LEADING_BLANKS else tape.member_length()
    return Record(headers["warc-type"].lower(), headers, block, offset, length, fault)


def _arc_record(tape: Tape, line: re.Match[bytes], max_record_bytes: int) -> Record:
    """Lengths of ARC are believed where the bytes are there: nothing marks the end of a record."""
    tape.next_header, tape.overlap = arc.NEXT_LINE, arc.OVERLAP
    begin, offset, headers = tape.position, tape.offset(tape.position), arc.arc_headers(line)
    tape.advance(line.end())
    claimed = content_length(headers)
    block, fault = b"", None
    if claimed is None:
        fault = _fault(tape, overruns=False)
    elif claimed > max_record_bytes:
        left = claimed
        while left and tape.fill(1):
            step = min(left, len(tape.buffer))
            tape.advance(step)
            left -= step
        fault = _fault(tape, overruns=True) if left else "too_large"
    elif tape.fill(claimed):
        block = bytes(memoryview(tape.buffer)[:claimed])
        tape.advance(claimed)
    else:
        fault = _fault(tape, overruns=True)
    if tape.is_plain:
        length = line.end() + len(block) if fault is None else None
    else:
        length = None if tape.skip_padding() or begin > MAX_LEADING_BLANKS else tape.member_length()
    return Record(headers["warc-type"], headers, block, offset, length, fault)


def _stretch(tape: Tape, begin: int, reason: str) -> Stretch | None:
    offset = tape.offset(begin)
    tape.seek_header()
    if tape.damage:
        return None
    return Stretch(offset, tape.position - begin if tape.is_plain else None, reason)


def _block(tape: Tape, claimed: int, lacks_returns: bool) -> tuple[bytes, str | None]:
    tape.fill(claimed + BEHIND)
    size = claimed
    if not (len(tape.buffer) >= claimed and _ends_at(tape, claimed)):
        size = _size_without_returns(tape, claimed) if lacks_returns else -1
    if size < 0:
        return b"", _fault(tape, overruns=len(tape.buffer) < claimed)
    block = bytes(memoryview(tape.buffer)[:size])
    tape.advance(size)
    return block, None


def _size_without_returns(tape: Tape, claimed: int) -> int:
    """The size of a block whose line ends lost their carriage returns after it was measured; -1 if that is no cause."""
    found = NEXT_HEADER.search(tape.buffer, 0, claimed + BEHIND)
    if not found and tape.cause not in ("end", "file_end"):
        return -1
    block = tape.buffer[: found.start() if found else claimed].rstrip(b"\n")
    return len(block) if 0 <= claimed - len(block) <= block.count(b"\n") + 2 else -1


def _ends_at(tape: Tape, at: int) -> bool:
    """Whether a record ends at that place ahead. What damage touches does not: its checksum was never seen."""
    if len(tape.buffer) < at + BEHIND and not tape.buffer[at:].strip(PADDING):
        return tape.damage is None
    return FOLLOWS.match(tape.buffer, at) is not None


def _fault(tape: Tape, overruns: bool) -> str:
    """Moves behind a block that does not end where it claims to, and names what is wrong."""
    if tape.seek_header():
        return "bad_length"
    if tape.damage:
        return "corrupt_record" if tape.damage.cause == "corrupt" else "truncated_record"
    return "truncated_record" if overruns and tape.is_plain else "bad_length"


def _skip_large(tape: Tape, claimed: int) -> str:
    """Moves behind a block that is too large to hold. Where the claim proves wrong, the walk goes back once a section to
    the first header line inside the block, and then believes no large claim: so that no file takes quadratic time.
    """
    if tape.rewound:
        return _fault(tape, overruns=False)
    inside, left = -1, claimed
    while left and tape.fill(1):
        tape.fill(min(left, SKIP))
        part = min(left, len(tape.buffer))
        if inside < 0 and (found := NEXT_HEADER.search(tape.buffer, 0, part)):
            inside = tape.position + found.start(1)
        step = part - OVERLAP if part > OVERLAP and part < left and not tape.cause else part
        tape.advance(step)
        left -= step
    tape.fill(BEHIND)
    if not left and _ends_at(tape, 0):
        return "too_large"
    if inside >= 0:
        tape.rewind(inside)
        return "bad_length"
    return _fault(tape, overruns=left > 0)
