"""Publication: whole or not at all, also when a run dies between two moves."""

import multiprocessing
import os

import pytest

from pipeline.errors import ConfigError, OutputError
from pipeline.run.output import Output


def stage_table(output: Output, stage: str, table: str, text: str) -> None:
    folder = output.staging(stage) / table
    folder.mkdir(parents=True)
    (folder / "x").write_text(text)


def test_a_stage_replaces_its_tables_and_takes_later_ones_along(tmp_path):
    output = Output(str(tmp_path))
    output.create()
    for stage, tables in (("ingest", ("documents", "rejected")), ("annotate", ("annotations",))):
        for table in tables:
            stage_table(output, stage, table, "old")
        output.publish(stage, {"fingerprint": "1"}, {})
    assert (tmp_path / "annotations" / "x").read_text() == "old"
    for table in ("documents", "rejected"):
        stage_table(output, "ingest", table, "new")
    output.publish("ingest", {"fingerprint": "2"}, {"config": {}})
    assert (tmp_path / "documents" / "x").read_text() == "new"
    assert not (tmp_path / "annotations").exists()
    assert output.read_manifest()["stages"] == {"ingest": {"fingerprint": "2", "state": "done"}}


def test_a_death_between_two_moves_is_mended(tmp_path):
    output = Output(str(tmp_path))
    output.create()
    for table in ("documents", "rejected"):
        stage_table(output, "ingest", table, "new")
    output.write_manifest({"stages": {"ingest": {"fingerprint": "1", "state": "publishing"}}})
    (output.staging("ingest") / "documents").rename(tmp_path / "documents")  # the first move, then death
    output.recover()
    assert (tmp_path / "rejected" / "x").read_text() == "new"
    assert output.read_manifest()["stages"]["ingest"]["state"] == "done"
    assert [path.name for path in output.runs.iterdir()] == []


def test_what_a_dead_run_left_is_removed(tmp_path):
    output = Output(str(tmp_path))
    output.create()
    stage_table(output, "annotate", "annotations", "half")
    output.recover()
    assert not (tmp_path / "annotations").exists()
    assert list(output.runs.iterdir()) == []


def hold(folder: str, ready, done) -> None:
    with Output(folder).held():
        ready.set()
        done.wait(30)


def test_two_runs_do_not_share_an_output(tmp_path):
    output = Output(str(tmp_path))
    output.create()
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(tmp_path), ready, done))
    other.start()
    ready.wait(30)
    with pytest.raises(OutputError, match=f"in use by process {other.pid} on"), output.held():
        pass
    os.kill(other.pid, 9)
    other.join()
    with output.held():  # a dead run's lock is free
        assert f"process {os.getpid()}" in (output.runs / "lock").read_text()


def test_fresh_leaves_files_of_others(tmp_path):
    output = Output(str(tmp_path))
    output.create()
    (tmp_path / "documents").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    output.clear()
    assert not (tmp_path / "documents").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_object_store_is_refused_for_now():
    with pytest.raises(ConfigError, match="s3://"):
        Output("s3://bucket/corpus")
