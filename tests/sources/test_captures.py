"""Captures chosen by an index: these records and no others, with the bytes' place in the files."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import load_config
from pipeline.run import run
from pipeline.sources.captures import CapturePartition, capture_rows, row_groups
from pipeline.sources.paths import resolve
from pipeline.sources.warc import Reading, _row
from tests.path import manifest
from tests.sources.archives import assert_balanced, counts, good, members, outcome


def crawl(folder):
    """Two files of ten records, and where each record lies."""
    places = {}
    (folder / "crawl").mkdir()
    for k in range(2):
        data = b""
        for n in range(10 * k, 10 * k + 10):
            member = members(good(n))
            places[n] = (f"crawl/{k}.warc.gz", len(data), len(member))
            data += member
        (folder / "crawl" / f"{k}.warc.gz").write_bytes(data)
    return places


def index(folder, rows, **options):
    names = ("warc_filename", "warc_record_offset", "warc_record_length")
    columns = {name: [row[k] for row in rows] for k, name in enumerate(names)} | {"url": [""] * len(rows)}
    pq.write_table(pa.table(columns), folder / "index.parquet", **options)
    return str(folder / "index.parquet")


def read(path, folder, group=0):
    reading = Reading("cc", f"{folder}/", "whole_page", 10_000_000)
    return list(capture_rows(CapturePartition(path, group), str(folder), None, 10_000_000,
                             lambda item, file: _row(item, file, reading)))  # fmt: skip


def test_only_the_chosen_captures_are_read(tmp_path):
    places = crawl(tmp_path)
    rows = read(index(tmp_path, [places[n] for n in (13, 2, 5, 2)]), tmp_path)
    assert outcome(rows) == ["2", "5", "13"]
    assert counts(rows) == {"response": 1}  # of the last file; that of the first is told too
    documents = [row for row in rows if row.outcome == "document"]
    assert [(row.offset, row.length) for row in documents] == [places[n][1:] for n in (2, 5, 13)]
    assert [row.file for row in documents] == [f"{tmp_path}/{places[n][0]}" for n in (2, 5, 13)]


def test_rows_that_lead_nowhere_are_counted(tmp_path):
    places = crawl(tmp_path)
    name, offset, _ = places[3]
    wrong = [("../etc/passwd", 0, 9), ("crawl/gone.warc.gz", 0, 9), (name, 10**9, 10), (name, offset + 1, 60)]
    wrong.append((name, offset, 40))  # cut short
    rows = read(index(tmp_path, [*wrong, places[4], (None, 0, 1)]), tmp_path)
    assert Counter(outcome(rows)) == {"4": 1, "bad_capture": 3, "read_error": 1, "garbage": 1, "corrupt_member": 1}
    assert_balanced([row for row in rows if row.remark not in ("bad_capture", "read_error")])
    pq.write_table(pa.table({"url": ["x"]}), tmp_path / "other.parquet")
    assert outcome(read(str(tmp_path / "other.parquet"), tmp_path)) == ["unreadable_input"]


def test_a_row_group_is_a_partition(tmp_path):
    places = crawl(tmp_path)
    path = index(tmp_path, list(places.values()), row_group_size=7)
    parts = row_groups(resolve(["index.parquet"], tmp_path), None)
    assert [(part.path, part.group) for part in parts] == [(path, 0), (path, 1), (path, 2)]
    assert sorted(int(one) for k in range(3) for one in outcome(read(path, tmp_path, k))) == list(range(20))


def test_a_source_of_chosen_captures(spark, tmp_path):
    places = crawl(tmp_path)
    index(tmp_path, [places[n] for n in (1, 11, 12)], row_group_size=2)
    (tmp_path / "config.yaml").write_text("""
output: out
sources: {crawl: {format: warc, paths: [index.parquet], base: ., role: raw}}
quality: none
mixture: {token_budget: 1000}
""")
    run(load_config(tmp_path / "config.yaml"), lambda: spark, until="ingest")
    counted = manifest(tmp_path / "out")["stages"]["ingest"]["counts"]
    assert (counted["documents"], counted["records"]) == ({"crawl": 3}, {"crawl": {"response": 3}})
