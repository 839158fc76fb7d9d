"""What the tests of the whole path share: the program as a user starts it, and a corpus as rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TAOJIN_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
SECONDS = 600


def taojin(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`taojin ARGUMENTS`, to its end."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    variables = os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment
    return subprocess.run(
        command, cwd=cwd or REPOSITORY, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def curated(*arguments: object) -> str:
    """A run that must end well; what it printed."""
    done = taojin("run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def table(output: Path, name: str) -> pa.Table:
    """A published table; folders such as origin=… are columns."""
    return ds.dataset(output / name, format="parquet", partitioning="hive").to_table()


def rows(output: Path, name: str) -> list[dict[str, object]]:
    """A published table's rows, sorted: their order in the files means nothing."""
    return sorted(table(output, name).to_pylist(), key=lambda row: json.dumps(row, sort_keys=True, default=str))


def corpus(output: Path) -> list[dict[str, object]]:
    """The corpus' rows in the order in which they are to be read."""
    return [row for shard in sorted((output / "corpus").glob("*.parquet")) for row in pq.read_table(shard).to_pylist()]


def manifest(output: Path) -> dict[str, object]:
    return json.loads((output / "manifest.json").read_text(encoding="utf-8"))


def report(output: Path) -> dict[str, object]:
    return json.loads((output / "report" / "report.json").read_text(encoding="utf-8"))
