"""The words of one document that moved its quality score most."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.chinese import words
from pipeline.kernels.quality import Fit, bucket_of, content, load_model, score


class Moved(NamedTuple):
    """The score as the model gives it, its log-odds as intercept + the sum of all words' parts, and the largest of these."""

    score: float
    intercept: float
    total: float
    largest: list[tuple[str, int, float]]  # word, how often, part


def moved(model: Path, text: str, language: str, n: int) -> Moved | None:
    """The n words of the largest parts of either sign; None if the model has no such language."""
    fit = load_model(model).get(language) if model.is_file() else None
    if fit is None:
        return None
    spelled, found = words(pa.array([text]), language)
    read = content(spelled, found)
    value = float(score(read, fit.weights, fit.intercept)[0])
    if not len(read.hashes):
        return Moved(value, fit.intercept, 0.0, [])
    hashes, first, counts = np.unique(read.hashes, return_index=True, return_counts=True)
    parts = _parts(hashes, counts, fit)
    raw = utf8_buffers(spelled)[1]
    places = read.places[first]
    order = np.lexsort((hashes, -parts))
    order = np.concatenate([order[parts[order] > 0][:n], order[parts[order] < 0][::-1][:n]])
    spellings = (raw[found.starts[k] : found.ends[k]].tobytes().decode("utf-8", "replace").lower() for k in places[order])
    largest = [(word, int(counts[at]), float(parts[at])) for word, at in zip(spellings, order, strict=True)]
    return Moved(value, fit.intercept, float(parts.sum()), largest)


def _parts(hashes: NDArray[np.uint64], counts: NDArray[np.int64], fit: Fit) -> NDArray[np.float64]:
    """weight x sqrt(c / N) of each bucket, shared out among its words by their counts."""
    buckets, inverse = np.unique(bucket_of(hashes, len(fit.weights)), return_inverse=True)
    sums = np.bincount(inverse, counts)
    of_bucket = fit.weights[buckets] * np.sqrt(sums / counts.sum())
    return np.asarray(of_bucket[inverse] * counts / sums[inverse], np.float64)
