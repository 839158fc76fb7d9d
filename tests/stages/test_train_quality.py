"""The fit: the same from any order of rows, honest about what it cannot measure, scored by the kernel as by the matrix."""

import resource

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kernels.hashing import text_hash
from pipeline.kernels.quality import content, count_words, score
from pipeline.kernels.quality_card import fit, hold_out
from pipeline.kernels.quality_figures import fitted_alpha
from pipeline.kernels.regression import scores
from pipeline.kernels.text import units
from pipeline.sources.documents import DocumentTexts
from pipeline.stages.train_quality import SAMPLE, WINDOW, WINDOWS, cut_windows, shares, training_features

BUCKETS = 1 << 12


def read(texts):
    column = pa.array(texts)
    return content(column, units(column))


def features(n: int, seed: int = 1, hosts: int = 40) -> tuple[pa.Table, list[str]]:
    draw = np.random.default_rng(seed)
    texts, rows = [], []
    for k in range(n):
        reference = k % 2 == 0
        own = [f"{'good' if reference else 'bad'}{draw.integers(0, 50)}" for _ in range(8)]
        texts.append(" ".join(own + [f"both{draw.integers(0, 200)}" for _ in range(60)]))
        counted = count_words(read([texts[-1]]), BUCKETS)
        rows.append({
            "id": f"d{k:05d}", "window": 0, "source": ("books", "wiki")[k // 2 % 2] if reference else "web",
            "host": f"d{k:05d}" if reference else f"h{k % hosts}", "language": "en", "reference": reference,
            "buckets": counted.buckets.tobytes(), "counts": counted.counts.tobytes(),
            "bands": np.array([k, -k - 1]).tobytes(), "vocabulary": "\n".join(sorted(set(texts[-1].split()))),
        })  # fmt: skip
    return pa.Table.from_pylist(rows), texts


def test_the_same_model_from_any_order_and_a_card_of_the_held_out():
    table, _ = features(400)
    shuffled = table.take(np.random.default_rng(2).permutation(400))
    (model, card), (other, _) = fit(table, BUCKETS, 7), fit(shuffled, BUCKETS, 7)
    assert np.array_equal(model["en"].weights, other["en"].weights)
    assert model["en"].intercept == other["en"].intercept
    (card,) = card["languages"]
    assert (card["references"], card["raw"], card["held_out"]) == (200, 200, 80)
    assert card["auc"] > 0.95
    assert card["auc_without_heaviest"] < card["auc"]  # there are 100 words of either role, and no others tell
    assert set(card["transfer_auc"]) == {"books", "wiki"}
    assert min(card["transfer_auc"].values()) > 0.9
    assert sum(card["histogram"]["references"]) == sum(card["histogram"]["raw"]) == 40  # the held-out ones
    assert [word.rstrip("0123456789") for word, _ in card["strongest_words"]["for"]] == ["good"] * 20
    against = [word.rstrip("0123456789") for word, _ in card["strongest_words"]["against"]]
    assert against.count("bad") >= 17  # another word may share a bucket
    assert sum(row["documents"] for row in card["calibration"]) == 80
    assert [len(tenth["documents"]) for tenth in card["deciles"]] == [4] * 10
    assert card["warnings"] == []


def test_the_kernel_scores_what_the_matrix_does():
    table, texts = features(200)
    model = fit(table, BUCKETS, 7)[0]["en"]
    counted = count_words(read(texts), BUCKETS)
    by_kernel = score(read(texts), model.weights, model.intercept)
    assert by_kernel == pytest.approx(scores(counted, model), abs=1e-6)
    assert score(read(["", "1849"]), model.weights, model.intercept) == pytest.approx(1 / (1 + np.exp(-model.intercept)))


def test_few_documents_give_no_model_and_few_held_out_no_figures():
    model, card = fit(features(18)[0], BUCKETS, 7)
    assert model == {}
    assert card["languages"][0]["fitted"] is False
    assert "pass unscored" in card["languages"][0]["warnings"][0]
    model, card = fit(features(60)[0], BUCKETS, 7)  # 12 held out, 6 of each role
    assert "en" in model
    assert "auc" not in card["languages"][0]


def test_a_classifier_that_knows_hosts_only_is_named():
    """Every page of a raw host says the same words, which no other host says; the references are like one of them."""
    rows = []
    for k in range(400):
        reference, host = k % 2 == 0, k // 2 % 8
        counted = count_words(read([f"w{host} x{host} y{host}" + " z" * (k % 3)]), BUCKETS)
        rows.append({
            "id": f"d{k}", "window": 0, "source": "books" if reference else "web", "host": f"h{host}", "language": "en",
            "reference": reference, "buckets": counted.buckets.tobytes(), "counts": counted.counts.tobytes(),
            "bands": b"", "vocabulary": "",
        })  # fmt: skip
    (card,) = fit(pa.Table.from_pylist(rows), BUCKETS, 7)[1]["languages"]
    assert card["auc_within_hosts"] == pytest.approx(0.5, abs=0.1)
    assert any("hosts" in said or "hardly tells" in said for said in card["warnings"])


def test_near_copies_of_references_are_no_negatives():
    table, _ = features(60)
    bands = table["bands"].to_pylist()
    bands[1] = np.array([99999, -3]).tobytes()  # shares a band with the reference of row 2
    (card,) = fit(table.set_column(table.schema.get_field_index("bands"), "bands", [bands]), BUCKETS, 7)[1]["languages"]
    assert (card["copies_of_references"], card["raw"], card["references"]) == (1, 29, 30)


def test_whole_groups_are_held_out_and_no_large_one():
    groups = np.array(["large"] * 50 + [f"h{k % 10}" for k in range(50)], object)
    unit = np.where(groups == "large", 0.0, 0.5)
    held = hold_out(groups, unit)
    assert held.sum() == 20
    assert not held[:50].any()
    assert all(held[groups == name].all() or not held[groups == name].any() for name in set(groups))


def test_a_book_is_read_by_windows():
    texts = [" ".join(f"w{k}" for k in range(5 * WINDOW // 2)), "one two", " ".join(f"v{k}" for k in range(30 * WINDOW))]
    whole = read(texts)
    found, owners, numbers = cut_windows(whole, pa.array(["tale", "page", "book"]), seed=3)
    assert owners.tolist() == [0, 0, 1] + [2] * WINDOWS
    assert numbers.tolist() == [0, 1, 0, *range(WINDOWS)]
    assert np.diff(found.bounds).tolist() == [WINDOW, WINDOW, 2] + [WINDOW] * WINDOWS
    at = whole.hashes.tolist().index(found.hashes[0])
    assert found.hashes[:WINDOW].tolist() == whole.hashes[at : at + WINDOW].tolist()
    assert len(set(found.hashes[found.bounds[3] :].tolist())) == WINDOWS * WINDOW  # of the book no word is read twice


def test_a_large_source_leaves_room_for_a_small_one():
    found = shares({("en", False, "crawl"): 10 * SAMPLE, ("en", True, "wiki"): 10 * SAMPLE, ("en", True, "books"): 1000})
    assert found["en", False, "crawl"] == pytest.approx(0.1)
    assert found["en", True, "books"] == 1
    assert found["en", True, "wiki"] == pytest.approx((SAMPLE - 1000) / (10 * SAMPLE))


@pytest.mark.parametrize("alpha", [1.0, 4.0, 9.0])
def test_alpha_is_found_again(alpha):
    """References drawn from raw scores by the rule itself: the fit finds the alpha that drew them."""
    draw = np.random.default_rng(5)
    raw = draw.beta(1, 2, 40_000)
    kept = raw[draw.uniform(size=len(raw)) < (2 - raw) ** -alpha]
    assert fitted_alpha(kept, raw) == pytest.approx(alpha, rel=0.15)


def test_format_fingerprints_are_no_words():
    marked = read(["# Title: The Book\r\n== Head ==\r\nGold 12 <unk> is <b>washed</b>, 1849.\n  # A Heading\nagain"])
    assert marked.hashes.tolist() == read(["Gold is washed again"]).hashes.tolist()


def test_features_leave_out_copies_of_references(spark, tmp_path):
    rows = [
        (f"books/{k}", "books", None, "en", f"reference text {k} of some words") for k in range(3)
    ] + [
        ("copy", "web", "h", "en", "reference  text 1 of some words"), ("own", "web", "h", "en", "a page of its own"),
        ("short", "web", "h", "fr", "trop court"),  # the only one of its language, and shorter than a shingle
    ]  # fmt: skip
    (tmp_path / "origin=any").mkdir()
    for part in (0, 1):
        stored = [{"id": row[0], "text": row[-1]} for row in rows[part::2]]
        pq.write_table(pa.Table.from_pylist(stored), tmp_path / "origin=any" / f"part-0000{part}-a.parquet")
    documents = spark.createDataFrame(
        [(*row[:-1], text_hash(row[-1]), k % 2) for k, row in enumerate(rows)],
        "id string, source string, host string, language string, text_hash string, part int",
    )
    texts = DocumentTexts(str(tmp_path))
    found = training_features(documents, texts, ["books"], 1, BUCKETS).toArrow().sort_by("id")
    assert found["id"].to_pylist() == ["books/0", "books/1", "books/2", "own", "short"]
    assert found["vocabulary"].to_pylist()[-2].split("\n").__len__() == 5
    assert all(len(value) == 4 * 8 for value in found["bands"].to_pylist()[:3])


def test_a_word_or_host_of_a_megabyte_costs_its_own_size():
    """NumPy's strings are all as wide as the longest: 20,000 words beside one of a megabyte were 80 GB."""
    table, _ = features(40)
    long = "x" * 1_000_000
    words = "\n".join([*(f"w{k}" for k in range(20_000)), long])
    table = table.set_column(table.schema.get_field_index("vocabulary"), "vocabulary", pa.array([words] * 40))
    hosts = pa.array([long, *table["host"].to_pylist()[1:]])
    table = table.set_column(table.schema.get_field_index("host"), "host", hosts)
    limit, (_, hard) = psutil.Process().memory_info().vms + (3 << 30), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        _, card = fit(table, BUCKETS, 7)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    assert card["languages"][0]["fitted"]
