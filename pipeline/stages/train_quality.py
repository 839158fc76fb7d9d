"""Fit the quality classifier: references against raw documents, one model a language (appendix A.1).

    documents ──▶ a hashed sample, balanced by source ──▶ windows ──▶ hashed word counts ──▶ logistic regression ──▶ card

Fitting is scikit-learn's, on the driver, over at most SAMPLE documents a language and role; rows are sorted by id, so that
the same documents give the same model. A fifth of the hosts (raw) and of the books or documents (references) is held out,
and every figure of the card is measured on it. What makes the score general is in kernels.quality (features) and
kernels.regression (weights, regularisation).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.arrow import Texts, column_from
from pipeline.kernels import minhash
from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.chinese import words
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.quality import Words, content, count_words
from pipeline.kernels.text import Units
from pipeline.schema import BINARY, BOOL, DOUBLE, INT, STRING, table

SAMPLE = 100_000  # documents a language and role
WINDOW = 2_000  # words that are read at once: a book does not look like a book by its length
WINDOWS = 8  # of a long document: a shelf of thirty books teaches more than thirty pages
VOCABULARY = 2_000  # documents a language and role whose words are kept, so that buckets can be named
# Near copies of references among the raw documents: 4 bands of 6 rows find 70 % at a Jaccard similarity of 0.8, 95 % at 0.9.
_SHINGLE, _BANDS, _BAND_ROWS = 5, 4, 6
_AS_IT_IS = Policy()

FEATURES = table(
    {
        "id": STRING, "window": INT, "source": STRING, "host": STRING, "language": STRING, "reference": BOOL,
        "buckets": BINARY, "counts": BINARY, "bands": BINARY, "vocabulary": STRING,
    }
)  # fmt: skip


def training_features(
    documents: DataFrame, texts: Texts, references: Sequence[str], seed: int, buckets: int, policy: Policy = _AS_IT_IS
) -> DataFrame:
    """Rows of FEATURES for a hashed sample of `documents`: id, part, source, host, language, text_hash.

    `references` are the trusted sources. Raw copies of references (same text) are left out. The sample meets its texts
    where these are stored. Starts a Spark job (counts).
    """
    labelled = documents.withColumn("reference", F.col("source").isin(list(references)))
    trusted = labelled.where("reference").select("text_hash").distinct()
    raw = labelled.where("NOT reference").join(trusted, "text_hash", "left_anti")
    rows = labelled.where("reference").unionByName(raw)
    counted = rows.groupBy("language", "reference", "source").count().collect()
    sizes = {(language, reference, source): n for language, reference, source, n in counted}
    drawn = column_from(partial(_draw, seed=seed, purpose="train"), DOUBLE)("id") < _share(shares(sizes))
    named = column_from(partial(_draw, seed=seed, purpose="vocabulary"), DOUBLE)("id") < _share(shares(sizes, VOCABULARY))
    host = F.coalesce("host", "id").alias("host")
    sample = rows.where(drawn).select("id", "part", "source", host, "language", "reference", named.alias("named"))
    return texts(sample, ("text",), partial(_features, seed=seed, buckets=buckets, policy=policy), FEATURES)


def shares(sizes: Mapping[tuple[str, bool, str], int], room: int = SAMPLE) -> dict[tuple[str, bool, str], float]:
    """The share of each (language, reference, source)'s documents to draw: `room` for a language and role, shared out
    evenly among its sources, and what a small source leaves, among the others.

    >>> shares({("en", True, "books"): 10, ("en", True, "wiki"): 1000, ("en", True, "web"): 500}, 210)
    {('en', True, 'books'): 1.0, ('en', True, 'wiki'): 0.1, ('en', True, 'web'): 0.2}
    """
    found = {}
    for role in {key[:2] for key in sizes}:
        mine = sorted((n, key) for key, n in sizes.items() if key[:2] == role)
        left = room
        for place, (n, key) in enumerate(mine):
            quota = min(n, left // (len(mine) - place))
            found[key], left = quota / n, left - quota
    return {key: found[key] for key in sizes}


def _share(by_source: Mapping[tuple[str, bool, str], float]) -> Column:
    cases = [
        F.when(
            (F.col("language") == language) & (F.col("reference") == reference) & (F.col("source") == source), F.lit(share)
        )
        for (language, reference, source), share in sorted(by_source.items())
    ]
    return F.coalesce(*cases, F.lit(0.0))


def _draw(ids: pa.Array, seed: int, purpose: str) -> pa.Array:
    return pa.array(unit_interval(seed, purpose, ids))


def _features(batch: pa.RecordBatch, seed: int, buckets: int, policy: Policy) -> pa.RecordBatch:
    languages = batch["language"].to_numpy(zero_copy_only=False)
    parts = [
        _windows_of(batch.take(pa.array(np.flatnonzero(languages == language))), language, seed, buckets, policy)
        for language in sorted(set(languages)) or [""]
    ]
    return pa.concat_batches(parts)


def _windows_of(rows: pa.RecordBatch, language: str, seed: int, buckets: int, policy: Policy) -> pa.RecordBatch:
    texts = rows["text"]
    if policy.edits:  # learned from texts as they will be scored
        texts = edited(texts, find_edits(texts, rows["language"], policy)[0])
    spelled, found = words(texts, language)
    read = content(spelled, found)
    windows, owners, numbers = cut_windows(read, rows["id"], seed)
    counted = count_words(windows, buckets)
    signed = minhash.signature_column(found, _SHINGLE, _BANDS * _BAND_ROWS)
    keys = np.full(len(rows), b"", object)
    long = pc.greater(pc.binary_length(signed), 0)
    keys[long.to_numpy(zero_copy_only=False)] = [
        row.tobytes() for row in minhash.band_keys(signed.filter(long), _BANDS, _BAND_ROWS)
    ]
    first = numbers == 0
    named = rows["named"].to_numpy(zero_copy_only=False)[owners] & first
    columns = {name: rows[name].take(pa.array(owners)) for name in ("id", "source", "host", "language", "reference")}
    columns["window"] = pa.array(numbers, pa.int32())
    columns["buckets"] = _binary(counted.buckets, counted.bounds)
    columns["counts"] = _binary(counted.counts, counted.bounds)
    columns["bands"] = pa.array(np.where(first, keys[owners], b""), pa.binary())
    columns["vocabulary"] = _vocabulary(spelled, found, windows, named)
    return pa.record_batch({name: columns[name] for name in FEATURES.names})


def cut_windows(read: Words, ids: pa.Array, seed: int) -> tuple[Words, NDArray[np.int64], NDArray[np.int64]]:
    """At most WINDOWS windows of WINDOW words of each document, from a hashed place in equal parts of it; the document and
    the number of each window.
    """
    sizes = np.diff(read.bounds)
    n_windows = np.clip(sizes // WINDOW, 1, WINDOWS)
    owners = np.repeat(np.arange(len(sizes)), n_windows)
    numbers = np.arange(len(owners)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    part = sizes / n_windows
    room = np.maximum(0, part - WINDOW)[owners]
    place = part[owners] * numbers + unit_interval(seed, "window", ids)[owners] * room
    first = read.bounds[:-1][owners] + place.astype(np.int64)
    return read.slices(first, np.minimum(sizes, WINDOW)[owners]), owners, numbers


def _vocabulary(spelled: pa.Array, found: Units, windows: Words, wanted: NDArray[np.bool_]) -> pa.Array:
    """The distinct words of the wanted windows, a line each."""
    raw = utf8_buffers(spelled)[1]
    texts = []
    for a, b, named in zip(windows.bounds[:-1], windows.bounds[1:], wanted, strict=True):
        if not named:
            texts.append("")
            continue
        places = windows.places[a:b][np.unique(windows.hashes[a:b], return_index=True)[1]]
        spellings = (raw[found.starts[k] : found.ends[k]].tobytes().decode("utf-8", "replace") for k in places)
        texts.append("\n".join(spellings))
    return pa.array(texts, pa.string())


def _binary(values: NDArray[np.int32], bounds: NDArray[np.int64]) -> pa.Array:
    raw = values.tobytes()
    return pa.array([raw[4 * a : 4 * b] for a, b in pairwise(bounds)], pa.binary())
