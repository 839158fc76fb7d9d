from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.mixture import cutoff, nearest_prefix, plan

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
    assert [one.normalised_weight for one in plans] == [Fraction(w, 101) for w in (60, 22, 8, 8, 3)]
    assert sum(one.asked_weight for one in plans) == Fraction(101, 100)
    assert not any(one.note for one in plans)


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
