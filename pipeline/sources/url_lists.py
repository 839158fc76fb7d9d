"""Lists of hosts, URLs and words, such as UT1's folders of blacklists: a page that one of them names is not extracted.

A line is a host (`gold.example`: it and all hosts below), a URL (`gold.example/pan`: this page, any spelling) or a word
(`casino`: a word of the URL). Lists become one array of sorted 64-bit hashes, which the workers of a machine map and share.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.kernels.urls import url_key
from pipeline.sources.paths import open_input

# UT1 holds regular expressions and notes beside its lists.
PASSED_OVER = frozenset({"expressions", "usage", "README", "LICENSE", "cc-by-sa-4-0.pdf", "global_usage"})
HOST = re.compile(r"(?:[a-z0-9_\-]+\.)+[a-z0-9_\-]+\.?", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")
ROUGH = re.compile(r"[^\s/?#]+")


def read_lists(paths: Iterable[str]) -> NDArray[np.uint64]:
    """The sorted hashes of all entries. Raises ConfigError for a list that cannot be read."""
    found: list[NDArray[np.uint64]] = []
    for path in paths:
        if path.rpartition("/")[2] in PASSED_OVER:
            continue
        try:
            with open_input(path) as stream:
                data = stream.read()
            text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8", "replace")
        except (OSError, EOFError) as error:
            raise ConfigError(f"extract.url_lists: {path} cannot be read: {error}") from None
        entries = (entry for line in text.split("\n") if (entry := _entry(line)))
        found.append(np.fromiter(map(_hash, entries), np.uint64))
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)


def _entry(line: str) -> str:
    """The entry in the form in which `is_listed` asks for it; empty for a comment or nothing."""
    line = line.partition("#")[0].strip() if not line.startswith(("http:", "https:")) else line.strip()
    if not line:
        return ""
    if HOST.fullmatch(line):
        return "h " + line.lower().rstrip(".").removeprefix("www.")
    if "/" in line:
        key = url_key(line if "://" in line else f"http://{line}")
        host, slash, _ = key.partition("/")
        return f"u {key}" if slash or "?" in key else f"h {host}"
    return f"w {line.lower()}" if WORD.fullmatch(line) else ""


def _hash(entry: str) -> int:
    return int.from_bytes(hashlib.blake2b(entry.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _questions(url: str) -> Iterator[str]:
    key = url_key(url)
    host = (ROUGH.match(key) or [""])[0].partition(":")[0]
    labels = host.split(".")
    for k in range(max(1, len(labels) - 1)):
        yield "h " + ".".join(labels[k:])
    yield f"u {key}"
    for word in set(WORD.findall(url.lower())):
        yield f"w {word}"


def is_listed(url: str, hashes: NDArray[np.uint64]) -> bool:
    """Whether a list names the URL, its host or one above it, or a word in it.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write("gold.example\\npan.example/a\\ncasino")
    ...     file.flush()
    ...     hashes = read_lists([file.name])
    >>> [is_listed(url, hashes) for url in ("http://m.gold.example/x", "https://pan.example/a/", "http://x.example/casino-2")]
    [True, True, True]
    >>> [is_listed(url, hashes) for url in ("http://notgold.example/", "https://pan.example/b", "http://x.example/casinos")]
    [False, False, False]
    """
    asked = np.array([_hash(entry) for entry in _questions(url)], np.uint64)
    at = np.searchsorted(hashes, asked)
    return bool(len(hashes) and (hashes[np.minimum(at, len(hashes) - 1)] == asked).any())


def store(hashes: NDArray[np.uint64], folder: Path) -> str:
    """Writes the array where every worker can map it; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "url_lists.npy", hashes)
    return str(folder / "url_lists.npy")


@lru_cache(maxsize=4)
def mapped(path: str) -> NDArray[np.uint64]:
    """The array, shared by the processes of a machine."""
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
