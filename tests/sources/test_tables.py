import bz2
import gzip
import hashlib
import json
import tracemalloc
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.sources.files import MIN_LINE_BYTES, files_of
from pipeline.sources.rows import Row
from pipeline.sources.tables import json_rows, table_reader

LINE = json.dumps({"id": 7, "text": "gold in the sand", "url": "http://a.example/1", "n": 3, "ok": True, "x": None})


def rows_of(path: Path, kind: str = "jsonl", origin: str = "wiki") -> list[Row]:
    reader = table_reader({"paths": json.dumps([str(path)]), "origin": origin}, kind)
    return list(reader.rows(str(path)))


def jsonl(folder: Path, *lines: str | bytes, name: str = "part.jsonl") -> list[Row]:
    path = folder / name
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
    return rows_of(path)


def test_every_column_of_a_document(tmp_path):
    line = json.dumps(
        {"id": "Gold/1", "text": "gold", "url": "http://a.example/", "dump": "2026-05", "date": "2026-05-01", "score": 0.5,
         "lang": "en", "tags": ["a"], "metadata": {"title": "Gold", "inner": {}}, "rare": False}
    )  # fmt: skip
    (document, count) = jsonl(tmp_path, line)
    assert document == Row(
        "document", id="wiki/Gold/1", url="http://a.example/", dump="2026-05", date="2026-05-01", text="gold",
        file=str(tmp_path / "part.jsonl"), offset=0, length=len(line) + 1,
        metadata={"title": "Gold", "score": "0.5", "lang": "en", "rare": "false"},
    )  # fmt: skip
    assert (count.outcome, count.id, count.offset) == ("counted", "row", 1)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", bytes), ("a.jsonl.gz", gzip.compress), ("a.jsonl.bz2", bz2.compress),
        ("a.jsonl.zst", zstandard.compress), ("no-extension", gzip.compress),
        ("two.gz", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
        ("two.zst", lambda data: zstandard.compress(data[:20]) + zstandard.compress(data[20:])),
    ],
)  # fmt: skip
def test_compressions(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(f"{LINE}\n\n{LINE}".encode()))
    rows = rows_of(path)
    assert [row.text for row in rows[:2]] == ["gold in the sand"] * 2
    assert [row.offset for row in rows] == [0, len(LINE) + 2, 2]


@pytest.mark.parametrize("field", ["text", "contents", "raw_content", "content"])
def test_names_of_the_text(tmp_path, field):
    (document, _) = jsonl(tmp_path, json.dumps({field: "gold"}))
    assert document.text == "gold"
    assert document.metadata == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "bad_json"), ("[1]", "bad_json"), ("7", "bad_json"), (b"\xff\xfe{}", "bad_json"), ("[" * 100_000, "bad_json"),
        ("{}", "no_text"), ('{"text": null}', "no_text"), ('{"text": 5}', "no_text"), ('{"text": " \\n"}', "no_text"),
        ('{"texts": "gold"}', "no_text"),
    ],
)  # fmt: skip
def test_lines_that_give_no_document(tmp_path, line, reason):
    rows = jsonl(tmp_path, LINE, line, LINE)
    assert [row.remark or row.outcome for row in rows] == ["document", reason, "document", "counted"]
    assert rows[-1].offset == 3


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"text": "a", "text": "gold"}', "gold"),
        ('{"text": "gold", "n": NaN, "m": Infinity}', "gold"),
        ('{"text": "\\ud83d\\ude00 \\ud800 \\u0000"}', "\U0001f600 \ufffd \ufffd"),
        (b'\xef\xbb\xbf{"text": "gold"}', "gold"),
        ('{"text": "gold"}\r', "gold"),
    ],
)
def test_oddities_are_tolerated(tmp_path, line, text):
    (document, _) = jsonl(tmp_path, line)
    assert document.text == text
    document.text.encode()


def test_a_document_without_id_is_named_by_file_and_text(tmp_path):
    paths = [tmp_path / "x" / "a.jsonl", tmp_path / "y" / "b.jsonl"]
    for path in paths:
        path.parent.mkdir()
        path.write_text('{"text": "gold"}\n')
    reader = table_reader({"paths": json.dumps([str(path) for path in paths]), "origin": "wiki"}, "jsonl")
    digest = hashlib.sha256(b"gold").hexdigest()[:16]
    assert [next(iter(reader.rows(str(path)))).id for path in paths] == [
        f"wiki/x/a.jsonl#{digest}",
        f"wiki/y/b.jsonl#{digest}",
    ]


def test_a_line_over_the_limit_is_passed_over_in_bounded_steps(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text(f'{LINE}\n{{"text": "{"a" * 60_000_000}"}}\n{LINE}\n')
    tracemalloc.start()
    with path.open("rb") as stream:
        found = [fields if isinstance(fields, str) else "row" for _, _, fields in json_rows(stream, 1_000_000)]
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert found == ["row", "too_large", "row"]
    files = files_of({"paths": "[]", "max_record_bytes": "10"}, "wiki")
    assert files.max_bytes == MIN_LINE_BYTES == 100_000_000


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (b"", ["unreadable_input"]),
        (b"\n\n", ["unreadable_input"]),
        (b"\x1f\x8b\x08 no gzip", ["unreadable_input"]),
        (b"BZh9 no bzip2", ["unreadable_input"]),
        (b"\x28\xb5\x2f\xfd no zstd", ["unreadable_input"]),
    ],
)
def test_unreadable_files_are_one_row(tmp_path, data, reasons):
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    assert [row.remark for row in rows_of(path)] == reasons
    assert [row.remark for row in rows_of(tmp_path / "gone")] == ["unreadable_input"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
def test_a_truncated_file_keeps_its_beginning(tmp_path, pack):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": hashlib.sha256(str(n).encode()).hexdigest()}) for n in range(50_000)]
    path.write_bytes(pack("\n".join(lines).encode())[:-100_000])
    rows = rows_of(path)
    n = sum(row.outcome == "document" for row in rows)
    assert n > 100
    assert rows[0].text == json.loads(lines[0])["text"]
    assert [row.remark for row in rows if row.remark] in (["read_error"], ["bad_json", "read_error"], ["bad_json"])
    assert rows[-1].offset == n + sum(row.remark == "bad_json" for row in rows)


def test_parquet_rows(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "id": ["a", None, "c"],
            "contents": ["gold", "sand", None],
            "date": [datetime(2026, 5, 1, 12, 0), None, None],
            "seen": [date(2026, 5, 2), None, None],
            "score": pa.array([0.25, 1.0, None], pa.float32()),
            "metadata": pa.array([[("k", "v")], None, None], pa.map_(pa.string(), pa.string())),
            "vector": [[1.0], None, None],
        }
    )
    pq.write_table(table, path, row_group_size=2)
    (first, second, third, count) = rows_of(path, "parquet")
    assert (first.id, first.text, first.date, first.offset) == ("wiki/a", "gold", "2026-05-01T12:00:00", 0)
    assert first.metadata == {"k": "v", "seen": "2026-05-02", "score": "0.25"}
    assert second.id == f"wiki/a.parquet#{hashlib.sha256(b'sand').hexdigest()[:16]}"
    assert (third.remark, third.offset, third.id) == ("no_text", 2, "wiki/c")
    assert (count.id, count.offset) == ("row", 3)


def test_parquet_that_is_none(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 no parquet PAR1")
    assert [row.remark for row in rows_of(path, "parquet")] == ["unreadable_input"]
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert [(row.outcome, row.id, row.offset) for row in rows_of(path, "parquet")] == [("counted", "row", 0)]


def test_a_damaged_parquet_file_keeps_the_row_groups_before(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": [f"gold {n}" * 50 for n in range(2_000)]}), path, row_group_size=500, compression="zstd"
    )
    data = bytearray(path.read_bytes())
    at = pq.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    data[at : at + 200] = bytes(200)
    path.write_bytes(bytes(data))
    rows = rows_of(path, "parquet")
    assert sum(row.outcome == "document" for row in rows) == 1_000
    assert [row.remark for row in rows if row.remark] == ["read_error"]
