"""The whole path over the built-in sample, as a user runs it: what it leaves, and that it leaves the same everywhere."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipeline import sample
from tests.path import REPOSITORY, corpus, curated, manifest, report, rows, table, taojin

TABLES = (
    "documents", "claims", "rejected", "annotations", "signatures", "duplicates", "benchmarks", "contamination",
    "ignored_ngrams", "edits", "verdicts",
)  # fmt: skip


@pytest.fixture
def config(sample_config: Path) -> Path:
    return sample_config


@pytest.fixture
def output(sample_output: Path) -> Path:
    """The run that the others are compared with."""
    return sample_output


def same(one: Path, other: Path) -> None:
    """The same corpus in the same order, and the same decisions."""
    assert corpus(one) == corpus(other)
    for name in ("verdicts", "duplicates", "contamination", "edits"):
        assert rows(one, name) == rows(other, name), name


def test_every_table_is_there_and_nothing_else(output):
    assert {path.name for path in output.iterdir()} == {*TABLES, "quality", "corpus", "report", "manifest.json", "_runs"}
    assert {path.name for path in (output / "_runs").iterdir()} == {"lock"}
    assert {path.name for path in (output / "report").iterdir()} == {
        "index.html", "report.md", "report.json", "mixture.tex",
    }  # fmt: skip


def test_accounts_balance_from_records_to_corpus(output):
    counts = report(output)
    for row in counts["funnel"]:
        assert row["documents_in"] == row["kept"] + sum(row["dropped"].values()), row
    for before, after in zip(counts["funnel"], counts["funnel"][1:], strict=False):
        if before["source"] == after["source"]:
            assert before["kept"] == after["documents_in"]
    verdicts = rows(output, "verdicts")
    assert len(verdicts) == table(output, "documents").num_rows == len({row["id"] for row in verdicts})
    copies = Counter(row["id"] for row in corpus(output))
    assert copies == {row["id"]: row["copies"] for row in verdicts if row["copies"]}
    assert all(row["kept"] for row in verdicts if row["copies"])
    assert all((row["drop_reason"] is None) == row["kept"] for row in verdicts)


def test_each_page_of_the_sample_went_where_it_should(output):
    truth = sample.truth()
    documents = {row["url"]: row for row in table(output, "documents").to_pylist() if row["url"]}
    pages = [url for kind in ("article", "near_duplicate", "exact_duplicate", "reference_copy") for url in truth[kind]]
    assert set(pages) <= set(documents)
    (gb18030,) = truth["gb18030"]
    assert "\ufffd" not in documents[gb18030]["text"]
    assert documents[gb18030]["language"] == "zh"
    kept = {row["id"]: row for row in rows(output, "verdicts")}
    dropped = Counter(kept[documents[url]["id"]]["stage"] for url in truth["other_language"])
    assert dropped == {"language": 6}
    spam = [kept[documents[url]["id"]]["kept"] for url in truth["spam"] if url in documents]
    articles = [kept[documents[url]["id"]]["stage"] not in ("filters", "quality") for url in truth["article"]]
    assert sum(spam) / len(spam) < 0.5 * sum(articles) / len(articles)


def test_exact_copies_of_references_are_never_the_representative(output):
    sources = {row["id"]: row["source"] for row in rows(output, "verdicts")}
    for row in rows(output, "duplicates"):
        if sources[row["id"]] != "common_crawl":
            assert sources[row["representative_id"]] != "common_crawl"


def test_no_benchmark_ngram_is_left(output):
    items = {row["item_id"] for row in rows(output, "contamination")}
    assert items
    text = " ".join(row["text"] for row in corpus(output))
    from pipeline.sample.write import benchmark_items

    questions = {item["id"]: item["question"] for item in benchmark_items()}
    for item in items:
        assert questions[item] not in text


def test_realised_tokens_are_within_half_the_largest_document(output):
    verdicts = [row for row in rows(output, "verdicts") if row["kept"]]
    for row in report(output)["mixture"]["rows"]:
        largest = max((v["token_count"] for v in verdicts if v["source"] == row["source"]), default=0)
        assert abs(row["realised_tokens"] - row["quota_tokens"]) <= largest / 2
        written = [d for d in corpus(output) if d["source"] == row["source"]]
        assert sum(d["token_count"] for d in written) == row["realised_tokens"]
        assert len(written) == row["written_documents"]


def test_shards_open_everywhere(output, tmp_path):
    shards = f"{output}/corpus/*.parquet"
    n = len(corpus(output))
    assert duckdb.sql(f"SELECT count(*), count(DISTINCT (id, copy)) FROM '{shards}'").fetchall() == [(n, n)]
    kinds = dict(duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{shards}')").fetchall())
    assert kinds == {
        "text": "VARCHAR", "id": "VARCHAR", "url": "VARCHAR", "source": "VARCHAR", "dump": "VARCHAR", "date": "VARCHAR",
        "language": "VARCHAR", "language_score": "DOUBLE", "quality_score": "DOUBLE", "token_count": "BIGINT",
        "copy": "INTEGER", "metadata": "VARCHAR",
    }  # fmt: skip
    from datasets import load_dataset

    loaded = load_dataset("parquet", data_files=shards, split="train", cache_dir=str(tmp_path))
    assert loaded.num_rows == n
    assert [row["id"] for row in loaded] == [row["id"] for row in corpus(output)]


def test_a_second_run_does_nothing(config, output):
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}
    printed = curated(config, f"output={output}", "--master", "local[2]")
    assert printed.count("done before") == 8
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")} == before


MIXTURE = """{token_budget: 40k, strategy: unimax, max_epochs: {books: 1.2, common_crawl: 6}, shard_size: 20KB,
    format: jsonl.zst, validation: {token_budget: 4k},
    by_quality: {common_crawl: [{min_score: 0, epochs: 1}, {min_score: 0.5, epochs: 3}]}}"""


@pytest.fixture(scope="module")
def changed(sample_config, sample_output, tmp_path_factory) -> tuple[Path, str]:
    """The same with a changed limit and another mixture: the folder, and what was printed."""
    copy = tmp_path_factory.mktemp("changed") / "copy"
    shutil.copytree(sample_output, copy)
    return copy, curated(sample_config, f"output={copy}", "filters.limits.word_count.min=60", f"mixture={MIXTURE}")


def test_a_changed_limit_redoes_only_what_depends_on_it(output, changed):
    copy, printed = changed
    assert [line.split()[0] for line in printed.splitlines() if "done before" in line] == [
        "ingest", "train_quality", "annotate",
    ]  # fmt: skip
    assert manifest(copy)["stages"]["annotate"] == manifest(output)["stages"]["annotate"]
    assert len(rows(copy, "annotations")) == len(rows(output, "annotations"))


def test_the_other_mixture_holds_out_and_repeats_what_is_good(changed):
    copy, _ = changed

    def lines(folder: Path) -> list[dict[str, object]]:
        return [row for one in sorted(folder.glob("shard-*")) for row in pd.read_json(one, lines=True).to_dict("records")]

    verdicts = {row["id"]: row for row in rows(copy, "verdicts")}
    train, held = lines(copy / "corpus"), lines(copy / "corpus" / "validation")
    assert Counter(row["id"] for row in train) == {k: row["copies"] for k, row in verdicts.items() if row["copies"]}
    assert held and not {row["text"] for row in held} & {row["text"] for row in train}
    assert all(verdicts[row["id"]]["kept"] and not verdicts[row["id"]]["copies"] for row in held)
    counts = report(copy)["mixture"]
    for row in counts["validation"]["rows"]:
        assert row["tokens"] == sum(one["token_count"] for one in held if one["source"] == row["source"])
    documents = Counter(row["source"] for row in verdicts.values() if row["kept"])
    for row in counts["rows"]:
        assert row["documents"] + sum(one["source"] == row["source"] for one in held) == documents[row["source"]]
    books, crawl = ({row["source"]: row for row in counts["rows"]}[name] for name in ("books", "common_crawl"))
    assert books["epochs"] <= 1.2 + 0.5  # and half of its largest document
    low, high, unscored = crawl["buckets"]
    assert (low["min_score"], high["min_score"], unscored["documents"]) == (0, 0.5, 0)
    assert sum(one["quota_tokens"] for one in crawl["buckets"]) == crawl["quota_tokens"]
    assert high["realised_tokens"] / high["tokens"] > 2 * low["realised_tokens"] / low["tokens"]


def test_verify_names_what_is_damaged(output, tmp_path):
    whole = taojin("verify", output)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "all as they were written" in whole.stdout
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    (shard,) = (copy / "corpus").glob("*.parquet")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    lost = next((copy / "verdicts").glob("*.parquet"))
    lost.unlink()
    done = taojin("verify", copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"taojin: verdicts/{lost.name}: is missing",
        f"taojin: corpus/{shard.name}: its SHA-256 is not the one it was written with; a byte has changed",
        f"taojin: {copy}: 2 files are damaged or missing",
    ]


def test_the_report_shows_documents_of_every_source_and_what_each_stage_moved(output):
    counts = report(output)
    kept = {row["source"] for row in counts["mixture"]["rows"] if row["documents"]}
    assert {sample["source"] for sample in counts["samples"]["kept"]} == kept
    decided = {(row["drop_reason"], row["source"]) for row in rows(output, "verdicts") if row["drop_reason"]}
    shown = {(key, one["source"]) for key, samples in counts["samples"].items() for one in samples if key != "kept"}
    assert shown == decided
    stages = {row["stage"]: row for row in counts["stages"]}
    on_disk = sum(path.stat().st_size for path in (output / "corpus").iterdir())
    assert on_disk < stages["mix"]["bytes_written"] < on_disk + 50_000  # and verdicts/
    assert all(row["bytes_shuffled"] > 0 for name, row in stages.items() if name not in ("ingest", "annotate"))


def test_the_same_on_one_core_with_other_partitions(config, output, tmp_path):
    other = tmp_path / "one"
    curated(config, f"output={other}", "--master", "local[1]", "spark.conf={spark.sql.shuffle.partitions: '3'}")
    same(output, other)


def test_killed_half_way_it_goes_on(config, output, tmp_path):
    """kill -9 when annotations are there: what is published stays, the rest is done, nothing is doubled."""
    other = tmp_path / "killed"
    command = [sys.executable, "-m", "pipeline", "run", str(config), f"output={other}", "--master", "local[2]"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 300
    while not (other / "_runs" / "deduplicate").exists():
        assert run.poll() is None, run.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused = taojin("run", config, f"output={other}")
    assert refused.returncode == 1
    assert f"in use by process {run.pid} on" in refused.stderr
    run.send_signal(signal.SIGKILL)
    run.wait()
    printed = curated(config, f"output={other}", "--master", "local[2]")
    assert printed.count("done before") >= 3
    same(output, other)


def test_stopped_by_a_signal_it_says_so(config, tmp_path):
    other = tmp_path / "stopped"
    command = [sys.executable, "-m", "pipeline", "run", str(config), f"output={other}"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not (other / "_runs" / "ingest").exists():
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 143
    assert said == "taojin: stopped by SIGTERM; the same command goes on from here\n"


def test_report_renders_again(output):
    page = output / "report" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert taojin("report", output).returncode == 0
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["dedupe.bands=3"], "dedupe"),
        (["sources.books.paths=nowhere/*.jsonl"], "nowhere/*.jsonl"),
        (["mixture.weights={books: 0, webtext: 0, wikipedia: 0, common_crawl: 0}"], "add up to 0"),
        (["dedup.prefer=[encyclopedia]"], "encyclopedia"),
        (["output=/proc/taojin"], "/proc/taojin cannot be written"),
        (["output=s3://bucket/x"], "s3://"),
        (["filters.recipes.default=golpher"], "gopher"),
        (["filters.limits.word_cuont.min=3"], "word_count"),
    ],
)
def test_a_wrong_config_ends_with_one_clear_message(config, overrides, says):
    done = taojin("run", config, *overrides)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("taojin: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
