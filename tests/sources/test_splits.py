"""Ranges of a file, whatever their size: together the rows of the whole file, each record once."""

import gzip
import random
from collections import Counter
from itertools import pairwise

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.schema import COUNTED
from pipeline.sources import splits
from pipeline.sources.paths import Input, resolve
from pipeline.sources.read import read
from pipeline.sources.rows import Row
from pipeline.sources.splits import split
from pipeline.sources.warc import Reading, file_rows
from tests.sources.archives import good, http_response, members, page, record
from tests.sources.test_mutation import PACKED, mutated

READING = Reading("cc", "/", "whole_page", 10_000_000)


def rows_of(path, bounds: list[int]) -> tuple[list[Row], Counter]:
    """The rows of the ranges between `bounds` in their order, and the records that they count."""
    ends = [*bounds, None]
    found = [row for a, b in pairwise(ends) for row in file_rows(str(path), READING, a or 0, b)]
    counts = Counter()
    for row in found:
        if row.outcome == COUNTED:
            counts[row.id] += row.offset
    return [row for row in found if row.outcome != COUNTED], counts


@pytest.mark.parametrize("pack", PACKED)
@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draws=st.data())
def test_any_ranges_of_any_file_give_the_rows_of_the_whole(tmp_path, pack, draws):
    data = draws.draw(st.one_of(st.just(PACKED[pack]), mutated(PACKED[pack])))
    (tmp_path / "f").write_bytes(data)
    cuts = draws.draw(st.lists(st.integers(1, max(1, len(data))), max_size=6))
    whole, parts = rows_of(tmp_path / "f", [0]), rows_of(tmp_path / "f", [0, *sorted(cuts)])
    if whole[1]:
        assert parts == whole
    else:  # a file without a record is one row; its ranges may tell the damage instead
        assert not parts[1]
        assert parts[0]


def archive(n: int) -> list[bytes]:
    """Records of many sizes, some of which hold an archive themselves or bytes that look like a member's beginning."""
    draw = random.Random(n)
    inner = b"".join(members(record(draw.randbytes(9000), k)) for k in range(3))
    bodies = [page(0), draw.randbytes(20_000), inner, b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", b"\x1f\x8b\x08" * 50, b""]
    return [record(http_response(draw.choice(bodies)), k) if k % 4 else good(k) for k in range(n)]


def stored(data: bytes) -> bytes:
    """One member whose bytes stand in the file as they are, as deflate leaves what does not get smaller."""
    return gzip.compress(data, 0, mtime=0)


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 777, 4096, 100_000, 10**9])
def test_every_split_size(tmp_path, monkeypatch, pack, size):
    monkeypatch.setattr(splits, "LOOK_BACK", 60_000)  # so that ranges begin in the middle
    records = archive(60)
    compress = zstandard.compress if pack == "zstd" else stored
    (tmp_path / "f").write_bytes(b"".join(map(compress, records)))
    length = (tmp_path / "f").stat().st_size
    assert length > 250_000
    parts = split([Input("f", length, "")], max(size, length // 400))
    found = rows_of(tmp_path / "f", [part.start for part in parts])
    assert found == rows_of(tmp_path / "f", [0])
    assert found[1] == {"response": 60}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("size", [4096, 10**9])
def test_frames_with_a_dictionary(tmp_path, monkeypatch, is_compressed, size):
    monkeypatch.setattr(splits, "LOOK_BACK", 10_000)
    records = [good(k) for k in range(400)]
    trained = zstandard.train_dictionary(4000, records)
    told = trained.as_bytes()
    first = zstandard.compress(told) if is_compressed else told
    compressor = zstandard.ZstdCompressor(dict_data=trained)
    frames = b"".join(map(compressor.compress, records))
    path = tmp_path / "f.warc.zst"
    path.write_bytes(b"\x5d\x2a\x4d\x18" + len(first).to_bytes(4, "little") + first + frames)
    found, counts = rows_of(path, [part.start for part in split([Input("f", path.stat().st_size, "")], size)])
    assert counts == {"response": 400}
    assert [row.url for row in found] == [f"http://Gold.example:8080/{k}" for k in range(400)]
    assert all(row.text for row in found)
    path.write_bytes(b"\x5d\x2a\x4d\x18\xff\xff\xff\xff" + first + frames)  # a frame that claims 4 GB ends with the file
    assert [row.remark for row in file_rows(str(path), READING)] == ["unreadable_input"]


def test_a_member_that_only_looks_like_a_record_is_not_taken_for_one(tmp_path, monkeypatch):
    """Without looking back, the archive inside a record would be read as records: the test above would show it."""
    monkeypatch.setattr(splits, "LOOK_BACK", 0)
    inner = members(*(record(random.Random(k).randbytes(5000), 100 + k) for k in range(3)))
    (tmp_path / "f").write_bytes(members(good(0)) + stored(record(http_response(inner), 1)) + members(good(2)))
    middle = (tmp_path / "f").read_bytes().index(b"\x1f\x8b\x08", 1000)
    assert rows_of(tmp_path / "f", [0, middle])[1] != {"response": 3}
    monkeypatch.setattr(splits, "LOOK_BACK", 50_000)
    assert rows_of(tmp_path / "f", [0, middle])[1] == {"response": 3}


def test_only_the_first_range_speaks_for_the_file(tmp_path):
    for name, data in {"empty": b"", "html": b"<h1>404</h1>" * 50, "lz4": b"\x04\x22\x4d\x18" * 9}.items():
        (tmp_path / name).write_bytes(data)
        whole, counts = rows_of(tmp_path / name, [0])
        assert len(whole) == 1
        assert rows_of(tmp_path / name, [0, 5, 9]) == (whole, counts)
    assert [row.remark for row in rows_of(tmp_path / "missing", [0, 5])[0]] == ["unreadable_input", "read_error"]


def test_spark_shares_one_file(spark, tmp_path):
    (tmp_path / "f.warc.gz").write_bytes(members(*archive(60)))
    files = resolve(["f.warc.gz"], tmp_path)
    whole = read(spark, "warc", "cc", files, "whole_page", 10_000_000)
    shared = read(spark, "warc", "cc", files, "whole_page", 10_000_000, 50_000)
    assert whole.rdd.getNumPartitions() == 1
    assert shared.rdd.getNumPartitions() == -(-files[0].size // 50_000)
    text = "outcome != 'counted'"
    assert shared.where(text).collect() == whole.where(text).collect()
