"""The mixture's arithmetic: weights x token budget / tokens = epochs (GPT-3, table 2.2).

Everything is exact: weights are read as the decimals that a person wrote (0.6 is 3/5), shares are fractions, tokens
whole numbers. Rounding to a printed figure is the report's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What is asked of one source and what it can give."""

    source: str
    tokens: int  # of its kept documents
    documents: int
    asked_weight: Fraction  # as written; table 2.2's sum to 1.01
    normalised_weight: Fraction  # the asked weights made to sum to 1
    quota: int  # tokens asked of it: normalised weight x token budget; the quotas sum to the budget
    reachable_quota: int  # what epochs and empty sources allow of it
    reachable_weight: Fraction  # its share of all reachable tokens
    epochs_asked: Fraction  # asked weight x token budget / tokens; 0 for a source without tokens
    epochs: Fraction  # reachable quota / tokens; 0 for a source without tokens
    note: str  # empty, or in words and numbers why the wish cannot be met


def plan(
    weights: Mapping[str, float] | None,
    token_budget: int,
    tokens: Mapping[str, int],
    documents: Mapping[str, int],
    max_epochs: float | None,
) -> tuple[SourcePlan, ...]:
    """How many tokens to draw from each source, in the order of `tokens`, then of sources only named in `weights`.

    `weights` None: in proportion to tokens. A source that `weights` does not name has weight 0. What one source cannot
    give is not asked of the others: the corpus is then smaller than the budget, and the notes say so.

    ValueError: a weight that is negative or not finite, weights that sum to 0, a budget or an epoch limit below 0.

    >>> wiki, web = plan({"wiki": 3, "web": 1}, 1000, {"wiki": 100, "web": 500}, {"wiki": 2, "web": 9}, max_epochs=4)
    >>> wiki.quota, wiki.reachable_quota, web.quota, str(wiki.reachable_weight)
    (750, 400, 250, '8/13')
    >>> wiki.note
    'wiki holds 100 tokens: at most 4 epochs make 400 of the 750 asked, weight 61.5 % instead of 75 %'
    """
    _check(weights, token_budget, max_epochs)
    sources = tuple(dict.fromkeys([*tokens, *(weights or {})]))
    held = [tokens.get(source, 0) for source in sources]
    if weights is None:
        asked = [Fraction(count, max(sum(held), 1)) for count in held]
    else:
        asked = [_exact(weights.get(source, 0)) for source in sources]
    normalised = [weight / (sum(asked) or 1) for weight in asked]
    quotas = _apportion(normalised, token_budget)
    limit = None if max_epochs is None else _exact(max_epochs)
    reachable = [_reachable(quota, count, limit) for quota, count in zip(quotas, held, strict=True)]
    total = max(sum(reachable), 1)
    plans = (
        SourcePlan(
            source=source,
            tokens=held[i],
            documents=documents.get(source, 0),
            asked_weight=asked[i],
            normalised_weight=normalised[i],
            quota=quotas[i],
            reachable_quota=reachable[i],
            reachable_weight=Fraction(reachable[i], total),
            epochs_asked=asked[i] * token_budget / held[i] if held[i] else Fraction(0),
            epochs=Fraction(reachable[i], held[i]) if held[i] else Fraction(0),
            note="",
        )
        for i, source in enumerate(sources)
    )
    return tuple(replace(one, note=_note(one, limit)) for one in plans)


def _check(weights: Mapping[str, float] | None, token_budget: int, max_epochs: float | None) -> None:
    for source, weight in (weights or {}).items():
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"mixture.weights.{source}: {weight} was given, a number of at least 0 is allowed")
    if weights is not None and not any(weights.values()):
        raise ValueError("mixture.weights: they sum to 0; give one source a weight above 0")
    if token_budget < 0:
        raise ValueError(f"mixture.token_budget: {token_budget} was given, a number of at least 0 is allowed")
    if max_epochs is not None and not (np.isfinite(max_epochs) and max_epochs >= 0):
        raise ValueError(f"mixture.max_epochs: {max_epochs} was given, null or a number of at least 0 is allowed")


def _exact(number: float) -> Fraction:
    """The decimal that a person wrote, not the binary number nearest to it.

    >>> _exact(0.6) == Fraction(3, 5) != Fraction(0.6)
    True
    """
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _apportion(shares: list[Fraction], total: int) -> list[int]:
    """Whole numbers that sum to `total` (to 0 if the shares do), each within one of share x total.

    The largest remainders are rounded up (Hamilton's method); of equal ones, the first.

    >>> _apportion([Fraction(1, 3), Fraction(1, 3), Fraction(1, 3), Fraction(0)], 100)
    [34, 33, 33, 0]
    """
    exact = [share * total for share in shares]
    whole = [int(number) for number in exact]
    left = int(sum(exact)) - sum(whole)
    by_remainder = sorted(range(len(shares)), key=lambda i: (whole[i] - exact[i], i))
    for i in by_remainder[:left]:
        whole[i] += 1
    return whole


def _reachable(quota: int, tokens: int, max_epochs: Fraction | None) -> int:
    if tokens == 0:
        return 0
    return quota if max_epochs is None else min(quota, int(max_epochs * tokens))


def _note(one: SourcePlan, max_epochs: Fraction | None) -> str:
    if one.reachable_quota == one.quota:
        return ""
    weight = f"weight {_percent(one.reachable_weight)} instead of {_percent(one.normalised_weight)}"
    asked = f"of the {_short(one.quota)} asked"
    if one.tokens == 0:
        return f"{one.source} holds no tokens: 0 {asked}, {weight}"
    epochs = f"{float(max_epochs or 0):g} epoch{'' if max_epochs == 1 else 's'}"
    made = f"at most {epochs} make {_short(one.reachable_quota)} {asked}"
    return f"{one.source} holds {_short(one.tokens)} tokens: {made}, {weight}"


def _short(number: int) -> str:
    """
    >>> _short(999), _short(4_800_000), _short(300_000_000_000)
    ('999', '4.8 M', '300 B')
    """
    for unit, name in ((10**12, " T"), (10**9, " B"), (10**6, " M"), (10**3, " k")):
        if number >= unit:
            return f"{number / unit:.3g}{name}" if number < 999.5 * unit else f"{number / unit:.0f}{name}"
    return str(number)


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.3g} %"


def nearest_prefix(token_counts: NDArray[np.int64], quota: int) -> int:
    """How many of the first documents have together the tokens nearest to `quota`.

    The document at which the running sum passes the quota is taken if that comes nearer than leaving it; at a tie it is
    left. None is skipped to fit a smaller one in, which would favour short documents. So the sum is within half of that
    document's tokens of the quota, wherever the quota is at most the sum of all. A quota of 0 takes none.

    >>> [nearest_prefix(np.array([10, 0, 6, 100]), quota) for quota in (0, 4, 5, 6, 13, 14, 66, 67)]
    [0, 0, 0, 1, 2, 3, 3, 4]
    """
    if quota <= 0:
        return 0
    sums = np.cumsum(token_counts)
    crossing = int(np.searchsorted(sums, quota, side="right"))
    if crossing == len(sums):
        return crossing
    before = int(sums[crossing - 1]) if crossing else 0
    return crossing + (int(sums[crossing]) - quota < quota - before)


def cutoff(token_counts: NDArray[np.int64], quota: int) -> tuple[int, int]:
    """Whole passes over a source's documents, in the order of their hash, and the prefix that is drawn once more.

    The tokens drawn are within half of the largest document of the quota.

    >>> cutoff(np.array([10, 0, 6, 100]), 2 * 116 + 14)
    (2, 3)
    """
    total = int(token_counts.sum())
    if total == 0:
        return 0, 0
    passes, rest = divmod(quota, total)
    return passes, nearest_prefix(token_counts, rest)
