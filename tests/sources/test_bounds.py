"""Bombs: little files that inflate to a gigabyte cost their record, not the memory. Each in a process of its own."""

import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from tests.sources.archives import good, http_response, members, record
from tests.sources.test_records import fixture_files

GIB = 1 << 30
HANG = 30  # seconds
PART = 1 << 28  # of what a body inflates to where one test of a full gigabyte is enough
ROOT = Path(__file__).resolve().parents[2]
MEASURE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.sources.archives import good, members, outcome, read_bytes, read_rows
path = Path(sys.argv[1])
read_bytes(path.parent, members(good(0)), "warm.warc.gz")
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
told = outcome(read_rows(path))
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"told": told, "mib": used / 1024, "seconds": time.perf_counter() - start}))
"""

EACH = """
import json, os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.sources.archives import good, members, read_bytes, read_rows
read_bytes(Path(sys.argv[2]), members(good(0)), "warm.warc.gz", engine="blocks")
for path in sys.argv[4:]:
    start, child = time.perf_counter(), os.fork()
    if child == 0:
        signal.alarm(int(sys.argv[3]))  # no handler: it ends native code, too
        code = 1
        try:
            read_rows(Path(path), engine="blocks")
            code = 0
        finally:
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    print(json.dumps([status, time.perf_counter() - start, used.ru_maxrss / 1024]))
"""


def measured(path: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(ROOT)], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def zeros(compressor, head: bytes = b"", size: int = PART) -> bytes:
    """`size` zero bytes behind `head`, compressed piece by piece."""
    block, out = bytes(1 << 24), [compressor.compress(head)]
    out += [compressor.compress(block) for _ in range(size >> 24)]
    return b"".join([*out, compressor.flush()])


def brotli_zeros() -> bytes:
    compressor = brotli.Compressor(quality=1)
    block = bytes(1 << 24)
    return b"".join(compressor.process(block) for _ in range(PART >> 24)) + compressor.finish()


def body_bombs() -> dict[str, bytes]:
    gz = zeros(zlib.compressobj(1, zlib.DEFLATED, 31), size=GIB)
    return {
        "gzip": http_response(gz, "Content-Encoding: gzip"),
        "gzip_twice": http_response(gzip.compress(gz), "Content-Encoding: gzip, gzip"),
        "gzip_undeclared": http_response(gz),
        "deflate": http_response(zeros(zlib.compressobj(9)), "Content-Encoding: deflate"),
        "zstd": http_response(zeros(zstandard.ZstdCompressor().compressobj()), "Content-Encoding: zstd"),
        "br": http_response(brotli_zeros(), "Content-Encoding: br"),
        "br_gzip": http_response(gzip.compress(brotli_zeros()), "Content-Encoding: br, gzip"),
    }


def test_bodies_that_inflate_to_a_gigabyte(tmp_path):
    bombs = body_bombs()
    path = tmp_path / "bodies.warc.gz"
    path.write_bytes(members(good(1), *(record(block, 10 + i) for i, block in enumerate(bombs.values())), good(2)))
    found = measured(path)
    assert found["told"] == ["1", *(f"too_large {10 + i}" for i in range(len(bombs))), "2"]
    assert found["mib"] < 150
    assert found["seconds"] < 60


HEAD = record(b"", 5, length=GIB)[:-4]
LYING_HEAD = record(b"", 5, length=100)[:-4]


@pytest.mark.parametrize(
    ("name", "head", "expected"), [("honest", HEAD, "too_large 5"), ("lying", LYING_HEAD, "bad_length 5")]
)
def test_records_that_inflate_to_a_gigabyte(tmp_path, name, head, expected):
    gz = zeros(zlib.compressobj(1, zlib.DEFLATED, 31), head, GIB)
    zstd = zeros(zstandard.ZstdCompressor().compressobj(), head, GIB)
    assert len(gz) + len(zstd) < 8 << 20
    for kind, file in {
        "gz": members(good(1)) + gz + members(good(2)),
        "zst": zstandard.compress(good(1)) + zstd + zstandard.compress(good(2)),
    }.items():
        path = tmp_path / f"{name}.warc.{kind}"
        path.write_bytes(file)
        found = measured(path)
        assert found["told"] == ["1", expected, "2"]
        assert found["mib"] < 150
        assert found["seconds"] < 60


def test_a_header_without_end(tmp_path):
    path = tmp_path / "header.warc.gz"
    endless = zeros(zlib.compressobj(1, zlib.DEFLATED, 31), b"WARC/1.0\r\nWARC-Type: response\r\nX: ")
    path.write_bytes(members(good(1)) + endless + members(good(2)))
    found = measured(path)
    assert found["told"] == ["1", "bad_header", "2"]
    assert found["mib"] < 150


def test_no_fixture_ends_its_process_hangs_or_takes_a_gigabyte(data, tmp_path):
    """Each of the 69 files in a process of its own, with the compiled kernels in its memory."""
    files = [str(path) for path in fixture_files(data)]
    command = [sys.executable, "-c", EACH, str(ROOT), str(tmp_path), str(HANG), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=len(files) * HANG, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(files) >= 69
    for path, (status, seconds, mib) in zip(files, told, strict=True):
        print(f"{Path(path).parent.name}/{Path(path).name}: {seconds:.2f} s, {mib:.0f} MiB")
        assert (status, mib < 1024) == (0, True), path
