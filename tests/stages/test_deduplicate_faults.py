"""Deduplication on a cluster that loses an executor in the middle of a job."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, os, signal, sys
from functools import partial
from pathlib import Path
import psutil
from pyspark import TaskContext
from pipeline.components import connected_components
from pipeline.session import open_session
from pipeline.stages import deduplicate as stage
from tests.stages.test_deduplicate import SETTINGS, corpus, documents, sliding

def kill_once(batches, marker):
    "The fourth task's executor, when the task has read all of its rows for the first time."
    yield from batches
    if TaskContext.get().partitionId() == 3 and not os.path.exists(marker):
        parents = psutil.Process().parents()  # the last are the driver, whose arguments hold this text
        executor = next(one for one in parents if "CoarseGrainedExecutorBackend" in " ".join(one.cmdline()))
        Path(marker).write_text(str(executor.pid))
        executor.send_signal(signal.SIGKILL)
        signal.pause()

def main(folder, master, victim):
    variables = {"spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"], "spark.sql.adaptive.enabled": "false"}
    spark = open_session(master, variables | {"spark.sql.shuffle.partitions": "12"}, "faults")
    stage.connected_components = partial(connected_components, driver_edges=0)
    marker = folder / "killed"

    def checkpoint(name, frame):
        written = frame.mapInArrow(partial(kill_once, marker=str(marker)), frame.schema) if name == victim else frame
        written.write.parquet(str(folder / name))
        return spark.read.schema(frame.schema).parquet(str(folder / name))

    texts = corpus() | dict(list(sliding(120, 1).items())[:1500])
    frame, passes = documents(spark, folder / "documents", texts, 7, {})
    rows = sorted(map(list, stage.deduplicate(frame, passes, SETTINGS, checkpoint).collect()))
    print(json.dumps({"killed": marker.exists(), "rows": rows}))

main(Path(sys.argv[1]), *sys.argv[2:])
"""


def run(folder: Path, master: str, victim: str) -> dict[str, object]:
    command = [sys.executable, "-c", SCRIPT, str(folder), master, victim]
    variables = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().split("\n")[-1])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("undisturbed"), "local[2]", "nobody")["rows"]


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["grouped", "stars", "candidates-0", "stars-2", "members"])
def test_an_executor_killed_in_a_job_changes_no_row(tmp_path, undisturbed, victim):
    assert len(undisturbed) > 1500
    found = run(tmp_path, "local-cluster[2,1,1024]", victim)
    assert found["killed"]
    assert found["rows"] == undisturbed
