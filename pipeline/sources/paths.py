"""Which files a source names, and how one is opened: local paths, and whatever fsspec reaches."""

import glob
import gzip
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from pipeline.errors import ConfigError
from pipeline.sources.storage import Storage, open_remote, patiently

GLOB_CHARACTERS = frozenset("*?[")


class Input(NamedTuple):
    """A file to read: its path as records name it, its bytes, and when it changed (seconds since 1970, or what a store
    gives as version).
    """

    path: str
    size: int
    modified: str


def resolve(patterns: list[str], base: Path, storage: Storage | None = None) -> list[Input]:
    """The files that `patterns` name (files, globs, folders, URLs), sorted, each once; relative ones start at `base`.

    `storage`: fsspec's options for URLs. Raises ConfigError for a pattern that matches nothing or cannot be looked up.
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        inputs = _remote(pattern, storage) if is_remote(pattern) else _local(pattern, base)
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


def _remote(pattern: str, storage: Storage | None) -> list[Input]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(pattern, **dict(storage or {}))
        is_glob = bool(GLOB_CHARACTERS & set(pattern))
        entries = patiently(partial(system.glob, path, detail=True) if is_glob else partial(_found, system, path))
    except FileNotFoundError:
        return []
    except (OSError, ImportError, ValueError, TypeError) as error:
        raise ConfigError(f"paths: {pattern!r} cannot be looked up: {error}") from None
    return [
        Input(system.unstrip_protocol(name), int(entry.get("size") or 0), _version(entry))
        for name, entry in entries.items()
        if entry.get("type") != "directory"
    ]


def _found(system: Any, path: str) -> dict[str, dict[str, Any]]:
    """A file, or all that a folder holds."""
    entry = system.info(path)
    return {entry["name"]: entry} if entry.get("type") == "file" else cast("Any", system.find(path, detail=True))


def listed(lists: list[Input], base: str, storage: Storage | None = None) -> list[Input]:
    """The files that lists such as Common Crawl's warc.paths.gz name, a line each, below the folder or URL `base`, in the
    lists' order. Of a remote file the size stays unknown, so that one task reads it.

    Raises ConfigError for a list that cannot be read and for a line that leads out of `base`.
    """
    found: dict[str, Input] = {}
    for one in lists:
        try:
            with open_input(one.path, storage) as stream:
                data = stream.read()
            lines = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8").split("\n")
        except (OSError, EOFError, ValueError) as error:
            raise ConfigError(f"{one.path} cannot be read as a list of paths: {error}") from None
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line:
                continue
            if leads_out(line):
                raise ConfigError(f"{one.path}:{number}: {line!r} leads out of `base`; allowed: paths below {base}")
            path = f"{base.rstrip('/')}/{line}"
            found.setdefault(path, Input(path, 0, "") if is_remote(path) else _stated(path))
    return list(found.values())


def leads_out(path: str) -> bool:
    """Whether a path that a list gives is another place than below the list's base."""
    return "://" in path or path.startswith("/") or ".." in path.split("/")


def _stated(path: str) -> Input:
    try:
        status = Path(path.removeprefix("file://")).stat()
    except OSError:
        return Input(path, 0, "")  # reading it will tell
    return Input(path, status.st_size, str(status.st_mtime_ns))


def _version(entry: dict[str, Any]) -> str:
    given = entry.get("ETag") or entry.get("LastModified") or entry.get("mtime") or entry.get("created") or ""
    return given.isoformat() if isinstance(given, datetime) else str(given)


def open_input(path: str, storage: Storage | None = None) -> IO[bytes]:
    """The file's bytes, seekable. Raises OSError where it cannot be opened."""
    return open_remote(path, storage) if is_remote(path) else Path(path.removeprefix("file://")).open("rb")


def common_folder(paths: list[str]) -> str:
    """The longest folder that holds all of them, with its closing slash.

    >>> common_folder(["/a/b/c.gz", "/a/bd/e.gz"]), common_folder(["s3://x/y.gz"])
    ('/a/', 's3://x/')
    """
    first, last = min(paths, default=""), max(paths, default="")
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: first.rfind("/", 0, shared) + 1]
