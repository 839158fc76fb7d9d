"""Lines and paragraphs under keys: beside a plain reading of their definition."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.recurring import pieces
from tests.kernels.test_metrics import WORD

TEXTS = st.lists(st.text(alphabet="aB1２ 淘\n\t.é", max_size=40), max_size=5)


def plain(text: str, unit: str) -> list[tuple[tuple[str, ...], int, int]]:
    """Normal form, start and end of each line or paragraph with a word."""
    if unit == "line":
        spans = [match.span() for match in re.finditer(r"[^\n]*\n|[^\n]+", text)]
    else:  # lines up to the last blank one that follows
        spans = [match.span() for match in re.finditer(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+(?:[^\S\n]*\n|[^\S\n]+\Z)*", text)]
    found = []
    for start, end in spans:
        words = [word.lower() for word in WORD.findall(text[start:end])]
        if words:
            found.append((tuple(word if any(map(str.isalpha, word)) else "0" for word in words), start, end))
    return found


@pytest.mark.parametrize("unit", ["line", "paragraph"])
@settings(deadline=None)
@given(TEXTS)
def test_as_the_definition_says(unit, texts):
    found = pieces(pa.array(texts, pa.string()), unit)
    wanted = [(k, *one) for k, text in enumerate(texts) for one in plain(text, unit)]
    assert found.documents.tolist() == [k for k, *_ in wanted]
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == [(start, end) for *_, start, end in wanted]
    assert found.words.tolist() == [len(words) for _, words, *_ in wanted]
    forms = [words for _, words, *_ in wanted]
    assert [[one == other for other in found.keys.tolist()] for one in found.keys.tolist()] == [
        [one == other for other in forms] for one in forms
    ]
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for first, (k, words, *_) in zip(found.firsts.tolist(), wanted, strict=True):
        assert first == ((k, words) not in seen)
        seen.add((k, words))


def test_texts_that_break_things():
    long = "word " * 2_000_000
    texts = pa.array([long, "same line\n" * 100_000, "", "\u0301\n\n  \n", None, "\ufffd👩\u200d🔬 gold"])
    for unit, n_same in (("line", 100_000), ("paragraph", 1)):
        found = pieces(texts, unit)
        assert np.bincount(found.documents, minlength=6).tolist() == [1, n_same, 0, 0, 0, 1]
        assert found.ends[0] == len(long) and found.words[0] == 2_000_000
        assert found.firsts[found.documents == 1].sum() == 1


def test_a_slice_of_a_column_gives_the_same():
    texts = pa.array(["a b\nc", "d e\n\nf", "淘\n"])
    whole, part = pieces(texts, "line"), pieces(texts[1:], "line")
    assert part.keys.tolist() == whole.keys[whole.documents > 0].tolist()
    assert part.starts.tolist() == whole.starts[whole.documents > 0].tolist()
