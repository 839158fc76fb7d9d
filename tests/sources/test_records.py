"""Records out of good and broken files; FastWARC and warcio are the oracle wherever one of them reads a file whole."""

import gzip
import hashlib
import io
import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from fastwarc.warc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator
from warcio.exceptions import ArchiveLoadFailed

from pipeline.sources.records import Record, records
from pipeline.sources.warc import Walk, open_walk
from tests.sources.archives import (
    assert_balanced,
    counts,
    good,
    http_response,
    members,
    outcome,
    page,
    read_bytes,
    read_rows,
    record,
)  # fmt: skip

LIMIT = 10_000_000


def ours(path: Path) -> list[tuple[str, str]]:
    """Type and digest of the block of each record without fault."""
    with path.open("rb") as stream:
        walk = open_walk(stream)
        assert isinstance(walk, Walk)
        found = [item for item in records(walk.walk, walk.is_plain, LIMIT) if isinstance(item, Record)]
    return [(item.kind, hashlib.sha1(item.block).hexdigest()) for item in found if item.fault is None]


def by_fastwarc(path: Path) -> list[tuple[str, str]] | None:
    """None where FastWARC does not read the file whole: it raises, or a block is shorter than it claims."""
    found = []
    try:
        with path.open("rb") as stream:
            for item in ArchiveIterator(stream, parse_http=False, quirks_mode=False):
                block = item.reader.read()
                if len(block) != item.content_length:
                    return None
                found.append((item.headers["WARC-Type"].lower(), hashlib.sha1(block).hexdigest()))
    except OSError:
        return None
    return found


def by_warcio(path: Path) -> list[tuple[str, str]] | None:
    found = []
    try:
        with path.open("rb") as stream:
            for item in WarcioIterator(stream, no_record_parse=True):
                block = item.raw_stream.read()
                length = item.rec_headers.get_header("Content-Length") or item.rec_headers.get_header("length")
                if len(block) != int(length) and item.rec_type != "arc_header":  # whose block warcio reads as headers
                    return None
                found.append((item.rec_type.replace("arc_header", "warcinfo"), hashlib.sha1(block).hexdigest()))
    except (ArchiveLoadFailed, EOFError):
        return None
    return found


# What is wrong with the file -> outcomes in its order. `documents`: how many; where neither library reads it whole.
BROKEN = {
    "made/bad-gzip-content-encoding.warc.gz": ({"response": 1}, 1, {}),
    "made/content-length-too-big.warc": ({"response": 3}, 2, {"bad_length": 1}),
    "made/content-length-too-small.warc": ({"response": 3}, 2, {"bad_length": 1}),
    "made/corrupt-third-member.warc.gz": ({"response": 5}, 5, {"corrupt_member": 1}),
    "made/empty.warc.gz": ({}, 0, {"unreadable_input": 1}),
    "made/garbage-between-members.warc.gz": ({"response": 6}, 6, {"garbage": 1}),
    "made/good.warc.zst": ({"response": 6}, 6, {}),
    "made/lf-only-headers.warc": ({"response": 3}, 3, {}),
    "made/truncated-mid-member.warc.gz": ({"response": 6}, 5, {"truncated_record": 1}),
    "made/trailing-nulls.warc.gz": ({"response": 6}, 6, {}),
    "made/empty-gzip-member.warc.gz": ({"response": 2}, 2, {}),
    "made/whole-file-gzip.warc.gz": ({"response": 6}, 6, {}),
    "chatnoir-resiliparse/clipped.warc.gz": ({"response": 1}, 0, {"truncated_record": 1}),
    "cc_net/sample.warc.txt": ({"conversion": 3, "warcinfo": 1}, 0, {"not_html": 3, "damaged_other": 1, "garbage": 3}),
    "chatnoir-resiliparse/warcfile.warc.lz4": ({}, 0, {"unsupported_compression": 1}),
    "chatnoir-resiliparse/block-sized-records.warc.lz4": ({}, 0, {"unsupported_compression": 1}),
    "pywb/missing-status-text.warc": ({"response": 1}, 0, {"http_status": 1}),
    **{
        f"{folder}/bad.arc": (
            {"response": 3, "warcinfo": 1}, 0, {"bad_length": 2, "not_html": 1, "damaged_other": 1}
        ) for folder in ("warcio", "pywb")
    },
    "warcio/example-space-in-url.arc": ({"response": 1, "warcinfo": 1}, 0, {"truncated_record": 1}),  # 12 bytes short
}


def fixture_files(data: Path) -> list[Path]:
    return sorted(path for path in (data / "warc-fixtures").glob("*/*") if path.name != "README.txt" and path.is_file())


ARC = [
    b"filedesc://a.arc 0.0.0.0 20260101000000 text/plain 13\n1 0 Internet\n\n\n",
    *(b"http://gold.example/%d x 10.0.0.7 20260101000000 text/html %d\n%s\n" % (n, len(block), block)
      for n, block in enumerate(http_response(page(n)) for n in range(6))),
    b"http://gold.example/6 10.0.0.7 20260101000000 text/html 200 - - 0 a.arc 19\nHTTP/1.1 404 No\r\n\r\n\n",
]  # fmt: skip


@pytest.mark.parametrize("pack", [b"".join, lambda records: b"".join(map(gzip.compress, records))])
def test_arc(tmp_path, pack):
    rows = read_bytes(tmp_path, pack(ARC), "a.arc")
    assert_balanced(rows)
    assert counts(rows) == {"response": 7, "warcinfo": 1}
    documents = [row for row in rows if row.outcome == "document"]
    assert [(row.url, row.date) for row in documents] == [
        (f"http://gold.example/{n} x", "2026-01-01T00:00:00Z") for n in range(6)
    ]
    assert len({row.id for row in documents}) == 6
    assert [row.remark for row in rows if row.outcome == "rejected"] == ["http_status"]


def test_damage_in_an_arc_file_costs_its_record(tmp_path):
    parts = [gzip.compress(data) for data in ARC]
    parts[3] = parts[3][:60] + bytes(9) + parts[3][69:]
    rows = read_bytes(tmp_path, b"".join(parts), "a.arc.gz")
    assert sum(row.outcome == "document" for row in rows) == 5
    lying = [ARC[0], ARC[1].replace(b"text/html ", b"text/html 9999"), *ARC[2:]]
    rows = read_bytes(tmp_path, b"".join(lying), "a.arc")
    assert next(row.remark for row in rows if row.outcome == "rejected") == "bad_length"
    assert sum(row.outcome == "document" for row in rows) == 5
    assert_balanced(rows)


def test_every_fixture_is_read_as_the_libraries_read_it_or_as_expected_here(data):
    n_compared = 0
    for path in fixture_files(data):
        name = f"{path.parent.name}/{path.name}"
        rows = read_rows(path)
        assert_balanced(rows)
        if name in BROKEN:
            expected, n_documents, reasons = BROKEN[name]
            assert counts(rows) == expected, name
            assert sum(row.outcome == "document" for row in rows) == n_documents, name
            assert Counter(row.remark for row in rows if row.outcome == "rejected") == reasons, name
        else:
            oracle = by_warcio(path) or by_fastwarc(path)
            assert oracle, f"{name}: neither library reads it whole, so its outcome must be stated"
            after_header = ".arc" in path.name
            assert ours(path)[after_header:] == oracle[after_header:], name
            n_compared += 1
    assert n_compared >= 40


def test_index_counts(data):
    """The record types that the index states of files which warcio reads whole."""
    folder = data / "warc-fixtures"
    for entry in json.loads((folder / "INDEX.json").read_text()):
        if not entry["warcio_error"] and ".arc" not in entry["file"].replace(".warc", ""):
            assert counts(read_rows(folder / entry["file"])) == entry["records_by_warcio"], entry["file"]


def test_plain_gzip_whole_gzip_blocked_gzip_and_zstd_give_the_same_records(tmp_path):
    data = [good(n) for n in range(5)]
    whole = b"".join(data)
    ways = {
        "plain": whole,
        "by_record": members(*data),
        "whole": members(whole),
        "blocked": members(*(whole[at : at + 1000] for at in range(0, len(whole), 1000))),
        "zstd": b"".join(zstandard.ZstdCompressor().compress(record) for record in data),
        "zstd_whole": zstandard.ZstdCompressor().compress(whole),
        "zstd_skippable": b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstandard.ZstdCompressor().compress(whole),
    }
    for way, file in ways.items():
        rows = read_bytes(tmp_path, file, f"{way}.warc")
        assert outcome(rows) == ["0", "1", "2", "3", "4"], way
        assert [row.text for row in rows[:5]] == [row.text for row in read_bytes(tmp_path, whole)[:5]], way


def test_offset_and_length_are_the_records_own_bytes(tmp_path):
    data = [gzip.compress(good(n)) for n in range(4)]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(data) + b"\0" * 100)
    raw = path.read_bytes()
    for n, row in enumerate(read_rows(path)[:4]):
        assert raw[row.offset : row.offset + row.length] == data[n]
    path.write_bytes(b"".join(good(n) for n in range(4)))
    raw = path.read_bytes()
    for n, row in enumerate(read_rows(path)[:4]):
        assert raw[row.offset : row.offset + row.length] + b"\r\n\r\n" == good(n)


@pytest.mark.parametrize("damage", ["flip", "crc", "cut", "header", "zeros"])
def test_a_damaged_member_costs_only_its_record(tmp_path, damage):
    a, b, c = (gzip.compress(good(n), mtime=0) for n in range(3))
    broken = {
        "flip": b[:200] + bytes([b[200] ^ 0x55]) + b[201:],
        "crc": b[:-8] + b"abcd" + b[-4:],
        "cut": b[: len(b) // 2],
        "header": b"\x1f\x8b\x07" + b[3:],
        "zeros": b[:50] + bytes(100) + b[150:],
    }[damage]
    rows = read_bytes(tmp_path, a + broken + c)
    told = outcome(rows)
    assert (told[0], told[-1], len(told)) == ("0", "2", 3)
    # where the header can be inflated the record is known
    assert told[1] in ({"corrupt_record 1"} if damage in ("crc", "flip") else {"corrupt_member", "garbage"})
    assert_balanced(rows)
    rejection = rows[1]
    assert rejection.offset == len(a)
    if rejection.length is not None:
        assert rejection.length == len(broken)


@pytest.mark.parametrize("cut", [1, 8, 25, 60])
def test_a_truncated_last_member_is_told(tmp_path, cut):
    rows = read_bytes(tmp_path, members(good(0), good(1))[:-cut])
    assert outcome(rows) == ["0", "truncated_record 1"]
    assert counts(rows) == {"response": 2}


def test_damage_in_a_file_compressed_whole_keeps_what_stands_before_it(tmp_path):
    noise = random.Random(7)
    bodies = [page(n) + bytes(noise.choices(range(33, 60), k=20_000)) for n in range(20)]
    raw = bytearray(gzip.compress(b"".join(record(http_response(body), n) for n, body in enumerate(bodies))))
    raw[len(raw) // 2] ^= 0xFF
    told = outcome(read_bytes(tmp_path, bytes(raw)))
    assert told[:5] == ["0", "1", "2", "3", "4"]
    assert told[-1].startswith("corrupt")


@pytest.mark.parametrize("length", ["10737418240", str(2**64 + 5), "-1", "NaN", "", "+7", "１２", "10", "1e3"])
@pytest.mark.parametrize("pack", ["gzip", "plain", "whole", "zstd"])
def test_a_wrong_content_length_costs_only_its_record(tmp_path, length, pack):
    data = [good(0), record(http_response(page(1)), 1, length=length), good(2), good(3)]
    file = {
        "gzip": members(*data),
        "plain": b"".join(data),
        "whole": members(b"".join(data)),
        "zstd": zstandard.ZstdCompressor().compress(b"".join(data)),
    }[pack]
    rows = read_bytes(tmp_path, file)
    assert outcome(rows) == ["0", "bad_length 1", "2", "3"]
    assert counts(rows) == {"response": 4}


@pytest.mark.parametrize("error", [-10, 10, 500, 3000])
def test_content_length_off_by_some_bytes(tmp_path, error):
    block = http_response(page(1))
    data = [good(0), record(block, 1, length=len(block) + error), good(2), good(3)]
    assert outcome(read_bytes(tmp_path, b"".join(data))) == ["0", "bad_length 1", "2", "3"]
    assert outcome(read_bytes(tmp_path, members(*data))) == ["0", "bad_length 1", "2", "3"]


def test_many_large_claims_take_linear_time(tmp_path):
    """Each of 6,000 records claims the rest of the file: believed in turn, they would be 6,000 passes over it."""
    data = b"".join(record(b"x" * 5_000, n, length=50_000_000) for n in range(6_000)) + good(6_000)
    for file in (data, members(data)):
        start = time.perf_counter()
        rows = read_bytes(tmp_path, file)
        assert time.perf_counter() - start < 5
        assert outcome(rows)[-1] == "6000"
        assert Counter(row.remark for row in rows)["bad_length"] == 6_000


def test_a_large_record_that_holds_warc_lines_is_one_record(tmp_path):
    inner = b"\r\n\r\n".join([good(7)] * 40)
    data = [good(0), record(http_response(inner), 1), good(2)]
    for file in (b"".join(data), members(*data), members(b"".join(data))):
        assert outcome(read_bytes(tmp_path, file, max_record_bytes=20_000)) == ["0", "too_large 1", "2"]


@pytest.mark.parametrize(
    "junk", [b"<html>\n404 not found\n</html>\r\n", b"\x1f\x8b\x08 no gzip", bytes(range(256)) * 50]
)
def test_garbage_between_records_is_told_once(tmp_path, junk):
    rows = read_bytes(tmp_path, gzip.compress(good(0)) + junk + gzip.compress(good(1)))
    assert [told for told in outcome(rows) if told not in ("garbage", "corrupt_member")] == ["0", "1"]
    assert len(outcome(rows)) == 3
    assert outcome(read_bytes(tmp_path, junk + gzip.compress(good(0))))[-1] == "0"
    junk = junk.replace(b"\x1f", b"x")
    rows = read_bytes(tmp_path, junk + b"\n" + good(0) + junk + b"\n" + good(1))
    assert outcome(rows) == ["garbage", "0", "garbage", "1"]


def test_padding_and_empty_members_are_no_garbage(tmp_path):
    file = b"\0" * 700 + members(good(0)) + members(b"") + b"\r\n\0\0" + members(good(1), b"", b"") + b"\0" * 5_000
    rows = read_bytes(tmp_path, file)
    assert outcome(rows) == ["0", "1"]


@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 8 << 20])
def test_a_header_over_64_kib_costs_only_its_record(tmp_path, size):
    huge = good(1).replace(b"WARC-Date", b"X-Fill: " + b"a" * size + b"\r\nWARC-Date")
    many = good(1).replace(b"WARC-Date", b"".join(b"X-%d: a\r\n" % i for i in range(size // 8)) + b"WARC-Date")
    for data in (huge, many):
        assert outcome(read_bytes(tmp_path, b"".join([good(0), data, good(2)]))) == ["0", "bad_header", "2"]
        assert outcome(read_bytes(tmp_path, members(good(0), data, good(2)))) == ["0", "bad_header", "2"]


def test_line_ends_of_every_kind(tmp_path):
    for end in (b"\n", b"\r\r\n"):
        block = http_response(page(1))
        head, _, _ = record(block, 1).partition(b"\r\n\r\n")
        data = head.replace(b"\r\n", end) + end + end + block + end + end
        assert outcome(read_bytes(tmp_path, good(0) + data + good(2))) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable_input"),
        (gzip.compress(b""), "unreadable_input"),
        (b"<!doctype html><h1>404</h1>", "unreadable_input"),
        (gzip.compress(b"<!doctype html><h1>404</h1>"), "unreadable_input"),
        (b"\0" * 10_000, "unreadable_input"),
        (bytes(range(256)) * 100, "unreadable_input"),
        (members(good(0))[:12], "unreadable_input"),
        (b"\x04\x22\x4d\x18" + b"x" * 100, "unsupported_compression"),
    ],
)
def test_a_file_without_records_is_one_row(tmp_path, data, reason):
    (row,) = read_bytes(tmp_path, data)
    assert (row.outcome, row.remark, row.offset, row.id) == ("rejected", reason, 0, None)


def test_files_that_cannot_be_opened(tmp_path):
    (missing,) = read_rows(tmp_path / "gone.warc.gz")
    assert missing.remark == "unreadable_input"
    assert "gone.warc.gz" in missing.metadata["detail"]
    (folder,) = read_rows(tmp_path)
    assert folder.remark == "unreadable_input"


def test_a_read_error_keeps_what_came_before(tmp_path, monkeypatch):
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 3_000_000:
                raise OSError("connection reset")
            return super().read(size)

    data = b"".join(record(http_response(page(n) + b"a b " * 100_000), n) for n in range(20))
    monkeypatch.setattr("pipeline.sources.warc.open_input", lambda path, storage: Failing(data))
    rows = read_rows(tmp_path / "a.warc")
    assert outcome(rows)[:3] == ["0", "1", "2"]
    (error,) = [row for row in rows if row.remark == "read_error"]
    assert error.metadata == {"detail": "connection reset"}
    assert_balanced(rows)
