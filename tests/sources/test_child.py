"""A child's crash, hang, hunger and exceptions are told; poison pages cost themselves and not the task."""

import ctypes
import os
import re
import time
from contextlib import suppress
from functools import partial

import pytest

from pipeline.sources import warc
from pipeline.sources.child import ChildError, in_child
from pipeline.sources.warc import SUSPICIOUS_BYTES
from tests.sources.archives import assert_balanced, good, http_response, members, outcome, read_bytes, record

MAX = 9_900_000  # with its headers a record of 10 MB
UNITS = (
    "<div><a>", "<a><div></a>", "<div><a href=x>y</a></div>", "<p><b>", "<table><tr><td>", "<ul><li>", "<li>x", "x<br>",
    "&amp", "<", "<!--", "<script>", "<svg><g>", "<select><option>", "<p>x", "<dl><dt>x<dd>y", "<nobr>", "<button>",
    "<template>", "<frameset>", "<pre>x", "<img src=x alt=y>", '<a href="/x">link</a> ', "abcdefghij", " ",
    "<ruby><rb>x<rt>y", "<font color=a>", "<i><p></i>", "</br>", "金", "\0", "<ul><li><ul>", "<dd><div>x", "<noscript><p>",
    '<p id="main-nav">x</p>',
)  # fmt: skip


def crash() -> tuple[str, None]:
    ctypes.string_at(0)
    return "", None


def hang() -> tuple[str, None]:
    """In native code that looks at no signal for ages."""
    re.match("(a*)*b", "a" * 40)
    return "", None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (crash, "the parser ended by SIGSEGV"),
        (hang, "no text within 1 s"),
        (lambda: os._exit(3), "the parser ended with status 3"),
        (lambda: 1 // 0, "ZeroDivisionError: integer division or modulo by zero"),
        (lambda: (str(len(bytearray(3 << 30))), None), "MemoryError: "),
    ],
)
def test_what_ends_the_child_is_told(call, message):
    start = time.perf_counter()
    with pytest.raises(ChildError) as raised:
        in_child(call, seconds=1)
    assert str(raised.value) == message
    assert time.perf_counter() - start < 10
    ended = 0
    with suppress(ChildProcessError):  # in a process without other children, such as Spark's
        ended, _ = os.waitpid(-1, os.WNOHANG)
    assert ended == 0  # the child is not left for others to wait for


def test_a_long_answer_comes_whole():
    text = "金\ud800\0" * 1_000_000
    assert in_child(lambda: (text, "deep")) == (text, "deep")


def page_of(unit: str, size: int = MAX) -> bytes:
    return (b"<html><body>" + unit.encode() * (size // len(unit.encode())))[:size]


def test_a_large_page_that_hangs_the_parser_costs_its_record(tmp_path, monkeypatch):
    monkeypatch.setattr(warc, "in_child", partial(in_child, seconds=6))
    pages = [page_of("<a><div></a>"), page_of("<div><b>"), page_of("<p>gold</p>", SUSPICIOUS_BYTES + 1)]
    data = members(
        *(record(http_response(page), 10 + n) for n, page in enumerate(pages)), *(good(n) for n in range(1, 4))
    )
    rows = read_bytes(tmp_path, data)
    assert outcome(rows) == ["extract_failed 10", "too_deep 11", "12", "1", "2", "3"]
    assert rows[0].metadata == {"detail": "ChildError: no text within 6 s"}
    assert rows[2].text.count("gold") == pages[2].count(b"<p>gold")
    assert_balanced(rows)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["blocks", "resiliparse"])
def test_ten_megabytes_of_anything_end_in_half_a_minute(tmp_path, engine):
    for n, unit in enumerate(UNITS):
        start = time.perf_counter()
        rows = read_bytes(
            tmp_path, members(record(http_response(page_of(unit)), 7), good(1)), f"{n}.warc.gz", engine=engine
        )
        seconds = time.perf_counter() - start
        told = outcome(rows)
        print(f"{engine} {unit!r}: {seconds:.1f} s, {told[0]}")
        assert told[1] == "1", unit
        assert seconds < 30, unit
