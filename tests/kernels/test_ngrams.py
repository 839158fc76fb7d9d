"""n-grams, windows and fragments against plain Python."""

import re

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.edits import apply, pieces
from pipeline.kernels.ngrams import build_index, find, fragments, gram_size, item_grams, mostly_cjk, windows
from pipeline.kernels.text import units

TEXT = st.text(st.sampled_from("ab cd.淘金'é😀\n"), max_size=60)


def spans(text: str) -> list[tuple[str, int, int]]:
    found = re.finditer(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+", text.lower())
    return [(match[0], match.start(), match.end()) for match in found]


def brute_force(text: str, item: str, size: int) -> list[tuple[int, int]]:
    wanted = [word for word, _, _ in spans(item)]
    grams = {tuple(wanted[i : i + size]) for i in range(len(wanted) - size + 1)}
    mine = spans(text)
    return [
        (mine[i][1], mine[i + size - 1][2])
        for i in range(len(mine) - size + 1)
        if tuple(word for word, _, _ in mine[i : i + size]) in grams
    ]


@given(st.lists(TEXT, min_size=1, max_size=4), TEXT, st.integers(1, 4))
def test_find_equals_brute_force(texts, item, size):
    column = pa.array(texts)
    hits = find(column, units(column), build_index(item_grams(item, size), size))
    found = [(d, a, b) for d, a, b in zip(hits.documents, hits.starts, hits.ends, strict=True)]
    assert found == [(d, *place) for d, text in enumerate(texts) for place in brute_force(text, item, size)]


def test_find_in_a_book_with_a_large_index():
    draw = np.random.default_rng(1)
    words = [f"w{n}" for n in draw.integers(0, 5000, 400_000)]
    item = " ".join(words[123_456 : 123_456 + 15])
    book = pa.array([" ".join(words)])
    noise = draw.integers(0, 2**63, 200_000).astype(np.uint64)
    hits = find(book, units(book), build_index(np.concatenate([noise, item_grams(item, 13)]), 13))
    text = book[0].as_py()
    assert [text[a:b] for a, b in zip(hits.starts, hits.ends, strict=True)] == [
        " ".join(words[k : k + 13]) for k in (123_456, 123_457, 123_458)
    ]


def test_windows_of_the_paper():
    at = np.array([1000]), np.array([1080])
    assert windows(*at, 200, 5000) == [(800, 1280)]
    assert windows(np.array([10]), np.array([90]), 200, 5000) == [(0, 290)]
    assert windows(np.array([4900]), np.array([4990]), 200, 5000) == [(4700, 5000)]
    # a leak of 30 words is 18 n-grams, and one cut
    assert windows(np.arange(1000, 1090, 5), np.arange(1060, 1150, 5), 200, 5000) == [(800, 1345)]
    # windows that touch are one cut, those a character apart are two
    assert len(windows(np.array([1000, 1460]), np.array([1060, 1520]), 200, 5000)) == 1
    assert len(windows(np.array([1000, 1461]), np.array([1060, 1521]), 200, 5000)) == 2


def test_eleven_pieces_from_ten_cuts():
    starts = np.arange(10) * 1000 + 500
    cuts = windows(starts, starts + 60, 200, 10_000)
    assert len(cuts) == 10
    assert len(fragments(cuts, 10_000)) == 11


@given(st.integers(0, 400), st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), max_size=6))
def test_pieces_and_cuts_are_the_text(length, places):
    text = "".join(chr(0x4E00 + i) for i in range(length))
    starts = np.array([start for start, _ in places if start < length], np.int64)
    ends = np.minimum(length, starts + np.array([size for start, size in places if start < length], np.int64))
    cuts = windows(starts, ends, 5, length)
    assert pieces(text, cuts) == [text[a:b] for a, b in fragments(cuts, length)]
    removed = {i for a, b in cuts for i in range(a, b)}
    near = {i for s, e in zip(starts, ends, strict=True) for i in range(max(0, s - 5), min(length, e + 5))}
    assert removed == near
    assert apply(text, cuts).replace("\n\n", "") == "".join(c for i, c in enumerate(text) if i not in removed)


def test_a_clean_document_is_unchanged():
    assert apply("as\u0000 it \r\n is", []) == "as\u0000 it \r\n is"


def test_chinese_items_take_twenty_characters():
    assert mostly_cjk("肉牛屠宰后，胴体的哪个部位肉质较好\nA. 胸\nB. 腹")
    assert not mostly_cjk("What is 淘金?")
    assert not mostly_cjk("")
    assert (gram_size(13, True), gram_size(13, False)) == (20, 13)
