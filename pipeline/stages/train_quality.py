"""Fit the quality classifier: references against raw documents, one model a language (appendix A.1).

    documents ──▶ a hashed sample, balanced by language and role ──▶ hashed word counts ──▶ logistic regression ──▶ card

Fitting is scikit-learn's, on the driver, over at most SAMPLE documents a language and role; rows are sorted by id, so that
the same documents give the same model. A fifth of the hosts (raw) and documents (references) is held out, and every
figure of the card is measured on it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.arrow import column_from, rows_from
from pipeline.kernels.chinese import words
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.quality import Fit, Model, count_words
from pipeline.kernels.text import Units
from pipeline.schema import BINARY, BOOL, DOUBLE, STRING, table

SAMPLE = 100_000  # documents a language and role
WINDOW = 2_000  # words of a long document that are read: a book does not outweigh a thousand pages
HELD_OUT = 0.2
MIN_DOCUMENTS = 10  # of each role: with fewer to train on a language has no model, with fewer held out no figures
REGULARISATIONS = (1.0, 10.0)  # scikit-learn's C, for vectors of length 1; the held-out fifth chooses
_EDGES = np.linspace(0.0, 1.0, 21)
_AS_IT_IS = Policy()

FEATURES = table(
    {"id": STRING, "language": STRING, "reference": BOOL, "held_out": BOOL, "buckets": BINARY, "counts": BINARY}
)


def training_features(
    documents: DataFrame, references: Sequence[str], seed: int, buckets: int, policy: Policy = _AS_IT_IS
) -> DataFrame:
    """Rows of FEATURES for a hashed sample of `documents`: id, source, host, language, text, text_hash.

    `references` are the trusted sources. Raw copies of references (same text) are left out. Starts a Spark job (counts).
    """
    labelled = documents.withColumn("reference", F.col("source").isin(list(references)))
    trusted = labelled.where("reference").select("text_hash").distinct()
    raw = labelled.where("NOT reference").join(trusted, "text_hash", "left_anti")
    rows = labelled.where("reference").unionByName(raw)
    counted = rows.groupBy("language", "reference").count().collect()
    share = F.coalesce(
        *(
            F.when((F.col("language") == language) & (F.col("reference") == reference), F.lit(min(1.0, SAMPLE / count)))
            for language, reference, count in counted
        ),
        F.lit(0.0),
    )
    drawn = column_from(partial(_draw, seed=seed, purpose="train"), DOUBLE)("id") < share
    group = F.when(F.col("reference") | F.col("host").isNull(), F.col("id")).otherwise(F.col("host"))
    held_out = column_from(partial(_draw, seed=seed, purpose="held-out"), DOUBLE)(group) < HELD_OUT
    sample = rows.where(drawn).select("id", "language", "reference", held_out.alias("held_out"), "text")
    return rows_from(sample, partial(_features, seed=seed, buckets=buckets, policy=policy), FEATURES)


def _draw(ids: pa.Array, seed: int, purpose: str) -> pa.Array:
    return pa.array(unit_interval(seed, purpose, ids))


def _features(batch: pa.RecordBatch, seed: int, buckets: int, policy: Policy) -> pa.RecordBatch:
    found: list[tuple[bytes, bytes]] = [(b"", b"")] * len(batch)
    languages = batch["language"].to_numpy(zero_copy_only=False)
    for language in sorted(set(languages)):
        mine = np.flatnonzero(languages == language)
        rows = batch.take(pa.array(mine))
        texts = rows["text"]
        if policy.edits:  # learned from texts as they will be scored
            texts = edited(texts, find_edits(texts, rows["language"], policy)[0])
        counted = count_words(_windows(words(texts, language), rows["id"], seed), buckets)
        for place, a, b in zip(mine, counted.bounds[:-1], counted.bounds[1:], strict=True):
            found[place] = counted.buckets[a:b].tobytes(), counted.counts[a:b].tobytes()
    columns = {name: batch[name] for name in ("id", "language", "reference", "held_out")}
    columns["buckets"] = pa.array([one for one, _ in found], pa.binary())
    columns["counts"] = pa.array([other for _, other in found], pa.binary())
    return pa.record_batch(columns)


def _windows(found: Units, ids: pa.Array, seed: int) -> Units:
    """At most WINDOW words of each document, from a hashed place."""
    sizes = np.diff(found.bounds)
    room = np.maximum(0, sizes - WINDOW)
    first = found.bounds[:-1] + (unit_interval(seed, "window", ids) * (room + 1)).astype(np.int64)
    kept = np.minimum(sizes, WINDOW)
    bounds = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    at = np.repeat(first - bounds[:-1], kept) + np.arange(bounds[-1])
    return Units(bounds, found.hashes[at], found.starts[at], found.ends[at])


def fit(features: pa.Table, buckets: int) -> tuple[Model, list[dict[str, Any]]]:
    """The models, and for each language its part of the card. A language short of either role has no model, and the card
    says so (`fitted: false`).
    """
    features = features.sort_by("id")
    model: Model = {}
    cards: list[dict[str, Any]] = []
    for language in sorted(pc.unique(features["language"]).to_pylist()):
        rows = features.filter(pc.equal(features["language"], language))
        reference = rows["reference"].to_numpy()
        held_out = rows["held_out"].to_numpy()
        card: dict[str, Any] = {
            "language": language,
            "references": int(reference.sum()),
            "raw": int((~reference).sum()),
            "held_out": int(held_out.sum()),
            "fitted": False,
        }
        cards.append(card)
        training = reference[~held_out]
        if not _enough(training):
            continue
        model[language], regularisation = _choose(rows, reference, held_out, buckets)
        card |= {"fitted": True, "regularisation": regularisation}
        card |= _measure(_score(rows, model[language]), reference, held_out)
    return model, cards


def _choose(
    rows: pa.Table, reference: NDArray[np.bool_], held_out: NDArray[np.bool_], buckets: int
) -> tuple[Fit, float]:
    """The fit whose regularisation gives the least held-out loss: what carries over, not what fits.

    Raw documents hold good pages too, which a loose fit on few documents would learn by heart as bad ones.
    """
    from threadpoolctl import threadpool_limits

    training = rows.filter(pa.array(~held_out))
    with threadpool_limits(1):  # sums in one order: the same model on any number of cores
        fits = [(_fit(training, reference[~held_out], buckets, c), c) for c in REGULARISATIONS]
        losses = [_loss(_score(rows, one)[held_out], reference[held_out]) for one, _ in fits]
    return fits[int(np.argmin(losses))]


def _enough(reference: NDArray[np.bool_]) -> bool:
    return bool(min(reference.sum(), (~reference).sum()) >= MIN_DOCUMENTS)


def _loss(scores: NDArray[np.float64], reference: NDArray[np.bool_]) -> float:
    """Log loss with both roles weighing the same; 0 where a role has too few, so that the strictest fit is taken."""
    if not _enough(reference):
        return 0.0
    chance = np.clip(np.where(reference, scores, 1 - scores), 1e-12, None)
    return float(-(np.log(chance[reference]).mean() + np.log(chance[~reference]).mean()) / 2)


def _matrix(rows: pa.Table, buckets: int) -> Any:
    """A CSR matrix of the rows' counts, each row scaled to length 1."""
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    places = [np.frombuffer(value, np.int32) for value in rows["buckets"].to_pylist()]
    counts = [np.frombuffer(value, np.int32).astype(np.float64) for value in rows["counts"].to_pylist()]
    bounds = np.concatenate([[0], np.cumsum([len(one) for one in places])])
    matrix = csr_array((np.concatenate(counts), np.concatenate(places), bounds), (len(places), buckets))
    return normalize(matrix)


def _fit(rows: pa.Table, reference: NDArray[np.bool_], buckets: int, regularisation: float) -> Fit:
    """The regression over the buckets that occur; a weight that no document moves stays 0."""
    from sklearn.linear_model import LogisticRegression

    matrix = _matrix(rows, buckets)
    seen = np.unique(matrix.indices)
    regression = LogisticRegression(C=regularisation, class_weight="balanced", max_iter=1000, tol=1e-5)
    regression.fit(matrix[:, seen], reference)
    weights = np.zeros(buckets, np.float32)
    weights[seen] = regression.coef_[0]
    return Fit(weights, float(regression.intercept_[0]))


def _score(rows: pa.Table, model: Fit) -> NDArray[np.float64]:
    """kernels.quality.score of the training windows, from their counts."""
    scaled = _matrix(rows, len(model.weights)) @ model.weights.astype(np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-(scaled + model.intercept))))


def _measure(scores: NDArray[np.float64], reference: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    figures: dict[str, Any] = {
        "histogram": {
            "edges": _EDGES.round(2).tolist(),
            "references": np.histogram(scores[reference], _EDGES)[0].tolist(),
            "raw": np.histogram(scores[~reference], _EDGES)[0].tolist(),
        }
    }
    truth, seen = reference[held_out], scores[held_out]
    if _enough(truth):
        precision, recall, f1, _ = precision_recall_fscore_support(truth, seen >= 0.5, average="binary", zero_division=0.0)
        figures |= {
            "auc": round(float(roc_auc_score(truth, seen)), 4),
            "precision": round(float(precision), 4),
            "recall": round(float(recall), 4),
            "f1": round(float(f1), 4),
        }
    return figures
