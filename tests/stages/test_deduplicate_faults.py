"""The loop of components on a cluster that loses an executor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = """
import os, signal, sys
from pathlib import Path
import psutil
from pipeline.components import connected_components
from pipeline.session import open_session

def main(folder, victim):
    spark = open_session("local-cluster[2,1,1024]", {"spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"]}, "faults")
    def executors():
        children = psutil.Process().children(recursive=True)
        return [one for one in children if "CoarseGrainedExecutorBackend" in " ".join(one.cmdline())]
    def checkpoint(name, frame):
        if name == victim:
            executors()[0].send_signal(signal.SIGKILL)
        frame.write.parquet(str(folder / name))
        return spark.read.parquet(str(folder / name))
    chain = spark.range(0, 3000, 1, 6).selectExpr("id * 7919 % 3001 AS left", "(id + 1) * 7919 % 3001 AS right")
    found = connected_components(chain, checkpoint, driver_edges=0).collect()
    print(len(found), len({row["node"] for row in found}), sorted({row["component"] for row in found}))

main(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.soak
def test_an_executor_killed_in_the_loop_changes_nothing(tmp_path):
    said = []
    for victim in ("nobody", "stars-2"):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / victim), victim]
        variables = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        said.append(done.stdout.split("\n")[-2])
        assert (tmp_path / victim / "stars-2").exists()
    assert said == ["3001 3001 [0]"] * 2
