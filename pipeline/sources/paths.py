"""Which files a source names, and how one is opened: local paths, and whatever fsspec reaches."""

import glob
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from pipeline.errors import ConfigError

GLOB_CHARACTERS = frozenset("*?[")


class Input(NamedTuple):
    """A file to read: its path as records name it, its bytes, and when it changed (seconds since 1970, or what a store
    gives as version).
    """

    path: str
    size: int
    modified: str


def resolve(patterns: list[str], base: Path) -> list[Input]:
    """The files that `patterns` name (files, globs, folders, URLs), sorted, each once; relative ones start at `base`.

    Raises ConfigError for a pattern that matches nothing.
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        inputs = _remote(pattern) if is_remote(pattern) else _local(pattern, base)
        if not inputs:
            what = "the folder is empty" if _local_path(pattern, base).is_dir() else "no such file"
            raise ConfigError(f"paths: {pattern!r} matches nothing under {base}: {what}")
        found.update((item.path, item) for item in inputs)
    return [found[path] for path in sorted(found)]


def is_remote(path: str) -> bool:
    return "://" in path and not path.startswith("file://")


def _local_path(pattern: str, base: Path) -> Path:
    return base / Path(pattern.removeprefix("file://")).expanduser()


def _local(pattern: str, base: Path) -> list[Input]:
    path = _local_path(pattern, base)
    if path.is_dir():
        candidates: Iterable[Path] = path.rglob("*")
    elif path.exists() or not GLOB_CHARACTERS & set(pattern):
        candidates = [path]
    else:
        found = glob.glob(str(path), recursive=True)
        candidates = map(Path, found)
    return [
        Input(str(file), status.st_size, str(status.st_mtime_ns))
        for file in candidates
        # what a folder or a glob holds beside data: hidden files, Spark's _SUCCESS
        if file.is_file() and (file == path or not file.name.startswith((".", "_")))
        for status in [file.stat()]
    ]


def _remote(pattern: str) -> list[Input]:
    import fsspec

    system, path = fsspec.core.url_to_fs(pattern)
    entries = (system.glob if GLOB_CHARACTERS & set(pattern) else system.find)(path, detail=True)
    return [
        Input(system.unstrip_protocol(name), int(entry.get("size") or 0), _version(entry))
        for name, entry in entries.items()
        if entry.get("type") != "directory"
    ]


def _version(entry: dict[str, Any]) -> str:
    given = entry.get("ETag") or entry.get("LastModified") or entry.get("mtime") or entry.get("created") or ""
    return given.isoformat() if isinstance(given, datetime) else str(given)


def open_input(path: str) -> IO[bytes]:
    """The file's bytes, seekable. Raises OSError where it cannot be opened."""
    if not is_remote(path):
        return Path(path.removeprefix("file://")).open("rb")
    import fsspec

    return cast("IO[bytes]", fsspec.open(path, "rb").open())


def common_folder(paths: list[str]) -> str:
    """The longest folder that holds all of them, with its closing slash.

    >>> common_folder(["/a/b/c.gz", "/a/bd/e.gz"]), common_folder(["s3://x/y.gz"])
    ('/a/', 's3://x/')
    """
    first, last = min(paths, default=""), max(paths, default="")
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: first.rfind("/", 0, shared) + 1]
