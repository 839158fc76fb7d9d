"""Measure every document of a kept language once: metrics, quality score, MinHash signature.

One pass over the text, in kernels over Arrow buffers; what is decided from the numbers is decided later (verdict). What a
policy edits in a text (C4's lines, personal data, traditional characters) is edited before it is measured.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import ArrayType, StructField, StructType

from pipeline.arrow import rows_from
from pipeline.kernels import fasttext_quality, metrics, minhash, quality
from pipeline.kernels.chinese import words
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.fasttext_quality import OwnModel
from pipeline.kernels.phrases import count_phrase_words
from pipeline.kernels.text import Units, units
from pipeline.schema import BINARY, BOOL, DOUBLE, INT, LONG, STRING

_SPARK_TYPES = {pa.int64(): LONG, pa.int32(): INT, pa.float64(): DOUBLE, pa.bool_(): BOOL}
ANNOTATIONS = StructType(
    [StructField("id", STRING, False), StructField("part", INT, False)]
    + [StructField(name, _SPARK_TYPES[kind], False) for name, kind in metrics.METRICS.items()]
    + [StructField("quality_score", DOUBLE, False), StructField("signature", BINARY, False)]
)


_EDITS = ArrayType(
    StructType(
        [
            StructField("start", LONG, False),
            StructField("end", LONG, False),
            StructField("replacement", STRING, False),
            StructField("reason", STRING, False),
        ]
    ),
    False,
)
_ARROW_EDITS = to_arrow_type(_EDITS)
MEASURED = StructType([*ANNOTATIONS.fields, StructField("edits", _EDITS, False)])


Scorer = quality.Model | OwnModel


class Settings(NamedTuple):
    """`permutations` 0: no signatures. `sensitive`: words and phrases to count."""

    shingle: int
    permutations: int
    policy: Policy = Policy()
    sensitive: Sequence[str] = ()


def annotate(documents: DataFrame, model: Scorer, settings: Settings) -> DataFrame:
    """Rows of ANNOTATIONS for `documents`: id, part, language, text; of MEASURED where the policy edits texts.

    `quality_score` is NaN in a language that has no model. `signature` is empty for a document shorter than a shingle, and
    for all when `permutations` is 0.
    """
    kernel = partial(_measure, model=model, settings=settings)
    schema = MEASURED if settings.policy.edits else ANNOTATIONS
    return rows_from(documents.select("id", "part", "language", "text"), kernel, schema)


def edit_rows(measured: DataFrame) -> DataFrame:
    """Rows of EDITS from those of MEASURED."""
    rows = measured.select("id", "part", F.explode("edits").alias("edit"))
    return rows.select("id", "part", "edit.*", F.lit("annotate").alias("stage"))


def _measure(batch: pa.RecordBatch, model: Scorer, settings: Settings) -> pa.RecordBatch:
    texts, shingle, permutations = batch["text"], settings.shingle, settings.permutations
    edits, personal = None, None
    if settings.policy != Policy():
        edits, personal = find_edits(texts, batch["language"], settings.policy)
        texts = edited(texts, edits)
    found = units(texts)
    spelled = {language: words(texts.take(at), language) for language, at in _rows(batch["language"], {"zh"})}
    counted = metrics.Counted(
        _chinese_words(batch["language"], spelled),
        count_phrase_words(found, settings.sensitive) if settings.sensitive else None,
        personal,
    )
    measured = metrics.measure(texts, found, counted)
    columns: dict[str, pa.Array | NDArray[np.generic]] = {"id": batch["id"], "part": batch["part"]}
    columns |= {name: pa.array(measured[name], kind) for name, kind in metrics.METRICS.items()}
    columns["quality_score"] = pa.array(_scores(batch["language"], texts, found, spelled, model))
    columns["signature"] = (
        minhash.signature_column(found, shingle, permutations)
        if permutations
        else pa.array([b""] * len(batch), pa.binary())
    )
    if edits is not None and settings.policy.edits:
        columns["edits"] = pa.array([[edit._asdict() for edit in some] for some in edits], _ARROW_EDITS)
    return pa.record_batch(columns)


def _rows(languages: pa.Array, wanted: Iterable[str]) -> Iterator[tuple[str, pa.Array]]:
    """The wanted languages that are there, each with the places of its rows."""
    of_rows = languages.to_numpy(zero_copy_only=False)
    for language in sorted(wanted):
        mine = np.flatnonzero(of_rows == language)
        if len(mine):
            yield language, pa.array(mine)


def _chinese_words(languages: pa.Array, spelled: Mapping[str, tuple[pa.Array, Units]]) -> NDArray[np.int64]:
    counts = np.zeros(len(languages), np.int64)
    for language, at in _rows(languages, {"zh"}):
        counts[at.to_numpy()] = np.diff(spelled[language][1].bounds)
    return counts


def _scores(
    languages: pa.Array, texts: pa.Array, found: Units, spelled: Mapping[str, tuple[pa.Array, Units]], model: Scorer
) -> NDArray[np.float64]:
    """Of each document by the model of its language; NaN where it has none. Words are hashed once: those of `spelled`
    (Chinese) where the language has an entry there, else the units `found` of `texts`.
    """
    if isinstance(model, OwnModel):
        return fasttext_quality.score(texts, model)
    scores = np.full(len(languages), np.nan)
    shared: quality.Words | None = None
    for language, at in _rows(languages, model):
        if language in spelled:
            read = quality.content(*spelled[language])
        else:
            shared = shared or quality.content(texts, found)
            read = shared.of(at.to_numpy())
        fit = model[language]
        scores[at.to_numpy()] = quality.score(read, fit.weights, fit.intercept)
    return scores
