"""WARC bytes cut, flipped, repeated and spliced: the reader never raises, never hangs, and its counts balance."""

import time

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.archives import (
    assert_balanced,
    counts,
    good,
    http_response,
    members,
    outcome,
    page,
    read_bytes,
    record,
)

RECORDS = [
    record(b"software: taojin\r\n", 9, kind="warcinfo"), good(0), record(b"GET / HTTP/1.1\r\n\r\n", 8, kind="request"),
    good(1), record(b"", 7, kind="revisit"), record(http_response(page(2), status="HTTP/1.1 404 No"), 2), good(3),
]  # fmt: skip
WHOLE = b"".join(RECORDS)
PACKED = {
    "plain": WHOLE,
    "gzip": members(*RECORDS),
    "whole": members(WHOLE),
    "zstd": b"".join(zstandard.compress(data) for data in RECORDS),
}


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 4))):
        at, size = draw(st.integers(0, len(data))), draw(st.integers(0, 400))
        what = draw(st.sampled_from(["flip", "cut", "insert", "repeat", "move", "end"]))
        if what == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        elif what == "cut":
            data = data[:at] + data[at + size :]
        elif what == "insert":
            junk = st.one_of(
                st.binary(max_size=60),
                st.sampled_from(
                    [b"WARC/1.0\r\n", b"\r\n\r\n", b"\x1f\x8b\x08", b"Content-Length: 99999999999\r\n", b"\0" * 50]
                ),
            )
            data = data[:at] + draw(junk) + data[at:]
        elif what == "repeat":
            data = data[:at] + data[at : at + size] * 3 + data[at + size :]
        elif what == "move":
            data = data[at:] + data[:at]
        else:
            data = data[:at]
    return data


@pytest.mark.parametrize("pack", PACKED)
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draws=st.data())
def test_mutated_files(tmp_path, pack, draws):
    data = draws.draw(mutated(PACKED[pack]))
    start = time.perf_counter()
    rows = read_bytes(tmp_path, data, max_record_bytes=draws.draw(st.sampled_from([500, 10_000_000])))
    assert time.perf_counter() - start < 5
    assert_balanced(rows)
    assert all(row.file and row.offset is not None and 0 <= row.offset <= len(data) for row in rows if row.remark)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(number=st.integers(0, len(RECORDS) - 1), damage=st.binary(min_size=1, max_size=300), share=st.floats(0, 1))
def test_damage_to_one_member_leaves_the_others(tmp_path, number, damage, share):
    """Whatever a member's bytes become, the records of all others are read."""
    parts = [members(data) for data in RECORDS]
    at = int(share * (len(parts[number]) - 1))
    parts[number] = parts[number][:at] + damage + parts[number][at + len(damage) :]
    rows = read_bytes(tmp_path, b"".join(parts))
    whole = [
        told for n, told in enumerate(["", "0", "", "1", "revisit 7", "http_status 2", "3"]) if told and n != number
    ]
    assert [told for told in outcome(rows) if told in whole] == whole
    assert sum(n or 0 for n in counts(rows).values()) in (len(RECORDS) - 1, len(RECORDS))
