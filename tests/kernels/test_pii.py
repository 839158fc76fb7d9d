"""Personal data: what is found of each kind, what only looks like it, and that no text takes more than linear time."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels import pii
from pipeline.kernels.edits import apply
from pipeline.kernels.metrics import PERSONAL
from pipeline.kernels.pii import MARKS, find


def kinds(text: str) -> list[tuple[str, str]]:
    return [(edit.reason, text[edit.start : edit.end]) for edit in find(text)]


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("write to jane.doe+x@mail.example.co.uk.", "email", "jane.doe+x@mail.example.co.uk"),
        ("邮箱：zhang_san@163.com，谢谢", "email", "zhang_san@163.com"),
        ("<..a@b.io>", "email", "a@b.io"),
        ("from 8.8.8.8, again", "ip_address", "8.8.8.8"),
        ("host 2001:4860:4860::8888 is up", "ip_address", "2001:4860:4860::8888"),
        ("call +49 30 901820 now", "phone", "+49 30 901820"),
        ("call (415) 555-2671.", "phone", "(415) 555-2671"),
        ("415-555-2671", "phone", "415-555-2671"),
        ("手机13812345678。", "phone", "13812345678"),
        ("手机 138-1234-5678", "phone", "138-1234-5678"),
        ("电话 010-62345678", "phone", "010-62345678"),
        ("身份证 11010519491231002X", "id_number", "11010519491231002X"),
    ],
)
def test_each_kind(text: str, kind: str, found: str) -> None:
    assert kinds(text) == [(kind, found)]
    (edit,) = find(text)
    assert apply(text, [edit]) == text[: edit.start] + MARKS[kind] + text[edit.end :]


@pytest.mark.parametrize(
    "text",
    [
        "a@b", "@decorator.call", "x.@b.io", "user@host..example", "root@192.168.0.1",
        "version 1.2.3 and 1.2.3.4.5", "127.0.0.1 192.168.1.1 10.0.0.1 300.1.1.1", "std::vector dead::beef 12:30:45 1::2",
        "1234567890123", "2024-11-25", "978-3-16-148410-0", "1415926535897932384626", "0.13812345678", "+1 2 3",
        "110105194912310021", "110105199913310021", "11010519491231002", "",
    ],
)  # fmt: skip
def test_what_only_looks_like_it(text: str) -> None:
    assert kinds(text) == []


def test_an_address_is_not_a_telephone_too() -> None:
    assert kinds("13812345678@qq.com") == [("email", "13812345678@qq.com")]
    assert list(MARKS) == list(PERSONAL)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("a1@.:+-() \n8中x5"), max_size=60))
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    edits = find(text)
    assert all(0 <= one.start < one.end <= len(text) for one in edits)
    assert all(one.end <= two.start for one, two in pairwise(edits))
    masked = apply(text, edits)
    for kind, mark in MARKS.items():
        assert masked.count(mark) == sum(edit.reason == kind for edit in edits)


@pytest.mark.parametrize(
    "text", ["a@" * 500_000, "@" * 1_000_000, "a." * 500_000 + "@b.io", "1" * 1_000_000, "1-" * 500_000, "1:" * 500_000,
             "+1 " * 300_000, "a@" + "b-" * 500_000, "a@" + "b." * 500_000, "1.1." * 250_000],
)  # fmt: skip
def test_no_text_takes_more_than_linear_time(text: str) -> None:
    start = time.process_time()
    find(text)
    assert time.process_time() - start < 10


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(
    ["1", "8.8.8.8", "+", "(", ")", " ", "-", ".", ":", "::", "2001:db8", "2400:cb00::1", "a", "F", "中", "_", "138",
     "12345678", "(415) 555-2671", "010-12345678", "11010519491231002X", "+49 30 901820", "a@b.io"],
), max_size=8))  # fmt: skip
def test_what_is_found_fast_is_what_the_patterns_find(parts: list[str]) -> None:
    text = "".join(parts)
    plain = [("email", *span) for span in pii._emails(text)]
    for kind, pattern, holds in (
        ("ip_address", pii._IPV4, pii._is_public), ("ip_address", pii._IPV6, pii._is_public),
        ("id_number", pii._ID_NUMBER, pii._checks),
        ("phone", pii._PHONE, lambda found: found[0] != "+" or 8 <= sum(map(str.isdigit, found)) <= 15),
    ):  # fmt: skip
        plain += [(kind, *match.span()) for match in pattern.finditer(text) if holds(match[0])]
    assert sorted(pii._find(text)) == sorted(plain)
