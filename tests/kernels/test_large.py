"""Every kernel over texts that break things, alone and all in one column: it ends, and no text changes another's result.

`pytest -m soak -s tests/kernels/test_large.py` does it with lines of 50 MB and prints the seconds.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.kernels import gpt2, ngrams, quality, recurring
from pipeline.kernels.chinese import words
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.hashing import hash64
from pipeline.kernels.language import identify
from pipeline.kernels.metrics import measure
from pipeline.kernels.minhash import shingle_sets, signature_column
from pipeline.kernels.mojibake import count_mojibake
from pipeline.kernels.phrases import count_phrase_words
from pipeline.kernels.text import units

WEIGHTS = np.random.default_rng(1).normal(size=2**12).astype(np.float32)
INDEX = ngrams.build_index(ngrams.item_grams(units(pa.array(["gold is heavy"])), np.ones(3, bool), np.array([3]), 3), 3)
Kernel = Callable[[pa.Array], list[Any]]


def measured(texts: pa.Array) -> list[Any]:
    return list(zip(*(column.tolist() for column in measure(texts, units(texts)).values()), strict=True))


def cleaned(texts: pa.Array) -> list[Any]:
    edits, counts = find_edits(texts, pa.array(["zh"] * len(texts)), Policy("mask", "c4", "simplify"))
    return list(zip(edited(texts, edits).to_pylist(), counts.T.tolist(), strict=True))


def grams(texts: pa.Array) -> list[Any]:
    found = ngrams.find(texts, INDEX)
    return [list(zip(found.starts[mine].tolist(), found.ends[mine].tolist(), strict=True)) for mine in (
        found.documents == k for k in range(len(texts))
    )]  # fmt: skip


def lines(texts: pa.Array) -> list[Any]:
    found = recurring.pieces(texts, "paragraph")
    columns = found.keys, found.words, found.starts, found.ends
    return [[column[found.documents == k].tolist() for column in columns] for k in range(len(texts))]


KERNELS: dict[str, Kernel] = {
    "measure": measured,
    "signature_column": lambda texts: signature_column(units(texts), 5, 72).to_pylist(),
    "shingle_sets": lambda texts: shingle_sets(units(texts), 5, 20_000).to_pylist(),
    "quality": lambda texts: quality.score(quality.content(texts, units(texts)), WEIGHTS, 0.1).tolist(),
    "chinese words": lambda texts: np.diff(words(texts, "zh")[1].bounds).tolist(),
    "gpt2": lambda texts: gpt2.count(texts).tolist(),
    "ngrams": grams,
    "recurring": lines,
    "phrases": lambda texts: count_phrase_words(units(texts), ["gold is", "淘金"]).tolist(),
    "mojibake": lambda texts: count_mojibake(texts).tolist(),
    "language": lambda texts: identify(texts.to_pylist()),
    "hash64": lambda texts: hash64(texts).tolist(),
    "cleaning": cleaned,
}


def hard_texts(scale: int) -> list[str]:
    """`scale` 10: lines of 50 MB."""
    return [
        "", "gold", " \t\u3000\n \n", "🙂\u200d🙂 e\u0301\u0301\u0302 👩\u200d🔬",
        b"\xff\xfe caf\xe9 \x80".decode(errors="replace"),
        "gold is heavy, gold is heavy. " * (166_667 * scale), "淘金的人在河邊，" * (208_333 * scale),
        "a" * (5_000_000 * scale), "the same line.\n" * 100_000, "1.2.3@4 {" * (100_000 * scale),
    ]  # fmt: skip


def check(kernel: Kernel, texts: list[str]) -> None:
    together = kernel(pa.array(texts))
    assert len(together) == len(texts)
    for text, found in zip(texts, together, strict=True):
        [alone] = kernel(pa.array([text]))
        assert str(alone) == str(found)  # NaN, too, is as it was


@pytest.mark.parametrize("name", KERNELS)
def test_no_text_changes_anothers_result(name: str) -> None:
    texts = hard_texts(1)
    check(KERNELS[name], [text if len(text) < 1000 else text[:20_000] for text in texts])


@pytest.mark.soak
@pytest.mark.parametrize("name", KERNELS)
def test_lines_of_fifty_megabytes(name: str) -> None:
    texts = hard_texts(10)
    assert sum(len(text.encode()) >= 49_000_000 for text in texts) == 3
    started = time.process_time()
    check(KERNELS[name], texts)
    print(f"{name:18} {time.process_time() - started:6.1f} s, twice {sum(map(len, texts)) / 1e6:.0f} million characters")


def test_the_index_finds_its_gram() -> None:
    assert grams(pa.array(["he said: Gold is heavy!"])) == [[(9, 22)]]
    assert grams(pa.array(["gold is heavy, gold is heavy", "is heavy"])) == [[(0, 13), (15, 28)], []]
