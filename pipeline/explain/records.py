"""The rows of one record in every published table, found by pushing the id down to the Parquet files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.errors import OutputError
from pipeline.run.output import Json, Output

Row = dict[str, Any]


class Tables(NamedTuple):
    """A run's output: its folder, its config and its manifest."""

    folder: Path
    config: Config
    manifest: Json

    def done(self, stage: str) -> bool:
        """Whether the stage has been published."""
        return bool(self.manifest["stages"].get(stage, {}).get("state") == "done")

    def rows(self, name: str, where: Any, columns: Sequence[str] | None = None) -> list[Row]:
        """The rows of a table; none where it is not there (yet)."""
        folder = self.folder / name
        if not any(folder.glob("**/*.parquet")):
            return []
        partitioning = ds.partitioning(pa.schema([("origin", pa.string())]), flavor="hive") if name == "documents" else None
        stored = ds.dataset(folder, format="parquet", partitioning=partitioning)
        try:
            found: list[Row] = stored.to_table(filter=where, columns=list(columns) if columns else None).to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            raise OutputError(f"{folder} cannot be read: {error}; `taojin verify` names what is damaged") from None
        return found

    def row(self, name: str, key: str, columns: Sequence[str] | None = None) -> Row:
        """The row of an id; empty where there is none."""
        found = self.rows(name, ds.field("id") == key, columns)
        return found[0] if found else {}


def tables(output: Output) -> Tables:
    """Raises OutputError for a folder that holds no run, or a run of another version."""
    manifest = output.read_manifest()
    if "ingest" not in manifest.get("stages", {}):
        raise OutputError(f"{output.folder} holds no run; `taojin run` makes one")
    try:
        config = Config.model_validate_json(json.dumps(manifest["config"]))
    except (KeyError, ValidationError):
        raise OutputError(f"{output.folder}: its config is not this version's; run `taojin run` again") from None
    return Tables(output.folder, config, manifest)


def find(known: Tables, key: str) -> tuple[list[Row], list[Row]]:
    """The documents and the rejected records of an id or a URL, in the order of their ids and places."""
    documents = known.rows("documents", (ds.field("id") == key) | (ds.field("url") == key))
    rejected = known.rows("rejected", (ds.field("record_id") == key) | (ds.field("url") == key))
    return sorted(documents, key=lambda row: row["id"]), sorted(rejected, key=lambda row: (row["file"], row["offset"]))
