"""The models, one a language, and their cards: what was trained on, and every figure measured on what was held out."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.kernels import quality_figures as figures
from pipeline.kernels import regression
from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.quality import Counts, Fit, Model, bucket_of
from pipeline.kernels.regression import MIN_DOCUMENTS, auc
from pipeline.kernels.text import units

HELD_OUT = 0.2  # of hosts, and of books or documents
HEAVIEST = 100  # words set to 0, to see how much hangs on a few
STRONGEST = 20  # words shown each way
SHOWN = 5  # documents of each tenth of the scores
_MIN_BOOKS = 5  # folders of numbered chapters that are held out whole

Json = dict[str, Any]
METHOD = (
    "Features: square roots of word frequencies, a vector of length 1, so that neither length nor a repeated word decides.",
    "Numbers, tags and heading lines, by which a corpus' format can be told from its text, are no words on either side.",
    "Windows of at most 2,000 words; a reference source weighs as the square root of its windows, both roles the same.",
    "Regularisation is chosen by reference sources that the model has not seen, against hosts that it has not seen.",
    "Raw copies and near copies of references are no negatives; every figure is measured on whole hosts and books held out.",
)


class _Language(NamedTuple):
    table: pa.Table  # sorted by id and window
    rows: regression.Rows
    held_out: NDArray[np.bool_]
    sources: NDArray[Any]
    hosts: NDArray[np.int64]


def fit(features: pa.Table, buckets: int, seed: int) -> tuple[Model, Json]:
    """The models and the card, from rows of stages.train_quality.FEATURES in any order.

    A language short of either role has no model, and its part of the card says so (`fitted: false`).
    """
    features = features.sort_by([("id", "ascending"), ("window", "ascending")])
    model: Model = {}
    cards: list[Json] = []
    held: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    for language in sorted(pc.unique(features["language"]).to_pylist()):
        mine, copies = _without_copies(features.filter(pc.equal(features["language"], language)))
        given = _language(mine, seed)
        card = _counts(language, given, copies)
        cards.append(card)
        if not _enough(given.rows.reference[~given.held_out]):
            card["warnings"] = [
                f"{language}: {card['references']:,} references and {card['raw']:,} raw documents are too few for a "
                "classifier, so its documents pass unscored"
            ]
            continue
        model[language], scores = _fit(given, buckets, card)
        held.append((scores[given.held_out], given.rows.reference[given.held_out]))
    return model, {"languages": cards, "method": METHOD} | _across(held, cards)


def _without_copies(table: pa.Table) -> tuple[pa.Table, int]:
    """Raw documents that share a band of shingles with a reference go; how many."""
    bands = [np.frombuffer(value, np.int64) for value in table["bands"].to_pylist()]
    reference = table["reference"].to_numpy()
    none = [np.zeros(0, np.int64)]
    trusted = np.unique(np.concatenate([one for one, is_one in zip(bands, reference, strict=True) if is_one] or none))
    owner = np.repeat(np.arange(len(bands)), [len(one) for one in bands])
    shared = np.zeros(len(bands), np.bool_)
    shared[owner[np.isin(np.concatenate(bands or none), trusted)]] = True
    copies = pa.array(sorted(set(table["id"].filter(pa.array(shared & ~reference)).to_pylist())), pa.string())
    return table.filter(pc.invert(pc.is_in(table["id"], value_set=copies))), len(copies)


def _language(table: pa.Table, seed: int) -> _Language:
    reference = table["reference"].to_numpy()
    sources = table["source"].to_numpy(zero_copy_only=False)
    hosts, ids = (table[name].to_numpy(zero_copy_only=False) for name in ("host", "id"))
    kept_whole = np.where(reference, "", hosts).astype(object)
    for source in sorted(set(sources[reference])):
        mine = reference & (sources == source)
        of_web = hosts[mine] != ids[mine]  # pages that a links source claims
        kept_whole[mine] = np.where(of_web, hosts[mine], books(ids[mine]))
    unit = unit_interval(seed, "held-out", pa.array(kept_whole, pa.string()))
    held_out = np.zeros(len(reference), np.bool_)
    for role in [~reference, *(reference & (sources == source) for source in sorted(set(sources[reference])))]:
        held_out[role] = hold_out(kept_whole[role], unit[role])
    if not _enough(reference[~held_out]):
        held_out[:] = False  # too little to spare any: all of it teaches, nothing is measured
    groups = _numbers(np.where(reference, sources, hosts)) * 2 + reference
    host_numbers = _numbers(hosts)
    return _Language(table, regression.Rows(_read(table), reference, groups, unit), held_out, sources, host_numbers)


def _numbers(names: NDArray[Any]) -> NDArray[np.int64]:
    """The place of each name among the distinct ones, sorted. NumPy's own strings are all as wide as the longest."""
    column = pa.array(names, pa.string())
    return np.asarray(pc.index_in(column, pc.unique(column).sort()), np.int64)


def _read(table: pa.Table) -> Counts:
    def values(name: str) -> NDArray[np.int32]:
        return np.frombuffer(b"".join(table[name].to_pylist()), np.int32)

    sizes = pc.binary_length(table["buckets"]).to_numpy() // 4
    return Counts(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), values("buckets"), values("counts"))


def books(ids: NDArray[Any]) -> NDArray[Any]:
    """What is held out together: the book of a numbered chapter (`books/<book>/3`), where there are several books of
    which none has half of the chapters; else the document.

    >>> books(np.array([f"books/{title}/{k}" for title in "abcde" for k in range(2)], object))[:3].tolist()
    ['books/a', 'books/a', 'books/b']
    >>> books(np.array(["abc/1", "abc/2"], object)).tolist()
    ['abc/1', 'abc/2']
    """
    folders = np.array([one.rpartition("/")[0] if one.rpartition("/")[2].isdigit() else "" for one in ids], object)
    sizes = Counter(folders[folders != ""].tolist())
    if len(sizes) < _MIN_BOOKS or max(sizes.values()) > sizes.total() / 2:
        return ids
    return np.where(folders != "", folders, ids)


def hold_out(groups: NDArray[Any], unit: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whole groups in the order of their draws up to a fifth of the rows; what would make it two fifths is passed."""
    named, first, place, sizes = np.unique(
        _numbers(groups), return_index=True, return_inverse=True, return_counts=True
    )
    wanted, held, taken = HELD_OUT * len(groups), 0, np.zeros(len(named), np.bool_)
    for k in np.argsort(unit[first], kind="stable"):
        if held < wanted and held + sizes[k] <= 2 * wanted:
            taken[k], held = True, held + sizes[k]
    return np.asarray(taken[place])


def _enough(reference: NDArray[np.bool_]) -> bool:
    return bool(min(reference.sum(), (~reference).sum()) >= MIN_DOCUMENTS)


def _counts(language: str, given: _Language, copies: int) -> Json:
    reference, ids = given.rows.reference, given.table["id"].to_numpy(zero_copy_only=False)
    return {
        "language": language,
        "references": len(set(ids[reference])),
        "raw": len(set(ids[~reference])),
        "held_out": len(set(ids[given.held_out])),
        "copies_of_references": copies,
        "windows": len(reference),
        "fitted": False,
        "warnings": [],
    }


def _fit(given: _Language, buckets: int, card: Json) -> tuple[Fit, NDArray[np.float64]]:
    """The model and the scores of all windows; completes the card."""
    rows, reference, held = given.rows, given.rows.reference, given.held_out
    model, regularisation, transfer = regression.fit(rows.take(~held), buckets)
    names = dict(zip(rows.groups[reference].tolist(), given.sources[reference].tolist(), strict=True))
    scores = regression.scores(rows.counts, model)
    measured = held if _enough(reference[held]) else np.ones(len(held), np.bool_)
    seen, truth = scores[measured], reference[measured]
    card |= {
        "fitted": True,
        "regularisation": regularisation,
        "transfer_auc": {names[group]: round(value, 4) for group, value in transfer.items()},
        "histogram": {
            "edges": figures.EDGES.round(2).tolist(),
            "references": figures.histogram(seen[truth]),
            "raw": figures.histogram(seen[~truth]),
        },
        "quantiles": {
            str(source): figures.quantiles(seen[given.sources[measured] == source])
            for source in sorted(set(given.sources[measured]))
        },
        "fitted_alpha": figures.fitted_alpha(seen[truth], seen[~truth]),
        "strongest_words": _strongest(given.table["vocabulary"], model),
        "deciles": _deciles(given, scores, measured),
    }
    if _enough(reference[held]):
        card |= _measure(given, model, scores)
    else:
        card["warnings"].append(f"{card['language']}: too few hosts or documents to hold out, so nothing is measured")
    card["warnings"] += _doubts(card)
    return model, scores


def _measure(given: _Language, model: Fit, scores: NDArray[np.float64]) -> Json:
    """Figures on the held-out windows."""
    rows = given.rows.take(given.held_out)
    seen, truth, hosts = scores[given.held_out], rows.reference, given.hosts[given.held_out]
    weights = model.weights.copy()
    weights[np.argsort(-np.abs(weights), kind="stable")[:HEAVIEST]] = 0
    without = regression.scores(rows.counts, model._replace(weights=weights))
    return {
        "auc": round(auc(seen[truth], seen[~truth]), 4),
        "auc_without_heaviest": round(auc(without[truth], without[~truth]), 4),
        "auc_within_hosts": _within(seen, truth, hosts),
        "between_hosts": round(figures.share_between(seen[~truth], hosts[~truth]), 4),
        "calibration": figures.calibration(seen, truth),
    } | figures.at_half(seen, truth)


def _within(scores: NDArray[np.float64], reference: NDArray[np.bool_], hosts: NDArray[np.int64]) -> float | None:
    """The mean AUC within hosts that have both roles, each weighing as its pairs; None where no host has."""
    found, pairs = [], []
    for host in np.intersect1d(hosts[reference], hosts[~reference]).tolist():
        mine = hosts == host
        found.append(auc(scores[mine & reference], scores[mine & ~reference]))
        pairs.append(int((mine & reference).sum() * (mine & ~reference).sum()))
    return round(float(np.average(found, weights=pairs)), 4) if found else None


def _doubts(card: Json) -> list[str]:
    """Signs that a classifier has learned its sources or hosts, not what is good in a text."""
    language, said = card["language"], []
    for source, value in card["transfer_auc"].items():
        if value < 0.75:
            said.append(
                f"{language}: a classifier that has not seen {source} tells it from raw pages with an AUC of {value:.2f}: "
                "it knows its sources rather than good text"
            )
    if card.get("auc", 1) < 0.7:
        said.append(f"{language}: the classifier hardly tells references from raw documents (AUC {card['auc']:.2f})")
    within = card.get("auc_within_hosts")
    if within is not None and within < card["auc"] - 0.2:
        said.append(f"{language}: within hosts the AUC is {within:.2f}, across them {card['auc']:.2f}: it knows domains")
    if card.get("between_hosts", 0) > 0.9:
        share = card["between_hosts"]
        said.append(f"{language}: {share:.0%} of the variance of raw scores lies between hosts: it tells hosts, not pages")
    return said


def _across(held: list[tuple[NDArray[np.float64], NDArray[np.bool_]]], cards: list[Json]) -> Json:
    """The AUC over all languages together: far above those within each, scores would tell languages."""
    if len(held) < 2:
        return {}
    scores, truth = (np.concatenate(parts) for parts in zip(*held, strict=True))
    if not _enough(truth):
        return {}
    value = round(auc(scores[truth], scores[~truth]), 4)
    for card in cards:
        if value - card.get("auc", value) > 0.1:
            card["warnings"].append(
                f"{card['language']}: the AUC is {card['auc']:.2f}, over all languages {value:.2f}: scores tell languages"
            )
    return {"auc_across_languages": value}


def _strongest(vocabulary: pa.ChunkedArray, model: Fit) -> Json:
    """Words of the heaviest buckets that occur in the vocabulary; of a bucket, the word of most documents."""
    spelled = [line for text in vocabulary.to_pylist() if text for line in text.split("\n")]
    if not spelled:
        return {"for": [], "against": []}
    counted = pc.value_counts(pa.array(spelled))
    words, counts = counted.field("values"), counted.field("counts").to_numpy()
    hashed = units(words, singles=False)
    whole = np.diff(hashed.bounds) == 1
    buckets = bucket_of(hashed.hashes[hashed.bounds[:-1][whole]], len(model.weights))
    named = pa.table({"word": words.filter(pa.array(whole)), "n": counts[whole], "bucket": buckets})
    rising = named.filter(pc.greater(named["n"], 1)).sort_by([("n", "ascending"), ("word", "ascending")])
    # The commonest come last, and stay.
    known = {bucket: word.lower() for bucket, word in zip(*(rising[k].to_pylist() for k in ("bucket", "word")), strict=True)}
    at = np.array(sorted(known), np.int64)
    heaviest = at[np.argsort(-model.weights[at], kind="stable")] if len(at) else at
    ways = {"for": heaviest[:STRONGEST], "against": heaviest[::-1][:STRONGEST]}
    weights = {way: [(k, round(float(model.weights[k]), 3)) for k in places.tolist()] for way, places in ways.items()}
    return {
        way: [[known[k], weight] for k, weight in found if weight and (weight > 0) == (way == "for")]
        for way, found in weights.items()
    }


def _deciles(given: _Language, scores: NDArray[np.float64], measured: NDArray[np.bool_]) -> list[Json]:
    """A few raw documents of each tenth of the measured scores' order, lowest first: to be read."""
    rows = np.flatnonzero(measured & ~given.rows.reference & (given.table["window"].to_numpy() == 0))
    rows = rows[np.argsort(scores[rows], kind="stable")]
    found = []
    for tenth in np.array_split(rows, 10):
        few = tenth[np.linspace(0, len(tenth) - 1, min(SHOWN, len(tenth))).astype(np.int64)]
        ids = given.table["id"].take(pa.array(few)).to_pylist()
        found.append({"documents": [[one, round(float(scores[k]), 4)] for one, k in zip(ids, few, strict=True)]})
    return found
