"""Other tokenizers than GPT-2's; the oracles are tiktoken with the same vocabulary, and the library itself."""

import gzip
import re
from base64 import b64decode
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
from bpe_openai import get_encoding

from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.tokens import ENCODINGS, GPT2, Tokenizer, count_sample, count_tokens

TEXTS = [
    "Hello world, it's what we'll say: 'quoted' IT'S and 1234567 numbers.",
    "淘金（Panning for gold）是指从河床中淘洗出金子。１２３個例子",
    "  indented\n\n\tcode = [x for x in range(10)]  \r\n   \n",
    "<|endoftext|> 👩‍🔬 é naïve हिन्दी ไทย",
    "a" * 5000,
    "",
]


@pytest.mark.parametrize("name", ENCODINGS[1:])
def test_an_encoding_counts_as_tiktoken_does(name: str):
    lines = gzip.decompress((files("bpe_openai") / "data" / f"{name}.tiktoken.gz").read_bytes()).split(b"\n")
    ranks = {b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    oracle = tiktoken.Encoding(name, pat_str=get_encoding(name)._pat_str, mergeable_ranks=ranks, special_tokens={})
    wanted = [len(oracle.encode(text, disallowed_special=())) for text in TEXTS]
    assert count_tokens(pa.array([*TEXTS, None]), Tokenizer(name)).tolist() == [*wanted, 0]


@pytest.fixture
def own_tokenizer() -> Tokenizer:
    """A word-level tokenizer.json that pads, truncates and adds a token at the start: none of it is the text's."""
    from tokenizers import Tokenizer as Model
    from tokenizers import models, pre_tokenizers, processors

    model = Model(models.WordLevel({"[UNK]": 0, "gold": 1, "[CLS]": 2}, unk_token="[UNK]"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    model.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    model.enable_truncation(3)
    model.enable_padding(length=8)
    return Tokenizer("own.json", model.to_str())


def test_a_tokenizer_json_counts_the_text_alone(own_tokenizer: Tokenizer):
    texts = ["panning for gold, gold", "", "gold " * 100]
    wanted = [len(re.findall(r"\w+|[^\w\s]+", text)) for text in texts]
    assert wanted == [5, 0, 100]
    assert count_tokens(pa.array([*texts, None]), own_tokenizer).tolist() == [*wanted, 0]


def test_what_is_no_tokenizer_is_said():
    with pytest.raises(ValueError, match=r"^mine\.json: "):
        count_tokens(pa.array(["a"]), Tokenizer("mine.json", '{"no": "model"}'))


def test_a_sample_counts_the_hashed_share():
    texts, ids = pa.array([f"text number {k}" for k in range(200)]), pa.array([str(k) for k in range(200)])
    drawn = unit_interval(7, "token sample", ids) < 0.25
    counts = count_sample(texts, ids, GPT2, 0.25, 7)
    assert 20 < drawn.sum() < 80
    assert np.array_equal(np.asarray(counts.is_valid()), drawn)
    assert counts.drop_null().to_pylist() == count_tokens(texts.filter(pa.array(drawn))).tolist()
