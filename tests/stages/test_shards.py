import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import datasets
import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import IntegerType, LongType, StructField, StructType
from zstandard import ZstdDecompressor

from pipeline import shards
from pipeline.dataset_card import SourceShare, dataset_card
from pipeline.errors import OutputError
from pipeline.schema import CORPUS
from pipeline.shards import compression_ratio, write_shards
from pipeline.stages.mix import assign_shards

ROWS = StructType([*CORPUS.fields, StructField("shard", IntegerType()), StructField("order_key", LongType())])
ROOT = Path(__file__).resolve().parents[2]


def make_rows(n: int, n_shards: int, words: int = 60) -> list[dict[str, object]]:
    chance = np.random.default_rng(1)
    vocabulary = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("", "n", "r", "st", "金")]
    keys = chance.integers(-(2**63), 2**63 - 1, n)
    return [
        {
            "text": " ".join(chance.choice(vocabulary, int(chance.integers(1, words)))),
            "id": f"d{i // 2}",
            "url": None if i % 3 else f"http://example/{i}",
            "source": "web" if i % 5 else "wiki",
            "dump": None,
            "date": "2020-05-28",
            "language": "en",
            "language_score": 0.9,
            "quality_score": None,
            "token_count": i,
            "copy": i % 2,
            "metadata": json.dumps({"title": f"t{i}"}) if i % 4 else None,
            "shard": int((int(keys[i]) + 2**63) * n_shards >> 64),
            "order_key": int(keys[i]),
        }
        for i in range(n)
    ]


def frame_of(spark: SparkSession, rows: list[dict[str, object]], n_partitions: int = 3) -> DataFrame:
    return spark.createDataFrame([tuple(row.values()) for row in rows], ROWS).repartition(n_partitions)


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*"))}


def test_shards_hold_the_rows_in_order_and_the_manifest_says_so(spark: SparkSession, tmp_path: Path) -> None:
    rows = make_rows(500, 4)
    infos = write_shards(frame_of(spark, rows), tmp_path / "corpus", 4)
    assert [info.name for info in infos] == [f"shard-0000{k}-of-00004.parquet" for k in range(4)]
    assert {path.name for path in (tmp_path / "corpus").iterdir()} == {info.name for info in infos} | {"manifest.json"}
    table = pa.concat_tables(pq.read_table(tmp_path / "corpus" / info.name) for info in infos)
    ordered = sorted(rows, key=lambda row: row["order_key"])
    assert table.to_pylist() == [{name: row[name] for name in CORPUS.names} for row in ordered]
    manifest = json.loads((tmp_path / "corpus" / "manifest.json").read_text())
    assert (manifest["rows"], manifest["tokens"]) == (500, sum(range(500)))
    for info, entry in zip(infos, manifest["shards"], strict=True):
        data = (tmp_path / "corpus" / info.name).read_bytes()
        assert entry == {
            "name": info.name,
            "rows": info.rows,
            "tokens": info.tokens,
            "bytes": info.bytes,
            "sha256": info.sha256,
        }
        assert (len(data), hashlib.sha256(data).hexdigest()) == (info.bytes, info.sha256)
        assert info.rows == sum(row["shard"] == int(info.name[6:11]) for row in rows)


def test_readers_open_the_shards_with_the_contracts_types(spark: SparkSession, tmp_path: Path) -> None:
    write_shards(frame_of(spark, make_rows(40, 2)), tmp_path, 2)
    paths = str(tmp_path / "*.parquet")
    for path in tmp_path.glob("*.parquet"):
        file = pq.ParquetFile(path)
        assert file.schema_arrow.equals(to_arrow_schema(CORPUS))
        column = file.metadata.row_group(0).column(1)
        assert (column.compression, column.has_offset_index, column.has_column_index) == ("ZSTD", True, True)
    types = duckdb.sql(f"describe select * from '{paths}'").fetchall()
    assert [row[1] for row in types] == [
        *["VARCHAR"] * 7, "DOUBLE", "DOUBLE", "BIGINT", "INTEGER", "VARCHAR",
    ]  # fmt: skip
    frame = pd.concat(map(pd.read_parquet, sorted(tmp_path.glob("*.parquet"))))
    assert frame["token_count"].dtype == "int64"
    assert sorted(frame["token_count"]) == list(range(40))
    loaded = spark.read.parquet(paths)
    assert [(field.name, field.dataType) for field in loaded.schema] == [(f.name, f.dataType) for f in CORPUS]
    assert loaded.select("id", "copy").distinct().count() == 40


def test_the_cards_lines_load_the_shards(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infos = write_shards(frame_of(spark, make_rows(40, 2)), tmp_path, 2)
    card = dataset_card("mine", ["en"], "gpt2", [SourceShare("web", 40, 40, sum(range(40)), 1.0, 1.0)], infos)
    lines = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec(lines, names)
    corpus = names["corpus"]
    assert corpus.column_names == CORPUS.names
    assert corpus.features["copy"].dtype == "int32"
    assert sorted(corpus["token_count"]) == list(range(40))


def test_lines_of_json_hold_the_same_rows(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row for row in make_rows(60, 3) if row["shard"] != 1]
    write_shards(frame_of(spark, rows), tmp_path / "parquet", 3)
    infos = write_shards(frame_of(spark, rows), tmp_path / "lines", 3, "jsonl.zst")
    for info in infos:
        data = (tmp_path / "lines" / info.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (info.bytes, info.sha256)
        lines = ZstdDecompressor().stream_reader(data).read().decode().splitlines()
        table = pq.read_table(tmp_path / "parquet" / info.name.replace("jsonl.zst", "parquet"))
        assert [json.loads(line) for line in lines] == table.to_pylist()
    assert [info.rows for info in infos].count(0) == 1
    card = dataset_card("mine", ["en"], "gpt2", [SourceShare("web", 60, 60, 9, 1.0, 1.0)], infos, infos[:1])
    assert "  - split: validation\n        path: \"validation/shard-*.jsonl.zst\"" in card
    monkeypatch.chdir(tmp_path / "lines")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec(card.split("```python\n")[1].split("```")[0], names)
    assert sorted(names["corpus"]["token_count"]) == sorted(row["token_count"] for row in rows)


def test_partitions_and_batches_change_no_byte(spark: SparkSession, tmp_path: Path) -> None:
    rows = make_rows(300, 3)
    write_shards(frame_of(spark, rows, 1), tmp_path / "one", 3)
    before = spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    try:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
        write_shards(frame_of(spark, rows[::-1], 7), tmp_path / "seven", 3)
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", before)
    assert content(tmp_path / "one") == content(tmp_path / "seven")


def test_empty_shards_are_empty_files(spark: SparkSession, tmp_path: Path) -> None:
    rows = [row for row in make_rows(60, 3) if row["shard"] != 1]
    infos = write_shards(frame_of(spark, rows), tmp_path / "some", 3)
    assert infos[1].rows == 0
    assert pq.read_table(tmp_path / "some" / infos[1].name).schema.equals(to_arrow_schema(CORPUS))
    assert [info.rows for info in write_shards(frame_of(spark, rows).limit(0), tmp_path / "none", 1)] == [0]


def test_row_groups_are_cut_by_the_rows_not_by_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_ROW_GROUP_BYTES", 4000)
    rows = [{name: row[name] for name in CORPUS.names} for row in make_rows(200, 1)]
    rows[50]["text"] = "x" * 9000
    table = pa.Table.from_pylist(rows, to_arrow_schema(CORPUS))
    cuts = []
    for size in (1, 13, 200):
        groups = list(shards._row_groups(iter(table.to_batches(max_chunksize=size))))
        assert pa.concat_tables(groups).equals(table)
        cuts.append([group.num_rows for group in groups])
        assert all(pc.sum(pc.binary_length(group["text"])).as_py() <= 4000 or group.num_rows == 1 for group in groups)
    assert cuts[0] == cuts[1] == cuts[2]
    assert len(cuts[0]) > 5


def test_a_row_larger_than_a_row_group_is_one_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    long = F.when((F.col("id") == "d1") & (F.col("copy") == 0), F.repeat(F.lit("淘"), 21_500_000)).otherwise(F.col("text"))
    (info,) = write_shards(frame_of(spark, make_rows(6, 1), 1).withColumn("text", long), tmp_path, 1)
    metadata = pq.ParquetFile(tmp_path / info.name).metadata
    groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
    assert sum(group.num_rows for group in groups) == 6
    assert sum(group.total_byte_size > 64_000_000 for group in groups) == 1
    assert all(group.total_byte_size <= 64_000_000 or group.num_rows == 1 for group in groups)


def test_files_come_out_in_the_asked_size(spark: SparkSession, tmp_path: Path) -> None:
    rows = make_rows(4000, 1, words=400)
    table = pa.Table.from_pylist(
        [{name: row[name] for name in CORPUS.names} for row in rows[:1500]], to_arrow_schema(CORPUS)
    )
    estimate = F.octet_length("text") * compression_ratio(table)
    assigned, n_shards = assign_shards(frame_of(spark, rows).drop("shard"), estimate, 200_000)
    infos = write_shards(assigned, tmp_path, n_shards)
    assert len(infos) > 3
    assert all(abs(info.bytes / 200_000 - 1) < 0.15 for info in infos[:-1])


def test_a_folder_that_holds_shards_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    rows = frame_of(spark, make_rows(10, 1))
    write_shards(rows, tmp_path, 1)
    before = content(tmp_path)
    with pytest.raises(OutputError, match="holds shards already"):
        write_shards(rows, tmp_path, 1)
    assert content(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_one_message(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        write_shards(frame_of(spark, make_rows(10, 1)), tmp_path / "file" / "corpus", 1)


# A session of its own, since `local[2]` retries no task. Rows of shard 1 fail while they are written: in the first
# attempt by an exception, in the second by the worker's death, in the third (if `last` is bad) by an exception again.
RETRIES = """
    import os, sys
    from pathlib import Path
    from pipeline import shards
    from pipeline.session import open_session
    sys.path.insert(0, "tests/stages")
    from test_shards import content, frame_of, make_rows

    folder, last = Path(sys.argv[1]), sys.argv[2]
    spark = open_session("local[2,3]", {"spark.sql.shuffle.partitions": "2"})
    rows = frame_of(spark, make_rows(200, 3), 2)
    shards.write_shards(rows, folder / "clean", 3)
    whole = shards._row_groups

    def fails(batches):
        from pyspark import TaskContext
        context = TaskContext.get()
        for group in whole(batches):
            yield group
            if context.partitionId() == 1:
                (folder / f"attempt-{context.attemptNumber()}").touch()
                if context.attemptNumber() == 0:
                    raise RuntimeError("first attempt")
                if context.attemptNumber() == 1:
                    os._exit(1)
                if last == "bad":
                    raise RuntimeError("third attempt")

    write = shards._write_task
    def task(batches, *, attempts, file_format):
        shards._row_groups = fails
        return write(batches, attempts=attempts, file_format=file_format)
    shards._write_task = task
    try:
        shards.write_shards(rows, folder / "retried", 3)
    except Exception as error:
        print("FAILED", type(error).__name__, "third attempt" in str(error))
    print("ATTEMPTS", len(list(folder.glob("attempt-*"))))
    print("LEFT", sorted(path.name for path in (folder / "retried").rglob("*")))
    print("SAME", content(folder / "clean") == content(folder / "retried"))
"""


@pytest.mark.parametrize("last", ["good", "bad"])
def test_failed_attempts_leave_nothing(tmp_path: Path, last: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(RETRIES), str(tmp_path), last],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    said = [line for line in run.stdout.splitlines() if line.startswith(("ATTEMPTS", "FAILED", "LEFT", "SAME"))]
    names = sorted(["manifest.json", *(f"shard-0000{k}-of-00003.parquet" for k in range(3))])
    if last == "good":
        assert said == ["ATTEMPTS 3", f"LEFT {names}", "SAME True"], run.stderr[-3000:]
    else:
        assert said == ["FAILED PythonException True", "ATTEMPTS 3", "LEFT []", "SAME False"], run.stderr[-3000:]
