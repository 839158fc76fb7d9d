"""Byte ranges of files as Spark partitions: a large file is shared by tasks, and each of its records is read by one.

A range owns the members (gzip) or frames (zstd) that begin a record in it, and what follows each up to the next such
member: what one task reads behind its range the next one passes over. So any ranges give the same rows. A file that is
plain, or compressed as one member, is read by the task of its first range.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from pyspark.sql.datasource import InputPartition

from pipeline.sources.members import BEGINS_RECORD, Codec, Event, Feed, Piece, members, seek_record
from pipeline.sources.paths import Input, resolve
from pipeline.sources.storage import Storage

SPLIT_SIZE = 32 << 20  # bytes of a range where the config names none
MAX_SPLITS = 10_000  # of a source; beyond, ranges grow: a crawl of 90,000 files is parted by files alone
# A record may hold a WARC file, whose members look like the archive's own. So a range walks through the members that begin
# so many bytes before it: longer than any body that a crawl stores (Common Crawl: 5 MiB at most).
LOOK_BACK = 6 << 20


def input_files(options: dict[str, str]) -> list[Input]:
    """`paths` and `sizes` as given, else the files that Spark's `path` names."""
    given = {name.lower(): value for name, value in options.items()}
    if "paths" not in given:
        return resolve([given["path"]], Path.cwd())
    paths = [str(path) for path in json.loads(given["paths"])]
    sizes = json.loads(given["sizes"]) if "sizes" in given else [0] * len(paths)
    return [Input(path, int(size), "") for path, size in zip(paths, sizes, strict=True)]


def storage_of(options: dict[str, str]) -> Storage:
    """fsspec's options, `storage`, a JSON object."""
    return dict(json.loads(options.get("storage", "{}")))


class FilePartition(InputPartition):
    """The bytes of a file from `start` up to `end`; None: to where it ends."""

    def __init__(self, path: str, start: int = 0, end: int | None = None) -> None:
        super().__init__((path, start, end))
        self.path, self.start, self.end = path, start, end


def split(files: Sequence[Input], size: int = 0) -> list[FilePartition]:
    """Ranges of about `size` bytes (0: SPLIT_SIZE, more where a source is large), equal within a file, in the files' order.

    >>> [(p.path, p.start, p.end) for p in split([Input("a", 90, ""), Input("b", 10, "")], 40)]
    [('a', 0, 30), ('a', 30, 60), ('a', 60, None), ('b', 0, None)]
    """
    size = size or max(SPLIT_SIZE, sum(file.size for file in files) // MAX_SPLITS)
    found = []
    for file in files:
        n = max(1, -(-file.size // size))
        bounds = [file.size * k // n for k in range(n)]
        found += [FilePartition(file.path, a, b) for a, b in zip(bounds, [*bounds[1:], None], strict=True)]
    return found


class Range:
    """The members of a range, walked from any offset in it; `passed`: a record was seen to begin behind its end."""

    def __init__(self, stream: IO[bytes], codec: Codec, end: int | None) -> None:
        self._stream, self._codec, self.end, self.passed = stream, codec, end, False

    def walk(self, offset: int) -> Iterator[Event]:
        """Events up to the first member at or behind the end that begins a record."""
        for event in members(self._stream, self._codec, offset):
            if self.end is not None and event.offset >= self.end and begins_record(event):
                self.passed = True
                return
            yield event

    def first_record(self, start: int) -> int | None:
        """Where the first member that begins a record at or behind `start` stands; None if none does before the end."""
        feed = Feed(self._stream, max(0, start - LOOK_BACK))
        if feed.position:
            seek_record(feed, self._codec, self.end)
            if self.end is not None and feed.position >= self.end:
                return None
        for event in self.walk(feed.position):
            if event.offset >= start and begins_record(event):
                return event.offset
        return None


def begins_record(event: Event) -> bool:
    return isinstance(event, Piece) and event.first and BEGINS_RECORD.match(event.data) is not None
