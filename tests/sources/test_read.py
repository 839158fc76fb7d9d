"""The sources through Spark, and over a shard of a real crawl."""

import gzip
import json

import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from pyspark.sql import functions as F

from pipeline.schema import INGESTED
from pipeline.sources.paths import resolve
from pipeline.sources.read import read
from pipeline.sources.reasons import RECORD_REASONS
from pipeline.sources.records import TEXT_TYPES
from pipeline.sources.warc import WarcSource
from tests.sources.archives import good, http_response, members, page, record

LIMIT = 10_000_000


@pytest.fixture
def crawl(tmp_path):
    """Three files of which the second is damaged and the third is none."""
    (tmp_path / "CC-MAIN-2026-47-0.warc.gz").write_bytes(members(*(good(n) for n in range(30))))
    bad = record(http_response(page(41), status="HTTP/1.1 500 No"), 41)
    (tmp_path / "CC-MAIN-2026-47-1.warc.gz").write_bytes(members(good(40), bad, good(42))[:-60])
    (tmp_path / "CC-MAIN-2026-47-2.warc.gz").write_bytes(b"<h1>404</h1>")
    return tmp_path


def test_warc_rows_in_the_order_of_files_and_records(spark, crawl):
    files = resolve(["*.warc.gz"], crawl)
    frame = read(spark, "warc", "cc", files[::-1], "resiliparse", LIMIT)
    assert frame.schema.simpleString() == INGESTED.simpleString()
    assert frame.rdd.getNumPartitions() == 3
    rows = frame.withColumn("partition", F.spark_partition_id()).collect()
    by_partition = [[row for row in rows if row.partition == n] for n in range(3)]
    assert [row.remark for row in by_partition[0]] == ["unreadable_input"]
    assert [row.remark for row in by_partition[1] if row.outcome != "counted"] == [
        None,
        "http_status",
        "truncated_record",
    ]
    documents = [row for row in by_partition[2] if row.outcome == "document"]
    assert [int(row.id[-12:]) for row in documents] == list(range(30))
    assert {(row.origin, row.language, row.host, row.dump) for row in documents} == {
        ("cc", "en", "gold.example", "CC-MAIN-2026-47")
    }
    assert [row.offset for row in documents] == sorted(row.offset for row in documents)


def test_rows_survive_a_write_to_parquet(spark, crawl, tmp_path):
    files = resolve(["*.warc.gz"], crawl)
    frame = read(spark, "warc", "cc", files, "whole_page", LIMIT)
    frame.write.option("compression", "zstd").parquet(str(tmp_path / "out"))
    table = pq.read_table(tmp_path / "out")
    assert sorted(filter(None, table["text"].to_pylist())) == sorted(
        row.text for row in frame.where("outcome = 'document'").collect()
    )


def test_the_source_under_its_own_name_with_sparks_path(spark, crawl):
    spark.dataSource.register(WarcSource)
    one = spark.read.format("warc").load(str(crawl / "CC-MAIN-2026-47-0.warc.gz"))
    assert one.where("outcome = 'document'").count() == 30
    assert spark.read.format("warc").load(str(crawl)).where("outcome = 'document'").count() == 31


def test_lines_and_parquet(spark, tmp_path):
    lines = "".join(json.dumps({"id": n, "text": f"gold {n}", "lang": "en"}) + "\n" for n in range(10)) + "{\n"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    found = read(spark, "jsonl", "wiki", resolve(["a.jsonl.gz"], tmp_path), "resiliparse", LIMIT).collect()
    assert [row.id for row in found if row.outcome == "document"] == [f"wiki/{n}" for n in range(10)]
    assert [row.remark for row in found if row.outcome == "rejected"] == ["bad_json"]
    assert found[0].metadata == {"lang": "en"}
    table = spark.createDataFrame([(n, f"gold {n}") for n in range(10)], "id int, content string").coalesce(1)
    table.write.parquet(str(tmp_path / "table"))
    found = read(spark, "parquet", "p", resolve(["table"], tmp_path), "resiliparse", LIMIT).collect()
    assert [(row.id, row.text) for row in found if row.outcome == "document"] == [
        (f"p/{n}", f"gold {n}") for n in range(10)
    ]


def test_the_wet_twin_of_the_samples_crawl(spark, sample_config):
    """Every page with text has its twin there, under an id of its own."""
    found = {}
    for kind, files in (("warc", "crawl/*-00000.warc.gz"), ("wet", "crawl/*.warc.wet.gz")):
        rows = read(spark, kind, "cc", resolve([files], sample_config.parent), "whole_page", LIMIT)
        found[kind] = {row.url: row for row in rows.where("outcome = 'document'").collect()}
    assert len(found["wet"]) > 50
    assert found["wet"].keys() == found["warc"].keys()
    assert not {row.id for row in found["wet"].values()} & {row.id for row in found["warc"].values()}


def test_each_html_response_of_a_real_shard_is_a_document_or_a_rejection(spark, data):
    path = data / "crawl" / "CC-MAIN-20261122-contam.warc.gz"
    rows = read(spark, "warc", "cc", resolve([str(path)], data), "resiliparse", LIMIT).collect()
    told = {row.id: row for row in rows if row.outcome != "counted"}
    pages = set()
    with path.open("rb") as stream:
        for item in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            if item.http_headers.status_code == 200 and "html" in (item.http_content_type or ""):
                pages.add(item.headers["WARC-Record-ID"].strip("<>"))
    assert len(pages) > 100
    assert pages <= told.keys()
    assert {told[one].remark for one in pages} <= {None, "truncated", "no_text"}
    seen = {row.id: row.offset for row in rows if row.outcome == "counted"}
    n_rejected = sum(row.outcome == "rejected" and row.remark in RECORD_REASONS for row in rows)
    n_documents = sum(row.outcome == "document" for row in rows)
    assert sum(n for kind, n in seen.items() if kind in TEXT_TYPES) == n_documents + n_rejected
