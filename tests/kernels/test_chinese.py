"""rjieba against jieba, chunks, and the words that the classifier sees."""

import builtins
import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels import chinese
from pipeline.kernels.chinese import chunks, jieba_words, segment, words_column
from pipeline.kernels.text import unit_hash, units

DATA = Path(os.environ.get("TAOJIN_TEST_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")
TEXT = st.text(st.sampled_from("我来到北京清华大学的一是人河边淘金，。！\n a1.-#＋ひ한"), max_size=200)


def test_words() -> None:
    assert segment("他来到了网易杭研大厦 v2") == ["他", "来到", "了", "网易", "杭", "研", "大厦", " ", "v2"]
    assert segment("") == []


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_engines_cut_alike_and_lose_nothing(text: str) -> None:
    assert segment(text) == jieba_words(text)
    assert "".join(segment(text)) == text


@settings(deadline=None)
@given(TEXT, st.integers(8, 40))
def test_chunks_join_to_the_text(text: str, size: int) -> None:
    pieces = list(chunks(text, size))
    assert "".join(pieces) == text
    assert all(len(piece) <= size for piece in pieces)


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("我来到北京清华大学淘金a1"), max_size=12), max_size=20))
def test_chunks_change_no_word_where_there_are_breaks(sentences: list[str]) -> None:
    text = "。".join(sentences) + "，"
    assert [word for chunk in chunks(text, 13) for word in segment(chunk)] == segment(text)


def test_without_a_break_a_chunk_is_cut_at_its_size() -> None:
    assert [len(piece) for piece in chunks("河" * 25, 10)] == [10, 10, 5]


def test_a_long_text_is_cut_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0
    cut = chinese._engine()

    def spy(text: str) -> list[str]:
        nonlocal longest
        longest = max(longest, len(text))
        return cut(text)

    monkeypatch.setattr(chinese, "_engine", lambda: spy)
    text = "我来到北京清华大学。" * 50_000
    assert sum(map(len, segment(text))) == len(text)
    assert longest <= 1 << 16


def test_words_column_gives_units_of_words() -> None:
    column = words_column(pa.array(["我来到北京清华大学，Gold 3.5！", "", None]))
    found = units(column, singles=False)
    assert found.bounds.tolist() == [0, 7, 7, 7]
    assert found.hashes.tolist() == [unit_hash(word) for word in ("我", "来到", "北京", "清华大学", "gold", "3", "5")]


def test_jieba_stands_in_for_rjieba(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_rjieba(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "rjieba":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_rjieba)
    chinese._engine.cache_clear()
    try:
        assert chinese._engine() is jieba_words
        assert segment("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]
    finally:
        chinese._engine.cache_clear()


def test_jieba_says_and_leaves_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    chinese._jieba.cache_clear()
    assert jieba_words("清华大学") == ["清华大学"]
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")
@pytest.mark.parametrize("name", ["wiki_zh_cmrc2018", "wiki_zhtw_drcd", "books_zh_classics"])
def test_engines_cut_real_text_alike(name: str) -> None:
    with gzip.open(DATA / "curated" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line in stream][::12]
    assert len(texts) > 40
    for text in texts:
        assert segment(text) == jieba_words(text)
