"""What a classifier's scores on held-out documents say of it: the figures of its card."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.quality import keep_chance

EDGES = np.linspace(0.0, 1.0, 21)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def at_half(scores: NDArray[np.float64], reference: NDArray[np.bool_]) -> dict[str, float]:
    """Precision, recall and F1 of `score >= 0.5`, both roles weighing the same: a balanced test set's.

    >>> at_half(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False]))
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    """
    recall = float((scores[reference] >= 0.5).mean())
    wrong = float((scores[~reference] >= 0.5).mean())
    precision = recall / (recall + wrong) if recall + wrong else 0.0
    f1 = 2 * precision * recall / (precision + recall) if recall else 0.0
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def calibration(scores: NDArray[np.float64], reference: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """For each tenth of [0, 1]: the mean score, and the share of references, both roles weighing the same."""
    weights = np.where(reference, 1 / max(1, reference.sum()), 1 / max(1, (~reference).sum()))
    place = np.minimum((scores * 10).astype(int), 9)
    rows = []
    for k in range(10):
        mine = place == k
        if mine.any():
            share = weights[mine & reference].sum() / weights[mine].sum()
            mean = np.average(scores[mine], weights=weights[mine])
            rows.append({"score": round(float(mean), 4), "references": round(float(share), 4), "documents": int(mine.sum())})
    return rows


def quantiles(scores: NDArray[np.float64]) -> list[float]:
    """The scores at QUANTILES."""
    return [round(float(one), 4) for one in np.quantile(scores, QUANTILES)]


def histogram(scores: NDArray[np.float64]) -> list[int]:
    """Documents between EDGES."""
    return [int(n) for n in np.histogram(scores, EDGES)[0]]


def fitted_alpha(references: NDArray[np.float64], raw: NDArray[np.float64]) -> float:
    """The alpha at which the raw documents that the Pareto rule keeps have scores nearest to the references'.

    Near by the Wasserstein-1 distance, the area between the two distribution functions; each raw document counts with its
    chance (2 - score)^-alpha. The least of 0.1, 0.2 … 30.0. Appendix A.1: "we chose alpha = 9 ... to match the
    distribution of scores from our classifier on WebText".

    >>> raw = np.linspace(0, 1, 1001)
    >>> fitted_alpha(np.quantile(raw, np.linspace(0, 1, 501)), raw)
    0.1
    """
    alphas = np.arange(1, 301) / 10
    distances = [wasserstein(references, raw, keep_chance(raw, alpha)) for alpha in alphas]
    return float(alphas[int(np.argmin(distances))])


def wasserstein(
    references: NDArray[np.float64], raw: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """The Wasserstein-1 distance between the references' scores and the weighted raw ones.

    >>> wasserstein(np.array([0.5]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    0.5
    """
    at = np.sort(np.concatenate([references, raw]))
    order = np.argsort(raw, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    share_raw = sums[np.searchsorted(raw[order], at[:-1], "right")] / sums[-1]
    share_references = np.searchsorted(np.sort(references), at[:-1], "right") / len(references)
    return float(np.abs(share_raw - share_references) @ np.diff(at))


def share_between(scores: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """How much of the scores' variance lies between groups, in [0, 1]: 1 if a score only says which host a page is of."""
    total = float(((scores - scores.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    _, place = np.unique(groups, return_inverse=True)
    means = np.bincount(place, scores) / np.bincount(place)
    return float(((means[place] - scores.mean()) ** 2).sum() / total)
