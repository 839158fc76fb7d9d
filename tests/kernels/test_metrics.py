"""Each metric against its definition in plain Python, worked examples by hand, and texts that break things."""

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.characters import BULLET_CHARACTERS, QUOTE_CHARACTERS, SENTENCE_ENDS, STOP_CHARACTERS
from pipeline.kernels.metrics import METRICS, PERSONAL, STOP_WORDS, Counted, measure
from pipeline.kernels.repetition import count_repetition
from pipeline.kernels.sentences import COUNTERS
from pipeline.kernels.text import units

SINGLE = (
    "\u0e00-\u0e7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{SINGLE}]|[^\W_{SINGLE}]+")
CHINESE_MARKS = "，。、；：？！“”‘’（）《》〈〉【】「」『』〔〕—…·～"


def measure_one(text: str) -> dict[str, Any]:
    texts = pa.array([text])
    return {name: column[0].item() for name, column in measure(texts, units(texts)).items()}


def duplicates(parts: list[str]) -> tuple[int, int]:
    seen, again = set(), []
    for part in parts:
        if part in seen:
            again.append(part)
        seen.add(part)
    return len(again), sum(map(len, again))


def top_characters(words: list[str], n: int) -> int:
    grams = [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
    if not grams:
        return 0
    gram, count = Counter(grams).most_common(1)[0]  # among equals the first in the text
    return len(" ".join(gram)) * count


def duplicate_characters(words: list[str], n: int) -> int:
    seen, total, at = set(), 0, 0
    while at + n <= len(words):
        gram = tuple(words[at : at + n])
        if gram in seen:
            total += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return total


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def count(text: str, holds: Callable[[str], bool]) -> int:
    return sum(map(holds, text))


WIDE_ENDS = "".join(c for c in SENTENCE_ENDS if unicodedata.east_asian_width(c) in "WF")
ENDS, CLOSING = re.escape(SENTENCE_ENDS), re.escape(SENTENCE_ENDS + QUOTE_CHARACTERS)
SENTENCE = re.compile(rf"(?=\S).*?(?:[{re.escape(WIDE_ENDS)}][{CLOSING}]*|[{ENDS}][{CLOSING}]*(?=\s)|$)")


def is_boilerplate(line: str) -> bool:
    """RefinedWeb's line rules."""
    words = [word.lower() for word in WORD.findall(line)]
    letters = [c for c in line if c.isalpha()]
    if not letters or 2 * sum(map(str.isupper, letters)) > len(letters) or len(words) == 1:
        return True
    if len(words) <= 3 and words and words[-1] in COUNTERS and not words[0][0].isalpha():
        return True
    said = " ".join(words)
    short = len(words) <= 10
    return short and (
        said.startswith("sign in ") or said == "sign in" or f" {said}".endswith(" read more")
        or " items in cart " in f" {said} "
    )  # fmt: skip


def can_be_written(c: str, charset: str) -> bool:
    return bool(c.encode(charset, "ignore"))


def is_only(c: str, charset: str, other: str) -> bool:
    """A Han character of one charset and not of the other."""
    return is_han(c) and ord(c) < 0x20000 and can_be_written(c, charset) and not can_be_written(c, other)


def is_latin(c: str) -> bool:
    return c.isalpha() and unicodedata.name(c, "").startswith(("LATIN", "FULLWIDTH LATIN"))


def is_han(c: str) -> bool:
    return re.fullmatch("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]", c) is not None


def plain(text: str) -> dict[str, Any]:
    """The definitions, without an eye to speed."""
    words = [word.lower() for word in WORD.findall(text)]
    lines = [line for line in text.split("\n") if line.strip()]
    trimmed = [line.strip() for line in lines]
    blocks = re.split(r"\n(?:[^\S\n]*\n)+", "\n" + text + "\n")
    paragraphs = ["\n".join(line for line in block.split("\n") if line.strip()) for block in blocks]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    n, n_words, n_lines = len(text), len(words), len(lines)
    duplicate_lines, line_characters = duplicates(lines)
    duplicate_paragraphs, paragraph_characters = duplicates(paragraphs)
    simplified = sum(is_only(c, "gb2312", "big5") for c in text)
    traditional = sum(is_only(c, "big5", "gb2312") for c in text)
    flagged = sum(len(WORD.findall(line)) for line in lines if is_boilerplate(line))
    han, marks = count(text, is_han), count(text, CHINESE_MARKS.__contains__)
    return {
        "word_count": n_words,
        "mean_word_length": ratio(sum(map(len, words)), n_words),
        "hash_word_ratio": ratio(text.count("#"), n_words),
        "ellipsis_word_ratio": ratio(text.count("...") + text.count("…"), n_words),
        "bullet_line_fraction": ratio(sum(line[0] in BULLET_CHARACTERS for line in trimmed), n_lines),
        "ellipsis_line_fraction": ratio(sum(line.endswith(("...", "…")) for line in trimmed), n_lines),
        "alphabetic_word_fraction": ratio(sum(any(map(str.isalpha, word)) for word in words), n_words),
        "stop_word_count": len(set(words) & set(STOP_WORDS)),
        "duplicate_line_fraction": ratio(duplicate_lines, n_lines),
        "duplicate_paragraph_fraction": ratio(duplicate_paragraphs, len(paragraphs)),
        "duplicate_line_character_fraction": ratio(line_characters, n),
        "duplicate_paragraph_character_fraction": ratio(paragraph_characters, n),
        **{f"top_{k}gram_character_fraction": ratio(top_characters(words, k), n) for k in (2, 3, 4)},
        **{f"duplicate_{k}gram_character_fraction": ratio(duplicate_characters(words, k), n) for k in range(5, 11)},
        "code_point_count": n,
        "mean_line_length": ratio(sum(map(len, lines)), n_lines),
        "han_fraction": ratio(han, n),
        "terminal_punctuation_line_fraction": ratio(sum(line[-1] in SENTENCE_ENDS for line in trimmed), n_lines),
        "short_line_fraction": ratio(sum(len(line) <= 30 for line in lines), n_lines),
        "line_feed_word_ratio": ratio(text.count("\n"), n_words),
        "sentence_count": sum(len(SENTENCE.findall(line)) for line in trimmed),
        "lorem_ipsum_count": sum(pair == ("lorem", "ipsum") for pair in pairwise(words)),
        "curly_bracket_count": text.count("{"),
        "boilerplate_word_fraction": ratio(flagged, n_words),
        "line_count": n_lines,
        "mojibake_word_ratio": ratio(len(re.findall("\ufffd|锟斤拷|â€|[ÂÃ](?=[\u0080-\u00bf])", text)), n_words),
        "distinct_word_fraction": ratio(len(set(words)), n_words),
        "latin_fraction": ratio(count(text, is_latin), n),
        "digit_fraction": ratio(count(text, str.isdecimal), n),
        "chinese_punctuation_fraction": ratio(marks, han + marks),
        "stop_character_fraction": ratio(count(text, STOP_CHARACTERS.__contains__), han),
        "traditional_fraction": ratio(traditional, traditional + simplified),
        "mean_chinese_word_length": 0,
        "sensitive_word_fraction": 0,
        **{f"{kind}_count": 0 for kind in PERSONAL},
    }


PIECES = st.sampled_from(
    [
        *("the", "be", "To", "that", "gold", "pan", "42", "3rd", "naïve", "Ёж"),
        *("مرحبا", "ποταμός", "हिन्दी", "\U0001d400b"),
        *("淘", "金", "的", "是", "不", "這", "ひ", "カ", "한", "ไทย", "𠀀", "〇", "ＡＢ"),
        *(" ", " ", " ", "\n", "\n", "\n\n", " \n", "\r\n", "\t", "\u3000", "\xa0"),
        *("Lorem ipsum", "lorem\nipsum", "{", "sign in", "Read more", "12 items in cart", "3 likes", "MENU"),
        *("国", "國", "'s", "」"),
        *(".", "..", "...", "…", "。", "！", "？", "，", "、", "#", "##"),
        *("-", "•", "* ", '"', "”", "_", "🙂", "👩‍🔬", "e\u0301", "\0"),
    ]
)  # fmt: skip
SENTENCES = st.sampled_from(
    ["the pan of gold is to be found.\n", "淘金的人在河里。\n", "- a b c d e f g h i j k...\n\n", "x\n"]
)
TEXTS = st.lists(st.one_of(PIECES, SENTENCES), max_size=60).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_each_metric_is_its_definition(texts: list[str]) -> None:
    column = pa.array(texts)
    measured = measure(column, units(column))
    for i, text in enumerate(texts):
        expected = plain(text)
        assert {name: values[i].item() for name, values in measured.items()} == pytest.approx(expected), text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_repetition_of_few_words(words: list[str]) -> None:
    """Three words make duplicates of every length, overlapping and nested."""
    hashes = np.array([hash(word) % 2**64 for word in words], np.uint64)
    counts = count_repetition(np.array([0, len(words)]), hashes, np.arange(len(words) + 1))[:, 0]
    assert counts[0] == len(set(words))
    assert counts[2:5].tolist() == [top_characters(words, n) for n in (2, 3, 4)]
    assert counts[5:].tolist() == [duplicate_characters(words, n) for n in range(5, 11)]


def test_worked_example() -> None:
    text = "- Pan the gold!\n- Pan the gold!\n\nIt is 1849 ...\n"
    got = measure_one(text)
    assert len(text) == 48
    assert got["word_count"] == 9  # pan the gold, twice; it is 1849
    assert got["mean_word_length"] == pytest.approx((2 * (3 + 3 + 4) + 2 + 2 + 4) / 9)
    assert got["alphabetic_word_fraction"] == pytest.approx(8 / 9)
    assert got["stop_word_count"] == 1
    assert got["bullet_line_fraction"] == pytest.approx(2 / 3)
    assert got["ellipsis_line_fraction"] == pytest.approx(1 / 3)
    assert got["ellipsis_word_ratio"] == pytest.approx(1 / 9)
    assert got["duplicate_line_fraction"] == pytest.approx(1 / 3)
    assert got["duplicate_line_character_fraction"] == pytest.approx(15 / 48)
    assert got["duplicate_paragraph_fraction"] == 0
    assert got["top_2gram_character_fraction"] == pytest.approx(2 * len("pan the") / 48)
    assert got["top_3gram_character_fraction"] == pytest.approx(2 * len("pan the gold") / 48)
    assert got["top_4gram_character_fraction"] == pytest.approx(len("pan the gold pan") / 48)  # all once: the first
    assert got["duplicate_5gram_character_fraction"] == 0
    assert got["terminal_punctuation_line_fraction"] == 1
    assert got["distinct_word_fraction"] == pytest.approx(6 / 9)


def test_chinese_worked_example() -> None:
    got = measure_one("我在河边淘金，他也在河边淘金。\nGold 2")
    assert got["word_count"] == 13 + 2
    assert got["han_fraction"] == pytest.approx(13 / 22)
    assert got["stop_character_fraction"] == pytest.approx(5 / 13)  # 我 在 他 也 在
    assert got["chinese_punctuation_fraction"] == pytest.approx(2 / 15)
    assert got["latin_fraction"] == pytest.approx(4 / 22)
    assert got["digit_fraction"] == pytest.approx(1 / 22)
    assert got["mean_line_length"] == pytest.approx((15 + 6) / 2)
    assert got["top_2gram_character_fraction"] == pytest.approx(2 * 3 / 22)  # 在河: two characters and one between
    assert got["duplicate_5gram_character_fraction"] == pytest.approx(5 / 22)  # 在河边淘金
    assert got["short_line_fraction"] == 1.0
    assert got["sentence_count"] == 2


def test_duplicate_paragraphs_count_the_line_feeds_inside_them() -> None:
    text = "one\ntwo\n \none\ntwo\n\ntwo\none"  # the third has the same lines in another order
    got = measure_one(text)
    assert got["duplicate_paragraph_fraction"] == pytest.approx(1 / 3)
    assert got["duplicate_paragraph_character_fraction"] == pytest.approx(len("one\ntwo") / len(text))


@pytest.mark.parametrize(("line", "ends"), [("a...", 1), ("a…  ", 1), ("a.b.", 0), ("a..", 0), ("..b", 0), ("…a", 0)])
def test_what_ends_in_an_ellipsis(line: str, ends: int) -> None:
    assert measure_one(line)["ellipsis_line_fraction"] == ends


def test_short_line_is_thirty_code_points() -> None:
    assert measure_one("a" * 30)["short_line_fraction"] == 1
    assert measure_one("a" * 31)["short_line_fraction"] == 0
    assert measure_one("河" * 30)["short_line_fraction"] == 1


@pytest.mark.parametrize(
    ("line", "n"),
    [
        ("One. Two! Three?", 3), ("v1.2 of it", 1), ('"So?" he said.', 2), ("Wait... what", 2), ("一。二！三", 3),
        ("“好。”他说。", 2),
    ],
)
def test_sentences(line: str, n: int) -> None:
    assert measure_one(line)["sentence_count"] == n


def test_refinedwebs_lines() -> None:
    text = "3 likes\nMENU AND more\n2024\nHome\nSign in to go on\nWe liked it and went home."
    assert measure_one(text)["boilerplate_word_fraction"] == pytest.approx((2 + 3 + 1 + 1 + 5) / 18)
    assert measure_one("3 likes of ours\nthe sign in the window\nhere")["boilerplate_word_fraction"] == pytest.approx(1 / 10)


def test_traditional_and_simplified() -> None:
    assert measure_one("漢字國語")["traditional_fraction"] == 1
    assert measure_one("汉字国语")["traditional_fraction"] == 0
    assert measure_one("汉國")["traditional_fraction"] == 0.5


def test_what_other_kernels_counted() -> None:
    texts = pa.array(["我来到北京", "two words"])
    counted = Counted(np.array([3, 0]), np.array([0, 1]), np.arange(8).reshape(4, 2))
    measured = measure(texts, units(texts), counted)
    assert measured["mean_chinese_word_length"].tolist() == [pytest.approx(5 / 3), 0]
    assert measured["sensitive_word_fraction"].tolist() == [0, 0.5]
    assert [measured[f"{kind}_count"].tolist() for kind in PERSONAL] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_duplicate_inside_a_duplicate_is_not_remembered() -> None:
    # The second "a a a a a" is a duplicate at word 1 and takes words 1..5; the third begins at word 6.
    assert measure_one("a " * 11)["duplicate_5gram_character_fraction"] == pytest.approx(10 / 22)


def test_columns_are_typed_and_never_null() -> None:
    texts = pa.array(["one", None, ""])
    measured = measure(texts, units(texts))
    assert list(measured) == list(METRICS)
    for name, column in measured.items():
        array = pa.array(column)
        assert (array.type, array.null_count, len(array)) == (METRICS[name], 0, 3), name
        assert np.isfinite(column).all(), name


@pytest.mark.parametrize("text", ["", " ", "\n\n \u3000\n", "\u200b", "\u0301\u0301", "...", "🙂🙂"])
def test_a_text_without_words_measures_zero_words(text: str) -> None:
    assert measure_one(text) == pytest.approx(plain(text))
    assert measure_one(text)["word_count"] == measure_one(text)["mean_word_length"] == 0


def test_a_slice_of_a_column_measures_the_same() -> None:
    texts = pa.array(["first of all", "淘金的人", "- the end..."])
    whole, part = measure(texts, units(texts)), measure(texts[1:], units(texts[1:]))
    for name, column in whole.items():
        assert part[name].tolist() == column[1:].tolist()


def test_no_documents() -> None:
    texts = pa.array([], pa.string())
    assert {len(column) for column in measure(texts, units(texts)).values()} == {0}


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("word " * 10_000_000, "distinct_word_fraction", 1e-7),  # a line of 50 MB
        ("淘金" * 1_000_000, "top_2gram_character_fraction", 1.5),
        ("the same line\n" * 100_000, "duplicate_line_fraction", 1 - 1e-5),
        ("".join(f"line {k}\n" for k in range(100_000)), "duplicate_line_fraction", 0),
    ],
    ids=["50 MB line", "2 million characters", "equal lines", "distinct lines"],
)
def test_no_text_takes_more_than_linear_time(text: str, name: str, expected: float) -> None:
    measure_one("compiled before the clock runs")
    start = time.process_time()
    assert measure_one(text)[name] == pytest.approx(expected)
    assert time.process_time() - start < 15
