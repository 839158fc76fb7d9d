"""A standalone cluster of one master and two workers, from pip's pyspark: every job, and the whole run."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyspark
import pytest

from pipeline.schema import STAGES
from pipeline.session import find_java
from tests.path import REPOSITORY, report
from tests.test_whole_path import same

SPARK = Path(pyspark.__file__).parent


def environment() -> dict[str, str]:
    java = find_java().resolve().parents[1]
    return os.environ | {"PYSPARK_PYTHON": sys.executable, "JAVA_HOME": str(java), "SPARK_HOME": str(SPARK)}


@pytest.fixture(scope="module")
def master(tmp_path_factory) -> Iterator[str]:
    logs = tmp_path_factory.mktemp("cluster")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    deploy = [str(SPARK / "bin" / "spark-class"), "org.apache.spark.deploy"]
    commands = [[deploy[0], f"{deploy[1]}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]]
    for number in (1, 2):
        worker = [f"{deploy[1]}.worker.Worker", "--host", "127.0.0.1", "-c", "1", "-m", "1g", "--webui-port", "0"]
        commands.append([deploy[0], *worker, "-d", str(logs / f"worker-{number}"), url])
    processes = []
    for number, command in enumerate(commands):
        with (logs / f"{number}.log").open("w") as log:
            processes.append(subprocess.Popen(command, env=environment(), stdout=log, stderr=log))
        time.sleep(2 if number == 0 else 0)
    deadline = time.monotonic() + 60
    while (logs / "0.log").read_text().count("Registering worker") < 2:
        assert time.monotonic() < deadline, (logs / "0.log").read_text()
        time.sleep(0.2)
    yield url
    for process in processes:
        for child in [*psutil.Process(process.pid).children(recursive=True), process]:
            child.kill()
        process.wait()


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """The package as README ships it: `git archive`'s content, or a copy of the folder, zipped."""
    staging = tmp_path_factory.mktemp("package")
    shutil.copytree(REPOSITORY / "pipeline", staging / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.make_archive(str(staging / "taojin"), "zip", staging, "pipeline"))


def submit(master: str, package: Path | None, job: str, *arguments: object) -> None:
    """The package is shipped with the job or, if None, found on every node, as where it is installed."""
    shipped = ["--py-files", str(package)] if package else ["--conf", f"spark.executorEnv.PYTHONPATH={REPOSITORY}"]
    command = [
        str(SPARK / "bin" / "spark-submit"), "--master", master, *shipped,
        "--executor-memory", "1g", "--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.sql.shuffle.partitions=4",
        # short jobs: the optimising compiler costs more than it gives
        "--driver-java-options", "-XX:TieredStopAtLevel=1",
        "--conf", "spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1",
        str(REPOSITORY / "jobs" / f"{job}.py"), *map(str, arguments),
    ]  # fmt: skip
    paths = {} if package else {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, env=environment() | paths, cwd="/", capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]


def test_the_whole_run_on_a_cluster_from_a_shipped_package(master, package, sample_config, sample_output, tmp_path):
    submit(master, package, "curate", sample_config, f"output={tmp_path}")
    same(sample_output, tmp_path)


def test_the_jobs_on_a_cluster_that_has_the_package(master, sample_config, sample_output, tmp_path):
    for stage in STAGES:
        submit(master, None, stage, sample_config, f"output={tmp_path}")
    same(sample_output, tmp_path)
    assert report(tmp_path)["mixture"]["rows"] == report(sample_output)["mixture"]["rows"]
