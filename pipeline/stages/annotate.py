"""Measure every document of a kept language once: metrics, quality score, MinHash signature.

One pass over the text, in kernels over Arrow buffers; what is decided from the numbers is decided later (verdict).
"""

from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from pipeline.arrow import rows_from
from pipeline.kernels import fasttext_quality, metrics, minhash, quality
from pipeline.kernels.chinese import words
from pipeline.kernels.fasttext_quality import OwnModel
from pipeline.kernels.text import Units, units
from pipeline.schema import BINARY, BOOL, DOUBLE, INT, LONG, STRING

_SPARK_TYPES = {pa.int64(): LONG, pa.int32(): INT, pa.float64(): DOUBLE, pa.bool_(): BOOL}
ANNOTATIONS = StructType(
    [StructField("id", STRING, False), StructField("part", INT, False)]
    + [StructField(name, _SPARK_TYPES[kind], False) for name, kind in metrics.METRICS.items()]
    + [StructField("quality_score", DOUBLE, False), StructField("signature", BINARY, False)]
)


Scorer = quality.Model | OwnModel


def annotate(documents: DataFrame, model: Scorer, shingle: int, permutations: int) -> DataFrame:
    """Rows of ANNOTATIONS for `documents`: id, part, language, text.

    `quality_score` is NaN in a language that has no model. `signature` is empty for a document shorter than a shingle, and
    for all when `permutations` is 0.
    """
    kernel = partial(_measure, model=model, shingle=shingle, permutations=permutations)
    return rows_from(documents.select("id", "part", "language", "text"), kernel, ANNOTATIONS)


def _measure(batch: pa.RecordBatch, model: Scorer, shingle: int, permutations: int) -> pa.RecordBatch:
    found = units(batch["text"])
    measured = metrics.measure(batch["text"], found)
    columns: dict[str, pa.Array | NDArray[np.generic]] = {"id": batch["id"], "part": batch["part"]}
    columns |= {name: pa.array(measured[name], kind) for name, kind in metrics.METRICS.items()}
    columns["quality_score"] = pa.array(_scores(batch, found, model))
    columns["signature"] = (
        minhash.signature_column(found, shingle, permutations)
        if permutations
        else pa.array([b""] * len(batch), pa.binary())
    )
    return pa.record_batch(columns)


def _scores(batch: pa.RecordBatch, found: Units, model: Scorer) -> NDArray[np.float64]:
    """Of each document by the model of its language; NaN where it has none. Only Chinese has words beside `found`."""
    if isinstance(model, OwnModel):
        return fasttext_quality.score(batch["text"], model)
    languages = batch["language"].to_numpy(zero_copy_only=False)
    scores = np.full(len(batch), np.nan)
    shared = quality.content(batch["text"], found) if set(languages) & model.keys() - {"zh"} else None
    for language, fit in model.items():
        mine = np.flatnonzero(languages == language)
        if not len(mine):
            continue
        if language == "zh" or shared is None:
            spelled = quality.content(*words(batch["text"].take(pa.array(mine)), language))
        else:
            spelled = shared.of(mine)
        scores[mine] = quality.score(spelled, fit.weights, fit.intercept)
    return scores
