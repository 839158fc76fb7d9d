from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.mixture import (
    Bucket,
    bucket_quotas,
    cutoff,
    nearest_prefix,
    plan,
    temperature_weights,
    unimax_weights,
)

# Brown et al. 2020, table 2.2
WEIGHTS = {"common_crawl": 0.60, "webtext2": 0.22, "books1": 0.08, "books2": 0.08, "wikipedia": 0.03}
TOKENS = {"common_crawl": 410, "webtext2": 19, "books1": 12, "books2": 55, "wikipedia": 3}
TOKENS = {source: billions * 10**9 for source, billions in TOKENS.items()}

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

names = st.text("abcdef", min_size=1, max_size=3)
tokens_of = st.dictionaries(names, st.integers(0, 10**12), min_size=1, max_size=6)
weights_of = st.dictionaries(names, st.decimals(0, 10, places=3).map(float), min_size=1, max_size=6).filter(
    lambda weights: any(weights.values())
)
budgets = st.integers(0, 10**13)


def test_the_papers_table() -> None:
    plans = plan(WEIGHTS, 300 * 10**9, TOKENS, {}, None)
    assert [f"{float(one.epochs_asked):.2g}" for one in plans] == ["0.44", "3.5", "2", "0.44", "3"]
    assert [f"{float(one.epochs):.2g}" for one in plans] == ["0.43", "3.4", "2", "0.43", "3"]
    # exactly: weight x 300 over the tokens, and the same by 1.01
    exact = [Fraction(w * 3, n) for w, n in zip((60, 22, 8, 8, 3), (410, 19, 12, 55, 3), strict=True)]
    assert [one.epochs_asked for one in plans] == exact
    assert all(abs(one.epochs - asked * 100 / 101) * one.tokens < 1 for one, asked in zip(plans, exact, strict=True))
    assert [one.normalised_weight for one in plans] == [Fraction(w, 101) for w in (60, 22, 8, 8, 3)]
    assert sum(one.asked_weight for one in plans) == Fraction(101, 100)
    assert not any(one.note for one in plans)


def test_the_papers_column_stands_beside_ours() -> None:
    """Ours from the paper's own tokens and weights, as the report prints them, and what the paper printed."""
    from pipeline.report.numerals import epochs
    from pipeline.report.paper import paper_row

    plans = plan(WEIGHTS, 300 * 10**9, TOKENS, {}, None)
    assert [epochs(float(one.epochs_asked)) for one in plans] == ["0.44", "3.5", "2.0", "0.44", "3.0"]
    assert [epochs(float(one.epochs)) for one in plans] == ["0.43", "3.4", "2.0", "0.43", "3.0"]
    assert [paper_row(one.source).epochs for one in plans] == ["0.44", "2.9", "1.9", "0.43", "3.4"]


def test_temperatures_between_proportional_and_equal() -> None:
    tokens = {"web": 8 * 27 * 10**9, "wiki": 27 * 10**9, "books": 10**9, "empty": 0}
    exact = {
        1: (Fraction(216, 244), Fraction(27, 244), Fraction(1, 244), 0),
        3: (Fraction(6, 10), Fraction(3, 10), Fraction(1, 10), 0),
    }
    for temperature, weights in exact.items():
        assert tuple(temperature_weights(tokens, temperature).values()) == weights
    assert temperature_weights({"empty": 0}, 2) == {"empty": 0}
    planned = plan(temperature_weights(tokens, 3), 1000, tokens, {}, None)
    assert [one.quota for one in planned] == [600, 300, 100, 0]


def test_unimax_gives_equal_shares_up_to_the_cap_and_hands_on_the_rest() -> None:
    tokens = {"en": 1000, "de": 300, "sw": 10, "la": 3, "none": 0}
    # 900 / 5: none 0 of 180; la 2 x 3 of 225; sw 2 x 10 of 298; then 874 between de and en
    weights = unimax_weights(tokens, 900, 2)
    assert weights == {source: Fraction(n, 900) for source, n in zip(tokens, (437, 437, 20, 6, 0), strict=True)}
    planned = plan(weights, 900, tokens, {}, 2)
    assert [(one.reachable_quota, one.note) for one in planned] == [(437, ""), (437, ""), (20, ""), (6, ""), (0, "")]
    capped = {"en": Fraction(100, 900), "none": Fraction(0)}  # 800 / 3 is less than de's 300, and la has no cap
    assert unimax_weights(tokens, 900, {"en": 0.1, "de": 1}) == dict.fromkeys(tokens, Fraction(8, 27)) | capped


def test_unimax_beyond_all_caps_says_what_is_missing() -> None:
    tokens = {"web": 100, "wiki": 10}
    web, wiki = plan(unimax_weights(tokens, 1100, 4), 1100, tokens, {}, 4)
    assert (web.asked_weight, wiki.asked_weight) == (Fraction(400, 1100), Fraction(40, 1100))
    assert (web.reachable_quota, wiki.reachable_quota) == (400, 40)
    assert web.note == "web holds 100 tokens: at most 4 epochs make 400 of the 1 k asked, weight 90.9 % instead of 90.9 %"


def test_caps_of_single_sources() -> None:
    web, wiki = plan({"web": 1, "wiki": 1}, 200, {"web": 10, "wiki": 10}, {}, {"wiki": 1.5})
    assert (web.reachable_quota, wiki.reachable_quota) == (100, 15)
    assert (web.note, wiki.reachable_weight) == ("", Fraction(15, 115))
    assert "at most 1.5 epochs make 15 of the 100 asked" in wiki.note


def test_better_buckets_are_seen_more_often() -> None:
    web = (Bucket(0.0, 0, 600, 9), Bucket(0.5, 1, 300, 6), Bucket(0.9, 4, 100, 2), Bucket(None, 1, 0, 0))
    (one,) = plan({"web": 1}, 350, {"web": 1000}, {"web": 17}, None, {"web": web})
    assert [(bucket.quota, bucket.epochs) for bucket in one.buckets] == [
        (0, 0), (150, Fraction(1, 2)), (200, 2), (0, 0),
    ]  # fmt: skip
    (some,) = plan({"web": 1}, 350, {"web": 1000}, {}, 1.5, {"web": web})
    assert [bucket.quota for bucket in some.buckets] == [0, 200, 150, 0]  # what the best leaves goes to the middle
    (capped,) = plan({"web": 1}, 500, {"web": 1000}, {}, 1, {"web": web})
    assert [bucket.quota for bucket in capped.buckets] == [0, 300, 100, 0]
    assert capped.note == (
        "web holds 400 tokens of a quality that is wanted: at most 1 epoch make 400 of the 500 asked, "
        "weight 100 % instead of 100 %"
    )


def test_no_weights_take_every_source_equally_often() -> None:
    web, wiki, empty = plan(None, 2200, {"web": 1000, "wiki": 100, "empty": 0}, {}, None)
    assert (web.quota, wiki.quota, empty.quota) == (2000, 200, 0)
    assert web.epochs == wiki.epochs == 2
    assert empty.note == ""  # nothing was asked of it


def test_an_epoch_limit_is_said_in_numbers() -> None:
    weights, tokens = {"books": 0.16, "web": 0.84}, {"books": 1_200_000, "web": 10**9}
    books, web = plan(weights, 300_000_000, tokens, {"books": 7}, 4)
    assert (books.quota, books.reachable_quota, books.documents) == (48_000_000, 4_800_000, 7)
    assert books.reachable_weight == Fraction(48, 48 + 2520)
    assert books.note == (
        "books holds 1.2 M tokens: at most 4 epochs make 4.8 M of the 48 M asked, weight 1.87 % instead of 16 %"
    )
    assert (web.note, web.reachable_quota) == ("", 252_000_000)


def test_a_source_without_tokens_a_zero_weight_and_an_unnamed_source() -> None:
    plans = plan({"books": 1, "gone": 1, "spam": 0}, 100, {"books": 50, "spam": 9, "web": 70}, {}, None)
    assert [(one.source, one.quota, one.reachable_quota) for one in plans] == [
        ("books", 50, 50), ("spam", 0, 0), ("web", 0, 0), ("gone", 50, 0),
    ]  # fmt: skip
    assert [one.note for one in plans] == [
        "",
        "",
        "",
        "gone holds no tokens: 0 of the 50 asked, weight 0 % instead of 50 %",
    ]


@pytest.mark.parametrize(
    ("weights", "budget", "max_epochs", "message"),
    [
        ({"web": 0.0, "wiki": 0}, 1, None, "sum to 0"),
        ({}, 1, None, "sum to 0"),
        ({"web": -0.1, "wiki": 1}, 1, None, "mixture.weights.web: -0.1"),
        ({"web": float("nan")}, 1, None, "mixture.weights.web: nan"),
        ({"web": 1}, -1, None, "mixture.token_budget: -1"),
        ({"web": 1}, 1, float("inf"), "mixture.max_epochs: inf"),
        ({"web": 1}, 1, {"web": -1}, "mixture.max_epochs: -1"),
    ],
)
def test_what_cannot_be_planned_is_named(weights, budget, max_epochs, message) -> None:
    with pytest.raises(ValueError, match=message):
        plan(weights, budget, {"web": 1}, {}, max_epochs)


@given(weights_of, budgets, tokens_of)
def test_quotas_sum_to_the_budget_and_follow_the_weights(weights, budget, tokens) -> None:
    plans = plan(weights, budget, tokens, {}, None)
    assert sum(one.quota for one in plans) == budget
    assert sum(one.normalised_weight for one in plans) == 1
    assert all(abs(one.quota - one.normalised_weight * budget) < 1 for one in plans)
    for one in plans:
        for other in plans:
            assert one.asked_weight <= other.asked_weight or one.quota >= other.quota


@given(weights_of, budgets, tokens_of, st.integers(0, 60), st.integers(0, 60))
def test_a_cap_holds_and_a_wider_one_gives_no_less(weights, budget, tokens, tenths, more) -> None:
    tight, wide = (plan(weights, budget, tokens, {}, limit / 10) for limit in (tenths, tenths + more))
    for narrow, wider in zip(tight, wide, strict=True):
        assert narrow.epochs <= Fraction(tenths, 10)
        assert narrow.reachable_quota <= wider.reachable_quota <= wider.quota
        assert bool(narrow.note) == (narrow.reachable_quota < narrow.quota)
    assert sum(one.reachable_weight for one in tight) in (0, 1)


@given(tokens_of, st.integers(1, 50), st.integers(1, 50))
def test_temperature_keeps_the_order_and_evens_it(tokens, temperature, more) -> None:
    cold, warm = (temperature_weights(tokens, t) for t in (temperature, temperature + more))
    assert sum(cold.values()) == (1 if any(tokens.values()) else 0)
    largest = max(cold, key=cold.__getitem__)
    assert warm[largest] <= cold[largest] + Fraction(1, 10**20)
    assert all(cold[one] <= cold[two] for one in tokens for two in tokens if tokens[one] <= tokens[two])


@given(tokens_of, st.integers(1, 10**13), st.integers(1, 60))
def test_unimax_caps_hold_and_uncapped_shares_are_equal(tokens, budget, tenths) -> None:
    weights = unimax_weights(tokens, budget, tenths / 10)
    rooms = {source: int(Fraction(tenths, 10) * n) for source, n in tokens.items()}
    assert sum(weights.values()) == min(Fraction(sum(rooms.values()), budget), 1)
    assert all(weights[source] * budget <= rooms[source] for source in tokens)
    uncapped = {weights[source] for source in tokens if weights[source] * budget < rooms[source]}
    assert len(uncapped) <= 1
    assert all(weight <= max(uncapped, default=1) for weight in weights.values())


curves = st.lists(st.tuples(st.integers(0, 40).map(lambda n: n / 10), st.integers(0, 10**6)), min_size=1, max_size=8)


@given(curves, st.integers(0, 700), st.none() | st.integers(1, 60))
def test_quality_quotas_sum_hold_the_cap_and_rise_with_the_curve(curve, percent, tenths) -> None:
    buckets = tuple(Bucket(k / 10, factor, n, n) for k, (factor, n) in enumerate(sorted(curve)))
    held = sum(one.tokens for one in buckets)
    budget = held * percent // 100
    (one,) = plan({"web": 1}, budget, {"web": held}, {}, tenths and tenths / 10, {"web": buckets})
    assert sum(bucket.quota for bucket in one.buckets) == one.reachable_quota <= budget
    for bucket in one.buckets:
        assert tenths is None or bucket.epochs <= Fraction(tenths, 10)
        assert bucket.factor or not bucket.quota
    seen = [bucket for bucket in one.buckets if bucket.tokens]
    for worse, better in pairwise(seen):
        assert worse.epochs <= better.epochs + Fraction(1, worse.tokens) + Fraction(1, better.tokens)
    if tenths is None:  # in proportion to the factors, exactly but for rounding
        wished = sum(Fraction(str(bucket.factor)) * bucket.tokens for bucket in seen)
        assert all(abs(b.quota - Fraction(str(b.factor)) * b.tokens * budget / wished) < 1 for b in seen if wished)


def test_a_bucket_quota_of_nothing() -> None:
    assert bucket_quotas((), 0, None) == []
    assert bucket_quotas((Bucket(0.0, 1, 0, 0),), 0, Fraction(1)) == [0]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(0, 5000))
def test_what_is_drawn_is_within_half_of_the_largest_document(token_counts, quota) -> None:
    counts = np.array(token_counts)
    passes, prefix = cutoff(counts, quota)
    realised = passes * int(counts.sum()) + int(counts[:prefix].sum())
    if counts.any():
        assert 2 * abs(realised - quota) <= counts.max()
    else:
        assert (passes, prefix) == (0, 0)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.data())
def test_the_prefix_is_the_nearest_and_of_two_the_shorter(token_counts, data) -> None:
    quota = data.draw(st.integers(0, sum(token_counts)))
    distances = [abs(sum(token_counts[:n]) - quota) for n in range(len(token_counts) + 1)]
    assert nearest_prefix(np.array(token_counts), quota) == int(np.argmin(distances))
