"""documents/ as the reading tasks write it: the rows that Spark would have had, each once, whatever tasks fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from pipeline.kernels.hashing import unit_interval
from pipeline.schema import DOCUMENTS
from pipeline.sources import parts
from pipeline.sources.paths import resolve
from pipeline.sources.read import read
from tests.path import manifest
from tests.path import rows as table
from tests.sources.archives import good, http_response, members, page, record

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 10_000_000
# Every first attempt at part 1 fails when its file is complete.
FAILS_ONCE = """
import os
from pathlib import Path
from pipeline.sources import parts
from pyspark import TaskContext

class FailsOnce(parts.PartFile):
    def __exit__(self, *error):
        super().__exit__(*error)
        context = TaskContext.get()
        if context.partitionId() == 1 and context.attemptNumber() == 0:
            Path(os.environ["FAILED"]).write_text(str(self._path))
            raise RuntimeError("failed on purpose")

parts.PartFile = FailsOnce
"""


@pytest.fixture
def crawl(tmp_path):
    """Two archives, the second with a rejection and a damaged record."""
    (tmp_path / "CC-MAIN-2026-47-0.warc.gz").write_bytes(members(*(good(n) for n in range(30))))
    bad = record(http_response(page(41), status="HTTP/1.1 500 No"), 41)
    (tmp_path / "CC-MAIN-2026-47-1.warc.gz").write_bytes(members(good(40), bad, good(42), good(43))[:-60])
    return tmp_path


def written(folder: Path) -> list[dict[str, object]]:
    """The rows of all files, with the folder's origin."""
    return [
        row | {"origin": path.parent.name.removeprefix("origin=")}
        for path in sorted(folder.glob("origin=*/*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def read_both(spark, crawl, **own):
    """Rows with texts; rows of a read into a folder; the rows in the folder."""
    files = resolve(["*.warc.gz"], crawl)
    place = [F.spark_partition_id().alias("part")]
    folder = crawl / "documents"
    found = []
    for options in ({}, {"documents": str(folder), **own}):
        frame = read(spark, "warc", "cc", files, "resiliparse", LIMIT, own=options)
        found.append([row.asDict() for row in frame.select("*", *place).collect()])
    return (*found, written(folder))


def test_the_files_hold_what_spark_would_have_been_given(spark, crawl):
    whole, told, stored = read_both(spark, crawl)
    documents = [row for row in whole if row["outcome"] == "document"]
    assert len(documents) == 32
    columns = [field.name for field in DOCUMENTS.fields]
    assert [{name: row[name] for name in columns} for row in stored] == [
        {name: row[name] for name in columns} for row in documents
    ]
    files = [(row["part"], row["id"], row["offset"]) for row in told if row["outcome"] == "written"]
    paths = sorted((crawl / "documents").glob("*/*.parquet"))
    assert [name for _, name, _ in files] == [str(path.relative_to(crawl / "documents")) for path in paths]
    assert [(part, n) for part, _, n in files] == [(0, 30), (1, 2)]
    assert [row for row in told if row["outcome"] != "written"] == [
        row for row in whole if row["outcome"] != "document"
    ]


def test_fields_of_lines_are_kept(spark, tmp_path):
    lines = [{"id": n, "text": f"gold {n}", "lang": "en", "stars": n} for n in range(3)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = str(tmp_path / "documents")
    found = read(spark, "jsonl", "web", resolve(["a.jsonl"], tmp_path), "blocks", LIMIT, own={"documents": folder})
    assert [row.id for row in found.collect() if row.outcome == "written"] != []
    stored = [(row["id"], row["text"], dict(row["metadata"])) for row in written(tmp_path / "documents")]
    assert stored == [(f"web/{n}", f"gold {n}", {"lang": "en", "stars": str(n)}) for n in range(3)]


def test_a_sample_is_its_definition_and_nothing_of_the_others_is_written(spark, crawl):
    whole, told, stored = read_both(spark, crawl, sample="0.4", seed="7")
    ids = [row["id"] for row in whole if row["outcome"] == "document"]
    drawn = unit_interval(7, "sample of a source", pa.array(ids)) < 0.4
    kept = [key for key, mine in zip(ids, drawn, strict=True) if mine]
    assert 3 < len(kept) < 25
    assert [row["id"] for row in stored] == kept
    left_out = [row for row in told if row["remark"] == "not_sampled"]
    assert [row["id"] for row in left_out] == [key for key in ids if key not in kept]
    assert {(row["outcome"], row["text"]) for row in left_out} == {("rejected", None)}


def test_row_groups_are_bounded_and_lose_nothing(monkeypatch, tmp_path, spark, crawl):
    whole, _, _ = read_both(spark, crawl)
    batch = pa.Table.from_pylist(
        [row for row in whole if row["outcome"] == "document"], parts.ARROW_SCHEMA
    ).combine_chunks()
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 3 * batch.slice(0, 5).nbytes)
    with parts.PartFile(str(tmp_path), "cc", 3, 99) as file:
        for at in range(0, len(batch), 5):
            file.add(batch.slice(at, 5).to_batches()[0])
    stored = pq.ParquetFile(tmp_path / "origin=cc" / "part-00003-99.parquet")
    sizes = [stored.metadata.row_group(k).num_rows for k in range(stored.num_row_groups)]
    assert len(sizes) > 1
    assert max(sizes) <= 20
    assert stored.read()["text"].to_pylist() == batch["text"].to_pylist()
    assert set(stored.read()["part"].to_pylist()) == {3}
    assert file.rows == len(batch)


def test_without_a_document_there_is_no_file(tmp_path):
    with parts.PartFile(str(tmp_path), "cc", 0, 0) as file:
        file.add(pa.RecordBatch.from_pylist([], parts.ARROW_SCHEMA))
    assert (file.rows, list(tmp_path.iterdir())) == (0, [])


def test_what_a_failed_task_wrote_is_not_taken(crawl, tmp_path):
    (crawl / "sitecustomize.py").write_text(FAILS_ONCE)
    config = crawl / "c.yaml"
    config.write_text(
        "output: out\nsources: {cc: {format: warc, paths: ['*.warc.gz'], role: raw}}\nextract: {engine: resiliparse}\n"
        "quality: none\nmixture: {token_budget: 1k}\n"
    )
    command = [sys.executable, "-m", "pipeline", "run", str(config), "--until", "ingest", "--master", "local[2,2]"]
    failed = tmp_path / "failed"
    variables = os.environ | {"PYTHONPATH": f"{crawl}{os.pathsep}{REPOSITORY}", "FAILED": str(failed)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lost = Path(failed.read_text())
    assert lost.name.startswith("part-00001-")
    files = sorted((crawl / "out" / "documents").glob("*/*.parquet"))
    assert [path.name[:11] for path in files] == ["part-00000-", "part-00001-"]
    assert lost.name not in {path.name for path in files}
    documents = table(crawl / "out", "documents")
    assert len(documents) == len({row["id"] for row in documents}) == 32
    assert manifest(crawl / "out")["stages"]["ingest"]["counts"]["documents"] == {"cc": 32}
    assert json.loads((crawl / "out" / "documents" / "_files.json").read_text())
