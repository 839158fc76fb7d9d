"""A file's inflated bytes cut into sections, behind a cursor that sees a bounded stretch of them.

A section lies between two places where a record certainly begins: it is one record in a file compressed by record, and
the whole file where it is plain or compressed as one.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from pipeline.sources.members import BEGINS_RECORD, PADDING, Break, Event, Piece

SKIP = 1 << 20  # bytes looked at once while skipping
NEXT_HEADER = re.compile(rb"\n(WARC/[01]\.\d{1,2}[ \t]{0,8}\r{0,4}\n)")
OVERLAP = 32  # more than NEXT_HEADER can match


class Tape:
    """The inflated bytes of one section behind a cursor. `buffer` begins at the cursor, `position` in the section."""

    def __init__(self, walk: Callable[[int], Iterator[Event]], is_plain: bool, begin: int = 0) -> None:
        self._walk, self.is_plain = walk, is_plain
        self._events = walk(begin)
        self._pending: Event | None = None
        self.rewound = False
        self.next_header, self.overlap = NEXT_HEADER, OVERLAP  # how a record is found that no length leads to
        self._clear()

    def _clear(self) -> None:
        self.buffer, self.position = bytearray(), 0
        self.cause: str | None = None  # why the section is over: end | corrupt | truncated | garbage | file_end
        self.damage: Break | None = None
        self._in_member = False
        self._starts: list[int] = []  # where in the section members begin, and their offsets in the file
        self._offsets: list[int] = []
        self._member_end = 0

    def open_section(self) -> bool:
        event = self._pending or next(self._events, None)
        self._pending = None
        if event is None:
            return False
        self._clear()
        self.rewound = False
        self._add(event)
        return True

    def fill(self, size: int) -> bool:
        """Whether at least `size` bytes lie ahead; if not, all that is left of the section does."""
        while len(self.buffer) < size:
            if self.cause is not None:
                return False
            event = next(self._events, None)
            if event is None:
                self.cause = "end"
            elif self._ends_section(event):
                self.cause, self._pending = "end", event
            else:
                self._add(event)
        return True

    def _ends_section(self, event: Event) -> bool:
        if isinstance(event, Piece):
            return event.first and BEGINS_RECORD.match(event.data) is not None
        return event.cause != "end" and not self._in_member

    def _add(self, event: Event) -> None:
        if isinstance(event, Piece):
            if event.first:
                self._starts.append(self.position + len(self.buffer))
                self._offsets.append(event.offset)
            self._in_member = True
            self.buffer += event.data
        elif event.cause == "end":
            self._in_member, self._member_end = False, event.end
        else:
            self.cause, self._member_end = event.cause, event.end
            self.damage = None if event.cause == "file_end" else event

    def advance(self, size: int) -> None:
        size = min(size, len(self.buffer))
        del self.buffer[:size]
        self.position += size

    def skip_padding(self) -> bool:
        """Moves behind blank lines and nulls; whether anything is left of the section."""
        while self.fill(1):
            if self.buffer[0] not in PADDING:
                return True
            rest = self.buffer[:64].lstrip(PADDING)
            self.advance(min(64, len(self.buffer)) - len(rest))
            if rest:
                return True
        return False

    def seek_header(self) -> bool:
        """Moves to the next line that can begin a record, or to the section's end."""
        while True:
            more = self.fill(SKIP)
            if found := self.next_header.search(self.buffer):
                self.advance(found.start(1))
                return True
            self.advance(len(self.buffer) - self.overlap if more else len(self.buffer))
            if not more:
                return False

    def rewind(self, position: int) -> None:
        """Back to an earlier position of this section, by inflating it again."""
        self._events, self._pending = self._walk(self._offsets[0]), None
        self.open_section()
        self.rewound = True
        while self.position < position and self.fill(1):
            self.advance(position - self.position)

    def offset(self, position: int) -> int:
        """Where the member of that position begins in the file; in a plain file the byte itself."""
        if not self._offsets:
            return self.damage.offset if self.damage else 0
        if self.is_plain:
            return self._offsets[0] + position
        return self._offsets[max(0, bisect_right(self._starts, position) - 1)]

    def member_length(self) -> int | None:
        """The bytes in the file of a section that is one whole member."""
        whole = self.cause == "end" and len(self._offsets) == 1
        return self._member_end - self._offsets[0] if whole else None
