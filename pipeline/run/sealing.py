"""What is published is listed beside itself, so that `taojin verify` can name what was lost or damaged since.

A table's `_files.json` has of each Parquet file the bytes, the rows, and the SHA-256 of its tail, the indexes and the
footer after the last page. The pages have checksums of their own (Spark writes a CRC-32 a page), so that a run lists
what it wrote without reading it again; only a page's header has none: a change there that no reader would notice is not
found. Of other files it has the SHA-256. Readers of tables pass over names that begin with `_`. The corpus has its
manifest.json, with the SHA-256 of every shard.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import OutputError
from pipeline.run.output import TABLES, Json, Output, write_json

_FILES = "_files.json"
_UNLISTED = ("corpus", "report")  # corpus/ has its manifest; report/ is rendered again at will
_CHUNK = 1 << 22


def seal(staging: Path, tables: Iterable[str]) -> int:
    """Lists the files of these tables, where they have been written; the bytes of all their files."""
    size = 0
    for folder in (staging / name for name in tables):
        files = list(_files(folder))
        size += sum(path.stat().st_size for path in files)
        if folder.is_dir() and folder.name not in _UNLISTED:
            write_json(folder / _FILES, {str(path.relative_to(folder)): _entry(path) for path in files})
    return size


def verify(output: Output) -> tuple[list[str], int, int]:
    """What is damaged, a line each; how many files were read, and their bytes.

    Raises OutputError for a folder that no run has written.
    """
    stages = output.read_manifest().get("stages", {})
    if not stages:
        raise OutputError(f"{output.folder} holds no manifest.json of a run; give the folder that `taojin run` wrote")
    found: list[str] = []
    checks: list[tuple[Path, Json]] = []
    for name in dict.fromkeys(name for stage in stages for name in TABLES[stage]):
        folder = output.folder / name
        if not folder.is_dir():
            found.append(f"{name}: the folder is missing")
        elif name == "corpus":
            checks += _listed_shards(output.folder, folder, found)
            if (folder / "validation").is_dir():
                checks += _listed_shards(output.folder, folder / "validation", found)
        elif name not in _UNLISTED:
            checks += _listed(output.folder, folder, found)
    with ThreadPoolExecutor() as threads:  # hashing and decompression leave Python's lock
        said = list(threads.map(lambda check: _damage(*check), checks))
    for (path, _), damage in zip(checks, said, strict=True):
        if damage:
            found.append(f"{path.relative_to(output.folder)}: {damage}")
    return found, len(checks), sum(entry["bytes"] for _, entry in checks)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below the folder, but lists and hidden ones."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(("_", ".")):
            yield path


def _entry(path: Path) -> Json:
    size = path.stat().st_size
    if path.suffix == ".parquet":
        footer = pq.read_metadata(path)
        start = _tail_start(footer)
        return {"bytes": size, "rows": footer.num_rows, "tail_start": start, "tail_sha256": _sha256(path, start)}
    return {"bytes": size, "sha256": _sha256(path)}


def _tail_start(footer: pq.FileMetaData) -> int:
    """Where the last page of a Parquet file ends."""
    groups = [footer.row_group(k) for k in range(footer.num_row_groups)]
    columns = [group.column(k) for group in groups for k in range(group.num_columns)]
    starts = [(one.dictionary_page_offset or one.data_page_offset, one.total_compressed_size) for one in columns]
    return max((start + size for start, size in starts), default=0)


def _sha256(path: Path, start: int = 0) -> str:
    """Of the file's bytes from `start` on."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _read_list(root: Path, path: Path, found: list[str]) -> Json:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found.append(f"{path.relative_to(root)}: is missing, so the files beside it cannot be checked")
    except (OSError, ValueError) as error:
        found.append(f"{path.relative_to(root)}: cannot be read: {error}")
    else:
        if isinstance(listed, dict):
            return listed
        found.append(f"{path.relative_to(root)}: holds no list of files")
    return {}


def _listed(root: Path, folder: Path, found: list[str]) -> list[tuple[Path, Json]]:
    """The files of a table that are to be read, each with its entry; files that nobody listed are damage."""
    listed = _read_list(root, folder / _FILES, found)
    if listed:
        for path in _files(folder):
            if str(path.relative_to(folder)) not in listed:
                found.append(f"{path.relative_to(root)}: no run has written this file")
    return [(folder / name, entry) for name, entry in listed.items()]


def _listed_shards(root: Path, folder: Path, found: list[str]) -> list[tuple[Path, Json]]:
    shards = _read_list(root, folder / "manifest.json", found).get("shards", [])
    if shards:
        names = {one["name"] for one in shards}
        for path in sorted(folder.glob("shard-*")):
            if path.name not in names:
                found.append(f"{path.relative_to(root)}: no run has written this file")
    return [(folder / one["name"], one) for one in shards]


def _damage(path: Path, entry: Json) -> str:
    """What is wrong with a file; empty if nothing."""
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            return f"has {size:,} bytes instead of {entry['bytes']:,}"
        if "sha256" in entry and _sha256(path) != entry["sha256"]:
            return "its SHA-256 is not the one it was written with; a byte has changed"
        if "tail_sha256" in entry and _sha256(path, entry["tail_start"]) != entry["tail_sha256"]:
            return "its footer is not the one it was written with; a byte has changed"
        if path.suffix == ".parquet":
            return _damaged_pages(path, entry["rows"])
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error}"
    return ""


def _damaged_pages(path: Path, rows: int) -> str:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            read = sum(batch.num_rows for batch in file.iter_batches())
    except (pa.ArrowException, OSError) as error:
        return f"a byte has changed: {str(error).splitlines()[0]}"
    return "" if read == rows else f"has {read:,} rows instead of {rows:,}"
