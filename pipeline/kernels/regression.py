"""The fit of the quality classifier: scikit-learn's logistic regression on hashed word counts (appendix A.1).

A reference source weighs as the square root of its windows, so that a large one does not drown a small one; raw pages
weigh alike, for hosts weighted alike make the few good pages of many small hosts the loudest negatives (a source left out
of the training then carries over at an AUC of 0.93, not 0.98, on our crawl). Both roles weigh the same. How strictly weights
are held back is chosen by what carries over, on a part of the training rows: each reference source is scored by a model
that has not seen it, against hosts that it has not seen either.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.quality import Counts, Fit

REGULARISATIONS = (1.0, 10.0)  # scikit-learn's C, for vectors of length 1; the smaller where both carry over alike
MIN_DOCUMENTS = 10  # of each role, to fit or to measure
_CHOICE = 5_000  # rows of each role on which the choice is made
_GAIN = 0.001  # of AUC that a looser fit has to bring


class Rows(NamedTuple):
    """Windows of documents, n rows."""

    counts: Counts
    reference: NDArray[np.bool_]  # shape (n,)
    groups: NDArray[np.int64]  # shape (n,): the reference source, or the host, by number
    unit: NDArray[np.float64]  # shape (n,): a draw, the same for all rows of a host (or of a reference document)

    def take(self, chosen: NDArray[Any]) -> "Rows":
        """The rows at some places, or under a mask."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        sizes = np.diff(self.counts.bounds)[places]
        bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.repeat(self.counts.bounds[:-1][places] - bounds[:-1], sizes) + np.arange(bounds[-1])
        counts = Counts(bounds, self.counts.buckets[at], self.counts.counts[at])
        return Rows(counts, self.reference[places], self.groups[places], self.unit[places])


def fit(rows: Rows, buckets: int) -> tuple[Fit, float, dict[int, float]]:
    """The model, its regularisation, and for each reference group the AUC by a model that has not seen it."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums in one order: the same model on any number of cores
        transfers = {c: _transfer(_few(rows), buckets, c) for c in REGULARISATIONS}
        strict, loose = REGULARISATIONS
        means = {c: float(np.mean(list(found.values()))) if found else 0.0 for c, found in transfers.items()}
        chosen = loose if means[loose] > means[strict] + _GAIN else strict
        return fit_once(rows, buckets, chosen), chosen, transfers[chosen]


def fit_once(rows: Rows, buckets: int, regularisation: float) -> Fit:
    """The regression over the buckets that occur; a weight that no document moves stays 0."""
    from sklearn.linear_model import LogisticRegression

    seen = np.flatnonzero(np.bincount(rows.counts.buckets, minlength=buckets))
    column = np.zeros(buckets, np.int32)
    column[seen] = np.arange(len(seen))
    vectors = matrix(rows.counts._replace(buckets=column[rows.counts.buckets]), len(seen))
    regression = LogisticRegression(C=regularisation, max_iter=1000, tol=1e-4)
    regression.fit(vectors, rows.reference, sample_weight=_weights(rows))
    weights = np.zeros(buckets, np.float32)
    weights[seen] = regression.coef_[0]
    return Fit(weights, float(regression.intercept_[0]))


def matrix(counts: Counts, buckets: int) -> Any:
    """sqrt(c / sum(c)) of each row, as a scipy CSR array of shape (n, buckets)."""
    from scipy.sparse import csr_array

    sums = np.add.reduceat(np.append(counts.counts, 0), counts.bounds[:-1]) if len(counts.bounds) > 1 else np.zeros(0)
    sizes = np.diff(counts.bounds)
    sums = np.where(sizes > 0, sums, 1)  # an empty row has nothing to be divided
    values = np.sqrt(counts.counts / np.repeat(sums, sizes))
    return csr_array((values, counts.buckets, counts.bounds), (len(sizes), buckets))


def scores(counts: Counts, model: Fit) -> NDArray[np.float64]:
    """kernels.quality.score, from counts."""
    scaled = matrix(counts, len(model.weights)) @ model.weights.astype(np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-(scaled + model.intercept))))


def auc(references: NDArray[np.float64], raw: NDArray[np.float64]) -> float:
    """The chance that a reference scores above a raw document, ties counted half (Mann and Whitney).

    >>> auc(np.array([0.9, 0.5]), np.array([0.1, 0.5]))
    0.875
    """
    order = np.sort(raw)
    below, not_above = np.searchsorted(order, references, "left"), np.searchsorted(order, references, "right")
    return float((below + not_above).mean() / 2 / len(raw))


def _weights(rows: Rows) -> NDArray[np.float64]:
    """size^-1/2 of a reference's source, scaled so that each role weighs half of n."""
    _, place, sizes = np.unique(rows.groups, return_inverse=True, return_counts=True)
    weights = np.where(rows.reference, sizes[place] ** -0.5, 1.0)
    for role in (True, False):
        mine = rows.reference == role
        weights[mine] *= len(weights) / 2 / weights[mine].sum()
    return np.asarray(weights)


def _few(rows: Rows) -> Rows:
    """Evenly spaced rows of each role."""
    places = []
    for role in (True, False):
        mine = np.flatnonzero(rows.reference == role)
        places.append(mine[np.linspace(0, len(mine) - 1, min(len(mine), _CHOICE)).astype(np.int64)])
    return rows.take(np.sort(np.concatenate(places)))


def _transfer(rows: Rows, buckets: int, regularisation: float) -> dict[int, float]:
    """AUC of each reference group over a third of the hosts, by a fit on the other groups and the other hosts."""
    unseen = ~rows.reference & (rows.unit > 2 / 3)  # the held-out ones have the least
    found = {}
    for group in np.unique(rows.groups[rows.reference]).tolist():
        mine = rows.groups == group
        training = rows.take(~mine & ~unseen)
        enough = (mine.sum(), unseen.sum(), training.reference.sum(), (~training.reference).sum())
        if min(enough) >= MIN_DOCUMENTS:
            model = fit_once(training, buckets, regularisation)
            found[group] = auc(scores(rows.take(mine).counts, model), scores(rows.take(unseen).counts, model))
    return found
