"""The command line: help, exit codes and one clear message for every mistake."""

import doctest
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline import cli, ending
from pipeline.cli import split_arguments
from pipeline.ending import describe, root_cause
from pipeline.errors import ConfigError
from pipeline.schema import STAGES

ROOT = Path(__file__).resolve().parents[1]

CONFIG = """\
output: out
sources:
  books: {format: jsonl, paths: [books.jsonl], role: reference}
quality: none
mixture: {token_budget: 1k}
"""


def taojin(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_help_fits_80_columns_and_lists_what_is_built():
    result = taojin("--help")
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    listed = result.stdout.partition("Commands:")[2].splitlines()
    built = ["run", "plan", "explain", "report", "sample", "verify", "schema"]
    assert [line.split()[0] for line in listed if line.strip()] == built


def test_help_names_the_stages_in_their_order():
    text = " ".join(taojin("run", "--help").stdout.split())
    assert ", ".join(STAGES[:-1]) + f" or {STAGES[-1]}" in text


def test_schema_is_json_on_stdout():
    result = taojin("schema")
    assert result.returncode == 0
    assert '"title": "taojin config"' in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "absent.yaml"], "taojin: absent.yaml: there is no such file"),
        (["run", "."], "taojin: .: this is a folder"),
        (["run", "c.yaml", "seed"], "taojin: command line: 'seed' given; allowed: one config, then key.sub=value"),
        (["run", "c.yaml", "sead=1"], "taojin: command line: sead: unknown key; did you mean seed?"),
        (["run", "c.yaml", "--until", "mixx"], "taojin: command line: --until mixx given; allowed: ingest"),
        (["run", "--quick"], "No such option: --quick"),
        (["rum"], "No such command 'rum'"),
        (["report"], "Missing argument 'OUTPUT'"),
    ],
)
def test_a_mistake_exits_with_2_and_one_message(tmp_path: Path, arguments: list[str], message: str):
    (tmp_path / "c.yaml").write_text(CONFIG)
    result = taojin(*arguments, folder=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""


@pytest.mark.parametrize("key", ["benchmarks", "ignore"])
def test_a_benchmark_that_cannot_be_read_is_named_before_anything_is(tmp_path: Path, key: str):
    for name, line in {"books": '{"text": "a"}', "good": '{"text": "a"}', "bad": '{"answer": "A"}'}.items():
        (tmp_path / f"{name}.jsonl").write_text(line)
    files = {"benchmarks": "good.jsonl"} | {key: "bad.jsonl"}
    (tmp_path / "c.yaml").write_text(CONFIG + f"decontaminate: {{{', '.join(f'{k}: {v}' for k, v in files.items())}}}\n")
    result = taojin("run", "c.yaml", folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"taojin: decontaminate.{key}: {tmp_path / 'bad.jsonl'}, line 1: no ")
    assert "answer" in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out" / "documents").exists()


def test_debug_shows_the_traceback(tmp_path: Path):
    result = taojin("run", "absent.yaml", "--debug", folder=tmp_path)
    assert result.returncode == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.splitlines()[-1] == "taojin: absent.yaml: there is no such file"


def test_a_stage_job_needs_a_config():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for job in sorted((ROOT / "jobs").glob("*.py")):
        command = [sys.executable, str(job)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (result.returncode, result.stderr) == (
            2, "taojin: command line: no config given; allowed: CONFIG [key.sub=value ...]\n",
        )  # fmt: skip


def test_there_is_a_job_for_every_stage():
    assert {path.stem for path in (ROOT / "jobs").glob("*.py")} == {"curate", *STAGES}
    for stage in STAGES:
        assert f'job_main(only="{stage}")' in (ROOT / "jobs" / f"{stage}.py").read_text()


def test_the_config_is_the_argument_without_an_equals_sign(tmp_path: Path):
    odd = tmp_path / "a=b.yaml"
    odd.touch()
    assert split_arguments([]) == (None, [])
    assert split_arguments(["c.yaml", "seed=1"]) == (Path("c.yaml"), ["seed=1"])
    assert split_arguments(["seed=1", "output=x"]) == (None, ["seed=1", "output=x"])
    assert split_arguments([str(odd), "seed=1"]) == (odd, ["seed=1"])
    with pytest.raises(ConfigError, match=r"'d\.yaml' given"):
        split_arguments(["c.yaml", "d.yaml"])


def test_the_doctests_hold():
    assert doctest.testmod(cli) == doctest.TestResults(failed=0, attempted=1)
    assert doctest.testmod(ending) == doctest.TestResults(failed=0, attempted=2)


def test_an_unexpected_error_is_one_line():
    assert describe(KeyError("x")) == "unexpected KeyError: 'x'"
    assert describe(ValueError("two\nlines")) == "unexpected ValueError: two lines"


def test_of_a_spark_error_the_cause_is_shown(spark):
    from pyspark.errors import PySparkException

    def fail(batches):
        raise ValueError("bad record 7")

    with pytest.raises(PySparkException) as caught:
        spark.range(1).mapInArrow(fail, "id long").collect()
    assert describe(caught.value) == "Spark stopped: ValueError: bad record 7"
    with pytest.raises(PySparkException) as caught:
        spark.sql("select 1 / 0").collect()
    assert describe(caught.value).startswith("Spark stopped: [DIVIDE_BY_ZERO] Division by zero.")


def test_a_crashed_worker_is_named(spark):
    def crash(batches):
        import os

        os._exit(1)

    from py4j.protocol import Py4JJavaError

    with pytest.raises(Py4JJavaError) as caught:
        spark.range(1).mapInArrow(crash, "id long").collect()
    assert root_cause(str(caught.value)).startswith("Python worker exited unexpectedly (crashed)")


LONG_JOB = """
from pathlib import Path
import typer
from pipeline.ending import finishing, stopping_spark
from pipeline.session import open_session

def main(at_work: Path) -> None:
    def sleep(batches):
        import time
        at_work.touch()
        time.sleep(600)
        yield from batches

    with finishing(debug=False), stopping_spark(lambda: open_session("local[1]", {})) as open_spark:
        open_spark().range(1).mapInArrow(sleep, "id long").collect()

typer.run(main)
"""


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGTERM, "taojin: stopped by SIGTERM; the same command goes on from here\n"),
        (signal.SIGINT, "taojin: interrupted; the same command goes on from here\n"),
    ],
)
def test_a_signal_amid_a_job_stops_spark_with_the_program(number: signal.Signals, message: str, tmp_path: Path):
    at_work = tmp_path / "at-work"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LONG_JOB, str(at_work)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            while not at_work.exists():
                assert program.poll() is None
                time.sleep(0.1)
            children = psutil.Process(program.pid).children(recursive=True)
            assert any(child.name() == "java" for child in children)
            program.send_signal(number)
            _, errors = program.communicate(timeout=60)
        finally:
            program.kill()
    assert (program.returncode, errors) == (128 + number, message)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
