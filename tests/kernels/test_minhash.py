"""Signatures against datasketch, similarity against sets, the banding curve against its closed form."""

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH

from pipeline.kernels.minhash import (
    agreement,
    band_keys,
    jaccard,
    shingle_hash32,
    shingle_sets,
    signature_column,
    signatures,
)
from pipeline.kernels.text import units
from pipeline.sample.write import references

TEXTS = [
    "Gold is where you find it, and where you do not look it is not.",
    "淘金者在河边淘金，河边没有金子的时候他们就回家。",
    "Смешанный текст, English words и 汉字 в одном предложении, и ещё немного слов.",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ",
    "one two three four five",
    "one two three four",
    "",
]


def shingle_texts(text: str, size: int) -> list[bytes]:
    data = text.encode()
    found = units(pa.array([text]))
    words = [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]
    return [" ".join(words[i : i + size]).encode() for i in range(len(words) - size + 1)]


@pytest.mark.parametrize("permutations", [10, 72, 128])
def test_every_value_is_datasketchs(permutations):
    signed = signatures(units(pa.array(TEXTS)), 5, permutations)
    for text, mine in zip(TEXTS, signed, strict=True):
        theirs = MinHash(num_perm=permutations, seed=1, scheme="affine32", hashfunc=shingle_hash32)
        for shingle in shingle_texts(text, 5):
            theirs.update(shingle)
        assert mine.tolist() == theirs.hashvalues.tolist()


def test_short_documents_have_no_signature():
    lengths = [len(value) for value in signature_column(units(pa.array(TEXTS)), 5, 72).to_pylist()]
    assert lengths == [288, 288, 288, 288, 288, 0, 0]


def test_candidates_are_those_of_datasketchs_index():
    draw = np.random.default_rng(7)
    texts = []
    for _ in range(60):
        words = [f"w{n}" for n in draw.integers(0, 800, 90)]
        texts.append(" ".join(words))
        for place in draw.integers(0, 90, draw.integers(1, 8)):
            words[place] = f"x{draw.integers(0, 10**9)}"
        texts.append(" ".join(words))
    column = signature_column(units(pa.array(texts)), 5, 72)
    keys = band_keys(column, 12, 6)
    mine = {
        (i, j) for i in range(len(texts)) for j in range(i + 1, len(texts)) if (keys[i] == keys[j]).any()
    }
    index = MinHashLSH(num_perm=72, params=(12, 6))
    theirs = set()
    for j, text in enumerate(texts):
        sketch = MinHash(num_perm=72, seed=1, scheme="affine32", hashfunc=shingle_hash32)
        sketch.update_batch(shingle_texts(text, 5))
        theirs |= {(i, j) for i in index.query(sketch)}
        index.insert(j, sketch)
    assert mine == theirs
    assert len(mine) > 20


def test_the_curve_of_candidates():
    """1 - (1 - s^r)^b, within 4 standard errors, on signatures of pairs with known similarity."""
    n, shared, own = 1500, 80, 20  # similarity 80 / (80 + 10 + 10)
    left, right = [], []
    for i in range(n):
        common = [f"c{i}x{k}" for k in range(shared)]
        left.append(" ".join(common + [f"l{i}x{k}" for k in range(own // 2)]))
        right.append(" ".join(common + [f"r{i}x{k}" for k in range(own // 2)]))
    keys = [band_keys(signature_column(units(pa.array(side)), 1, 72), 12, 6) for side in (left, right)]
    found = (keys[0] == keys[1]).any(axis=1).mean()
    expected = 1 - (1 - 0.8**6) ** 12
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_jaccard_is_exact_and_its_sketch_close():
    texts = pa.array([" ".join(f"w{k}" for k in range(4000)), " ".join(f"w{k}" for k in range(1000, 5000))])
    sets = shingle_sets(units(texts), 1, 100_000)
    assert jaccard(sets[:1], sets[1:], 100_000)[0] == 3000 / 5000
    cut = shingle_sets(units(texts), 1, 1000)
    assert len(cut[0].as_py()) == 8000
    assert jaccard(cut[:1], cut[1:], 1000)[0] == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / 1000))


def test_agreement_estimates_similarity():
    texts = [" ".join(f"w{k}" for k in range(200)), " ".join(f"w{k}" for k in range(50, 250))]
    column = signature_column(units(pa.array(texts)), 1, 1024)
    assert agreement(column[:1], column[1:])[0] == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / 1024))


def test_on_the_samples_own_texts():
    texts = [row["text"] for rows in references().values() for row in rows]
    signed = signatures(units(pa.array(texts)), 5, 16)
    theirs = MinHash(num_perm=16, seed=1, scheme="affine32", hashfunc=shingle_hash32)
    theirs.update_batch(shingle_texts(texts[0], 5))
    assert signed[0].tolist() == theirs.hashvalues.tolist()
