"""The fit: the same from any order of rows, honest about what it cannot measure, scored by the kernel as by the matrix."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.kernels.quality import count_words, score
from pipeline.kernels.text import units
from pipeline.stages.train_quality import WINDOW, _score, _windows, fit

BUCKETS = 1 << 12


def features(n: int, seed: int = 1) -> tuple[pa.Table, list[str]]:
    draw = np.random.default_rng(seed)
    texts, rows = [], []
    for k in range(n):
        reference = k % 2 == 0
        own = [f"{'good' if reference else 'bad'}{draw.integers(0, 50)}" for _ in range(8)]
        texts.append(" ".join(own + [f"both{draw.integers(0, 200)}" for _ in range(60)]))
        counted = count_words(units(pa.array([texts[-1]])), BUCKETS)
        rows.append({
            "id": f"d{k:05d}", "language": "en", "reference": reference, "held_out": k % 10 in (3, 4),
            "buckets": counted.buckets.tobytes(), "counts": counted.counts.tobytes(),
        })  # fmt: skip
    return pa.Table.from_pylist(rows), texts


def test_the_same_model_from_any_order_and_a_card_of_the_held_out():
    table, _ = features(400)
    shuffled = table.take(np.random.default_rng(2).permutation(400))
    (model, (card,)), (other, _) = fit(table, BUCKETS), fit(shuffled, BUCKETS)
    assert np.array_equal(model["en"].weights, other["en"].weights)
    assert model["en"].intercept == other["en"].intercept
    assert (card["references"], card["raw"], card["held_out"]) == (200, 200, 80)
    assert card["auc"] > 0.95
    assert sum(card["histogram"]["references"]) == 200


def test_the_kernel_scores_what_the_matrix_does():
    table, texts = features(200)
    model = fit(table, BUCKETS)[0]["en"]
    by_kernel = score(units(pa.array(texts)), model.weights, model.intercept)
    assert by_kernel == pytest.approx(_score(table, model), abs=1e-6)


def test_few_documents_give_no_model_and_few_held_out_no_figures():
    table, _ = features(18)
    model, (card,) = fit(table, BUCKETS)
    assert model == {}
    assert card["fitted"] is False
    table, _ = features(60)  # 12 held out, 6 of each role
    model, (card,) = fit(table, BUCKETS)
    assert "en" in model
    assert "auc" not in card


def test_a_book_is_read_by_a_window():
    texts = pa.array([" ".join(f"w{k}" for k in range(5000)), "one two"])
    found = _windows(units(texts), pa.array(["book", "page"]), seed=3)
    assert np.diff(found.bounds).tolist() == [WINDOW, 2]
    whole = units(texts).hashes.tolist()
    at = whole.index(found.hashes[0])
    assert found.hashes[:WINDOW].tolist() == whole[at : at + WINDOW]
