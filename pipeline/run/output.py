"""The output folder: who holds it, what is in it, and how a stage's tables get there whole or not at all.

OUTPUT/<table>/…           published; at rest exactly one run's files
OUTPUT/manifest.json       what is published, and by which fingerprint
OUTPUT/_runs/<stage>/…     what a stage is writing; moved into place when it is complete
OUTPUT/_runs/lock          held (flock) while a run works here; a dead run's lock is free
"""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, OutputError

Json = dict[str, Any]

# The tables that each stage publishes. verdicts/ and edits/ are carried on: each of their stages adds what it decides.
TABLES: Mapping[str, Sequence[str]] = {
    "ingest": ("documents", "claims", "rejected"),
    "train_quality": ("quality",),
    "annotate": ("annotations", "edits"),
    "verdict": ("verdicts",),
    "deduplicate": ("signatures", "duplicates", "edits", "verdicts"),
    "decontaminate": ("benchmarks", "contamination", "ignored_ngrams", "edits", "verdicts"),
    "mix": ("corpus", "verdicts"),
    "report": ("report",),
}


class Output:
    """One output folder, local or on a file system that all machines mount."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(_local(folder))
        self.runs = self.folder / "_runs"
        self._manifest = self.folder / "manifest.json"

    def create(self) -> None:
        """Makes the folder, or says why it cannot be written."""
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            probe = self.runs / f"probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise ConfigError(f"output: {self.folder} cannot be written: {error.strerror}; choose another folder") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the folder for this process; a second run is refused at once, with the name of the holder."""
        with (self.runs / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise OutputError(f"{self.folder} is in use by {holder}; wait for it, or choose another output") from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            lock.flush()
            yield

    def read_manifest(self) -> Json:
        """The manifest, or {} where nothing is published yet."""
        try:
            manifest = json.loads(self._manifest.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise OutputError(f"{self._manifest} cannot be read: {error}; `--fresh` starts over") from None
        if not isinstance(manifest, dict):
            raise OutputError(f"{self._manifest} holds no manifest; `--fresh` starts over")
        return manifest

    def write_manifest(self, manifest: Json) -> None:
        """Replaces the manifest in one step."""
        write_json(self._manifest, manifest)

    def staging(self, stage: str) -> Path:
        """Where a stage writes; emptied when the stage begins."""
        return self.runs / stage

    def begin(self, stage: str) -> Path:
        """An empty staging folder."""
        folder = self.staging(stage)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def publish(self, stage: str, entry: Json, run: Json) -> None:
        """Moves a stage's complete tables into place and removes what later stages made of their forerunners.

        The manifest says `publishing` before the first move and `done` after the last, so that a run which dies between
        goes on here (`recover`). `run` is what the manifest says of the run itself.
        """
        manifest = self.read_manifest() | run
        stages = manifest.setdefault("stages", {})
        for later in _after(stage):
            stages.pop(later, None)
        stages[stage] = entry | {"state": "publishing"}
        self.write_manifest(manifest)
        self._move(stage)

    def recover(self) -> None:
        """Finishes a publication that a dead run had begun; drops what else it left."""
        for stage, entry in self.read_manifest().get("stages", {}).items():
            if entry["state"] == "publishing":
                self._move(stage)
        for leftover in self.runs.iterdir():
            if leftover.is_dir():
                shutil.rmtree(leftover)

    def _move(self, stage: str) -> None:
        old = self.runs / f"superseded-by-{stage}"
        old.mkdir(exist_ok=True)
        stale = {name for later in _after(stage) for name in TABLES[later]} - set(TABLES[stage])
        kept_from_before = {name for earlier in _before(stage) for name in TABLES[earlier]}
        for name in stale - kept_from_before:
            _set_aside(self.folder / name, old)
        for name in TABLES[stage]:
            new = self.staging(stage) / name
            if new.exists():
                _set_aside(self.folder / name, old)
                new.rename(self.folder / name)
        manifest = self.read_manifest()
        manifest["stages"][stage]["state"] = "done"
        self.write_manifest(manifest)
        shutil.rmtree(old)
        shutil.rmtree(self.staging(stage), ignore_errors=True)

    def clear(self) -> None:
        """Removes everything that taojin publishes here (`--fresh`); files of others stay."""
        for name in {name for names in TABLES.values() for name in names}:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self._manifest.unlink(missing_ok=True)


def write_json(path: Path, content: Json) -> None:
    """Writes a file that is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _set_aside(folder: Path, old: Path) -> None:
    if folder.exists():
        shutil.rmtree(old / folder.name, ignore_errors=True)
        folder.rename(old / folder.name)


def _after(stage: str) -> list[str]:
    names = list(TABLES)
    return names[names.index(stage) + 1 :]


def _before(stage: str) -> list[str]:
    names = list(TABLES)
    return names[: names.index(stage)]


def _local(folder: str) -> str:
    path = folder.removeprefix("file://")
    if "://" in path:
        scheme = path.split("://", maxsplit=1)[0]
        raise ConfigError(f"output: {scheme}:// cannot be written yet; allowed: a folder that every machine mounts")
    return path
