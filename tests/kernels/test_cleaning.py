"""Edits before measuring: C4's lines against its code read plainly, simplification against OpenCC, and counted phrases."""

import re
import time
from itertools import pairwise

import opencc
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.characters import SENTENCE_ENDS
from pipeline.kernels.chinese import simplify
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.edits import apply
from pipeline.kernels.phrases import count_phrase_words
from pipeline.kernels.text import units

POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def c4(text: str, punctuation: bool) -> str:
    """The loop of c4_utils, with our marks and our words."""
    kept = []
    for line in text.split("\n"):
        stripped = line.strip()
        n_words = max(len(stripped.split()), sum("\u4e00" <= c <= "\u9fff" for c in stripped))
        cited = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", stripped)
        ended = cited.endswith((*SENTENCE_ENDS, *"\"'”’」』")) and not cited.endswith(("...", "…"))
        lowered = cited.lower()
        goes = any(len(word) > 1000 for word in stripped.split()) or (punctuation and not ended) or n_words < 3
        if not goes and "lorem ipsum" not in lowered:
            goes = "javascript" in lowered or ("{" not in cited and any(policy in lowered for policy in POLICIES))
        if not (goes and stripped):
            kept.append(re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line))
    return "\n".join(kept)


LINES = st.sampled_from([
    "", "  ", "Home", "Gold is heavy.", "  Gold is heavy.[12] ", "He said: “no more”", "And so on and on...", "Two words.",
    "Please enable JavaScript to see it.", "We use cookies here.", "lorem ipsum and javascript.", "use cookies {here} now.",
    "淘金的人在河里。", "[1] [edit]", "x" * 1001 + " is a word.", "x" * 1000 + " is a word.", "really?",
    "console.log (it).", "淘金。",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=8).map("\n".join), st.booleans())
def test_lines_go_as_in_c4(text: str, punctuation: bool) -> None:
    policy = Policy(lines="c4" if punctuation else "fineweb")
    edits, _ = find_edits(pa.array(["before it", text]), pa.array(["en", "en"]), policy)
    # A last line that goes takes no line feed along: there is none behind it.
    assert edited(pa.array(["", text]), [[], edits[1]])[1].as_py().rstrip("\n") == c4(text, punctuation).rstrip("\n")


def test_simplification_is_openccs() -> None:
    texts = ["頭髮乾燥，乾坤與臺灣。\nPyTorch 與 C++\0", "简体不变", "", "𠀀國\u0301🙂"]
    for text in texts:
        assert apply(text, simplify(text)) == opencc.OpenCC("t2s").convert(text)
    assert simplify("简体不变") == []
    edits, _ = find_edits(pa.array(["國", "國"]), pa.array(["zh", "ja"]), Policy(chinese="simplify"))
    assert [len(some) for some in edits] == [1, 0]  # Japanese keeps its characters


def test_a_change_of_length_is_an_edit_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kernels.chinese._simplifier", lambda: lambda text: text.replace("國", "国国"))
    text = "a國b\n不國\n國"
    assert apply(text, simplify(text)) == "a国国b\n不国国\n国国"


def test_counts_without_edits_and_nothing_by_default() -> None:
    texts, languages = pa.array(["a@b.io, c@d.io", None]), pa.array(["en", "en"])
    edits, counts = find_edits(texts, languages, Policy(pii="count"))
    assert (edits, counts[0].tolist(), counts[1:].sum()) == ([[], []], [2, 0], 0)
    assert edited(texts, edits) is texts
    assert not Policy().edits and not Policy(pii="count").edits and Policy(pii="mask").edits


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.lists(st.sampled_from("abc"), max_size=3), max_size=4))
def test_phrases_are_counted_longest_first(words: list[str], phrases: list[list[str]]) -> None:
    expected, at = 0, 0
    while at < len(words):
        fits = [len(phrase) for phrase in phrases if phrase and words[at : at + len(phrase)] == phrase]
        expected += max(fits, default=0)
        at += max(fits, default=1)
    texts = pa.array([" ".join(words), "c"])
    assert count_phrase_words(units(texts), map(" ".join, phrases))[0] == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n \u3000\n", "🙂\u200d🙂", "e\u0301\u0301", "\ufffd\ufffd", "a@" * 5,
     "word " * 400_000, "同じ行\n" * 100_000, "國" * 300_000],
    ids=range(10),
)
def test_any_text_is_edited_to_text(text: str) -> None:
    start = time.process_time()
    column, languages = pa.array([text, None, "a"]), pa.array(["zh", "zh", "en"])
    edits, counts = find_edits(column, languages, Policy("mask", "fineweb", "simplify"))
    left = edited(column, edits)
    assert len(left) == 3 and counts.shape == (4, 3)
    assert all(one.start < one.end <= two.start for one, two in pairwise(edits[0]))
    again, _ = find_edits(left, languages, Policy("mask", "fineweb", "simplify"))
    assert again == [[], [], []]  # a second time there is nothing to do
    assert time.process_time() - start < 20
