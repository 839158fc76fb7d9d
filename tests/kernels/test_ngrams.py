"""n-grams of items and where they stand, against plain Python."""

import re
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.chinese import segment, word_openings
from pipeline.kernels.ngrams import (
    Grams,
    Index,
    auto_size,
    build_index,
    find,
    item_grams,
    longest_gram,
    phrase_hashes,
)
from pipeline.kernels.text import units

TEXT = st.text(st.sampled_from("ab cd.淘金我们来到北京大学'é😀Ａ１\n"), max_size=60)
UNIT = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


def index_of(items: list[str], size: int, *, chinese: bool = False) -> Index:
    column = pa.array(items, pa.string())
    found = units(column)
    opens = word_openings(column, found) if chinese else np.ones(len(found.hashes), bool)
    return build_index(item_grams(found, opens, np.full(len(items), size), size), size)


def folded(text: str) -> str:
    return text.lower().replace("ａ", "a").replace("１", "1")


def spans(text: str) -> list[tuple[str, int, int]]:
    return [(match[0], match.start(), match.end()) for match in UNIT.finditer(folded(text))]


def item_sequences(item: str, size: int, chinese: bool) -> set[tuple[str, ...]]:
    """What is looked for of an item, by the definition: n words, or 1.5 n units where n words are longer."""
    plain = [unit for unit, _, _ in spans(item)]
    if not chinese:
        return {tuple(plain[i : i + size]) for i in range(len(plain) - size + 1)}
    words = [[unit for unit, _, _ in spans(word)] for word in segment(item)]
    words = [word for word in words if word]
    most = int(1.5 * size + 0.5)
    phrases = {tuple(chain(*words[i : i + size])) for i in range(len(words) - size + 1)}
    short = {phrase for phrase in phrases if len(phrase) <= most}
    return short | {tuple(plain[i : i + most]) for i in range(len(plain) - most + 1)}


def brute_force(text: str, wanted: set[tuple[str, ...]]) -> list[tuple[int, int]]:
    mine = spans(text)
    return [
        (mine[i][1], mine[i + n - 1][2])
        for i in range(len(mine))
        for n in sorted({len(sequence) for sequence in wanted})
        if i + n <= len(mine) and tuple(unit for unit, _, _ in mine[i : i + n]) in wanted
    ]


def places(texts: list[str], index: Index) -> list[tuple[int, int, int]]:
    hits = find(pa.array(texts, pa.string()), index)
    return [(d, a, b) for d, a, b in zip(hits.documents, hits.starts, hits.ends, strict=True)]


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), TEXT, st.integers(1, 4))
def test_find_equals_brute_force(texts, item, size):
    wanted = item_sequences(item, size, chinese=False)
    expected = [(d, *place) for d, text in enumerate(texts) for place in brute_force(text, wanted)]
    assert places(texts, index_of([item], size)) == expected


HAN = st.text(st.sampled_from("我们来到北京大学，淘金。ab 1"), min_size=4, max_size=30)


@settings(deadline=None)
@given(st.lists(HAN, min_size=1, max_size=3), HAN, st.integers(2, 5))
def test_every_chinese_phrase_of_n_words_or_its_length_is_found(texts, item, size):
    """Whatever is found is a sequence of the item of at least n words or 1.5 n units, and every such sequence is found."""
    texts = [*texts, texts[0] + item + texts[-1]]
    wanted = item_sequences(item, size, chinese=True)
    covered = [{c for a, b in brute_force(text, wanted) for c in range(a, b)} for text in texts]
    found: list[set[int]] = [set() for _ in texts]
    for document, start, end in places(texts, index_of([item], size, chinese=True)):
        found[document] |= set(range(start, end))
    assert found == covered


def test_thirteen_chinese_words_are_a_collision_and_thirteen_characters_are_not():
    item = "国家制定了少数民族节日放假制度，建立了每多少年举办一次全国少数民族文艺汇演制度？"
    text = "他说：" + item[:17] + "。后来就没有了。"  # 16 characters, 9 words
    assert places([text], index_of([item], 13, chinese=True)) == []
    assert len(places([text], index_of([item], 13))) == 4
    words = "我在家吃鱼你在店喝茶他上山看花和草"
    assert (len(words), len(segment(words))) == (17, 14)
    assert places([f"有人说{words}。"], index_of([f"{words[1:]}。"], 13, chinese=True)) == [(0, 4, 20)]
    # long words: twenty characters are enough
    name = "中华人民共和国全国人民代表大会常务委员会"
    assert len(segment(name)) < 13
    assert places([f"在{name}里"], index_of([f"请问{name}在哪里开会？"], 13, chinese=True)) == [(0, 1, 21)]


def test_long_and_short_grams_of_one_head():
    """Grams that begin alike and differ in length or in what follows; one that goes beyond the document's end."""
    items = ["a b c d", "a b c e", "a b"]
    column = pa.array(items)
    found = units(column)
    grams = item_grams(found, np.ones(10, bool), np.array([4, 4, 2]), 2)
    index = build_index(grams, 2)
    assert places(["x a b c d", "a b c", "a b c e a b"], index) == [
        (0, 2, 5), (0, 2, 9), (1, 0, 3), (2, 0, 3), (2, 0, 7), (2, 8, 11),
    ]  # fmt: skip
    assert places(["a b c d"], build_index(grams.without(phrase_hashes(pa.array(["A, b"]))), 2)) == [(0, 0, 7)]


def test_an_empty_index_finds_nothing():
    assert places(["a b c"], index_of(["a b"], 3)) == []
    assert places([], index_of(["a b"], 1)) == []


def test_find_in_a_book_with_a_large_index():
    draw = np.random.default_rng(1)
    words = [f"w{n}" for n in draw.integers(0, 5000, 800_000)]
    item = " ".join(words[123_456 : 123_456 + 15])
    text = " ".join(words)
    assert len(text) > 4_500_000
    noise = draw.integers(0, 2**64, 200_000, np.uint64)
    mine = item_grams(units(pa.array([item])), np.ones(15, bool), np.array([13]), 13)
    index = build_index(Grams(*(np.concatenate([one, other]) for one, other in zip(
        Grams(np.zeros(200_000, np.int32), noise, np.full(200_000, 13, np.uint16), noise), mine, strict=True))), 13)
    assert [text[a:b] for _, a, b in places([text], index)] == [
        " ".join(words[k : k + 13]) for k in (123_456, 123_457, 123_458)
    ]


def test_hits_across_blocks_of_the_search():
    """The search hashes 512 places at a time; a gram may begin at any of them."""
    for at in (0, 498, 511, 512, 1023, 1400):
        words = [f"n{k}" for k in range(1413)]
        assert places([" ".join(words)], index_of([" ".join(words[at : at + 13])], 13)) == [
            (0, len(" ".join(words[:at])) + (at > 0), len(" ".join(words[: at + 13])))
        ]


def test_variable_n_of_appendix_c():
    """The 5th percentile of the items' lengths, never below 8 nor above 13."""
    lengths = np.arange(1, 201)
    assert auto_size(lengths) == 10
    assert auto_size(np.full(50, 30)) == 13
    assert auto_size(np.full(50, 5)) == 8
    assert [longest_gram(size) for size in (1, 8, 10, 13)] == [2, 12, 15, 20]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("One's self-made", "One|s|self|made"),
        ("我来到北京清华大学", "我|来到|北京|清华大学"),
        ("用PyTorch 2.0训练了３天", "用|PyTorch|2|0|训练|了|３|天"),
        ("ひらがなと漢字", "ひらがなと|漢|字"),
        ("한국어 배우기", "한국어|배우기"),
    ],
)
def test_words_of_items(text, words):
    column = pa.array(["先行", text])
    found = units(column)
    opens = word_openings(column, found)[found.bounds[1] :].tolist()
    raw = "".join(column.to_pylist()).encode()
    cut: list[str] = []
    for opening, a, b in zip(opens, found.starts[found.bounds[1] :], found.ends[found.bounds[1] :], strict=True):
        if opening:
            cut.append("")
        cut[-1] += raw[a:b].decode()
    assert "|".join(cut) == words
