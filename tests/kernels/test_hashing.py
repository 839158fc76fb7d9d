"""Hashes against the xxHash specification's own values and Spark's xxhash64; chance against its distribution."""

import hashlib
import unicodedata

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from pipeline.kernels.hashing import hash64, text_hash, unit_interval

STRINGS = ["", "a", "abc", "淘金" * 20, "x" * 31, "x" * 32, "x" * 33, "0123456789" * 100, "é😀"]


def test_the_same_as_sparks(spark):
    rows = spark.createDataFrame([(text,) for text in STRINGS], "text string").select("text", F.xxhash64("text"))
    theirs = dict(rows.collect())
    mine = hash64(pa.array(STRINGS), seed=42).view(np.int64)  # Spark's seed
    assert [theirs[text] for text in STRINGS] == mine.tolist()


def test_chance_is_uniform_and_purposes_are_independent():
    ids = pa.array([f"id-{n}" for n in range(20_000)])
    draws = unit_interval(1, "quality", ids), unit_interval(1, "order", ids), unit_interval(2, "quality", ids)
    for one in draws:
        assert one.min() >= 0
        assert one.max() < 1
        counts = np.histogram(one, 20, (0, 1))[0]
        assert ((counts - 1000) ** 2 / 1000).sum() < 45  # chi squared, 19 degrees: p = 0.0007
    for one, other in ((0, 1), (0, 2)):
        assert abs(np.corrcoef(draws[one], draws[other])[0, 1]) < 4 / np.sqrt(20_000)


def test_the_same_draw_wherever_the_column_is_cut():
    ids = pa.array([f"id-{n}" for n in range(100)])
    assert unit_interval(5, "x", ids)[60:].tolist() == unit_interval(5, "x", ids.slice(60)).tolist()


def test_text_hash_tells_texts_apart():
    assert text_hash("a b") == text_hash("a\n\n b ")
    assert len({text_hash(text) for text in ("a b", "ab", "A b", "", "a b c")}) == 5
    assert len(text_hash("")) == 32


def test_text_hash_is_of_the_words_that_split_gives():
    """BLAKE2b of the composed text's words with one space between, at every character that is white space or near it."""
    white = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    assert len(white) == 29
    near = [chr(ord(one) + step) for one in white for step in (-1, 1, 64)] + ["\u0000", "\u200b", "\ufeff", "\u3001"]
    texts = ["", " ", "\u3000", "\ud800 \udc00", "a\u2028", "e\u0301\u0085", "\u00a0淘\u3000\u3000金 \r\n", "\xc2"]
    texts += [form.replace("_", one) for one in white + near for form in ("_", "a_b", "_淘_金_", "é _ _b", "😀__")]
    for text in texts:
        words = " ".join(unicodedata.normalize("NFC", text).split()).encode("utf-8", "replace")
        assert text_hash(text) == hashlib.blake2b(words, digest_size=16).hexdigest(), ascii(text)
