"""The mixture's arithmetic: weights x token budget / tokens = epochs (GPT-3, table 2.2).

Everything is exact: weights are read as the decimals that a person wrote (0.6 is 3/5), shares are fractions, tokens
whole numbers. Rounding to a printed figure is the report's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, float | Fraction]
Caps = float | Mapping[str, float] | None  # epochs at most: of every source, of those named, or no limit


@dataclass(frozen=True, slots=True)
class Bucket:
    """Documents of a source whose quality scores are alike; of a plan, also what is drawn of them."""

    min_score: float | None  # the bucket reaches up to the next one's; None: the documents without a score
    factor: float  # how often they are wished for, beside the other buckets of the source
    tokens: int
    documents: int
    quota: int = 0  # the buckets' quotas sum to the source's reachable quota

    @property
    def epochs(self) -> Fraction:
        """Quota / tokens; 0 for an empty bucket."""
        return Fraction(self.quota, self.tokens) if self.tokens else Fraction(0)


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
    buckets: tuple[Bucket, ...] = ()  # with their quotas, if the source is drawn by quality


def plan(
    weights: Weights | None,
    token_budget: int,
    tokens: Mapping[str, int],
    documents: Mapping[str, int],
    max_epochs: Caps,
    buckets: Mapping[str, Sequence[Bucket]] | None = None,
) -> tuple[SourcePlan, ...]:
    """How many tokens to draw from each source, in the order of `tokens`, then of sources only named in `weights`.

    `weights` None: in proportion to tokens; `temperature_weights` and `unimax_weights` are other ways to them. A source
    that `weights` does not name has weight 0. What one source cannot give is not asked of the others: the corpus is then
    smaller than the budget, and the notes say so. `buckets`: the sources that are drawn by quality (`bucket_quotas`),
    all their documents; the epoch limit then holds for each bucket.

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
    limits = [_limit(max_epochs, source) for source in sources]
    parts = [(buckets or {}).get(source, ()) for source in sources]
    rooms = [
        _room([one.tokens for one in part if one.factor > 0] if part else [count], limit)
        for part, count, limit in zip(parts, held, limits, strict=True)
    ]
    reachable = [quota if room is None else min(quota, room) for quota, room in zip(quotas, rooms, strict=True)]
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
            buckets=tuple(
                replace(bucket, quota=quota)
                for bucket, quota in zip(parts[i], bucket_quotas(parts[i], reachable[i], limits[i]), strict=True)
            ),
        )
        for i, source in enumerate(sources)
    )
    return tuple(replace(one, note=_note(one, limit)) for one, limit in zip(plans, limits, strict=True))


def temperature_weights(tokens: Mapping[str, int], temperature: float) -> dict[str, Fraction]:
    """Weights in proportion to tokens ** (1 / temperature), to 30 digits; they sum to 1, or to 0 without tokens.

    1 is in proportion to tokens; the higher, the nearer to equal weights (T5's temperature-scaled mixing, Raffel et al.
    2020, section 3.5.2, without its limit on a source's size).

    ValueError: a temperature below 1.

    >>> {source: str(weight) for source, weight in temperature_weights({"web": 900, "wiki": 100, "no": 0}, 2).items()}
    {'web': '3/4', 'wiki': '1/4', 'no': '0'}
    """
    if not (np.isfinite(temperature) and temperature >= 1):
        raise ValueError(f"mixture.temperature: {temperature} was given, a number of at least 1 is allowed")
    # More digits than are kept, so that a root which is rational comes out exact: 27 ** (1/3) is 3.
    exact, kept = Context(prec=60), Context(prec=30)
    power = exact.divide(Decimal(1), Decimal(repr(temperature)))
    roots = {
        source: Fraction(kept.plus(exact.power(Decimal(n), power))) if n else Fraction(0) for source, n in tokens.items()
    }
    total = sum(roots.values()) or Fraction(1)
    return {source: root / total for source, root in roots.items()}


def unimax_weights(tokens: Mapping[str, int], token_budget: int, max_epochs: Caps) -> dict[str, Fraction]:
    """UniMax (Chung et al. 2023, algorithm 1): the budget in equal shares, but no source beyond its epochs.

    What a source cannot take goes to the others in equal shares. The weights sum to 1, or to less where all sources
    together cannot give the budget.

    ValueError: a budget that is not above 0, an epoch limit below 0.

    >>> weights = unimax_weights({"web": 1000, "news": 300, "wiki": 10}, 600, max_epochs=4)
    >>> {source: str(weight * 600) for source, weight in weights.items()}
    {'web': '280', 'news': '280', 'wiki': '40'}
    """
    _check(None, token_budget, max_epochs)
    if token_budget == 0:
        raise ValueError("mixture.token_budget: 0 was given, a number above 0 is allowed")
    rooms = {source: _room([n], _limit(max_epochs, source)) for source, n in tokens.items()}
    smallest_first = sorted(tokens, key=lambda source: (rooms[source] is None, rooms[source] or 0, source))
    left, given = Fraction(token_budget), {}
    for k, source in enumerate(smallest_first):
        share, room = left / (len(smallest_first) - k), rooms[source]
        given[source] = share if room is None else min(share, Fraction(room))
        left -= given[source]
    return {source: given[source] / token_budget for source in tokens}


def bucket_quotas(buckets: Sequence[Bucket], quota: int, max_epochs: Fraction | None) -> list[int]:
    """Tokens to draw of each bucket, which sum to `quota`: epochs in proportion to the factors, none beyond the limit.

    What a bucket at its limit leaves goes to the others in proportion to their factors, so that of two buckets the one
    of the higher factor is never seen less often, but for the rounding to whole tokens. It is the upsampling of good
    documents that Dolma 3 does by hand. `quota`: at most what the buckets can give.

    >>> web = [Bucket(0.0, 0, 600, 9), Bucket(0.5, 1, 300, 6), Bucket(0.9, 4, 100, 2)]
    >>> bucket_quotas(web, 350, None), bucket_quotas(web, 350, Fraction(3, 2))
    ([0, 150, 200], [0, 200, 150])
    """
    exact = [Fraction(0)] * len(buckets)
    open_ = [i for i, one in enumerate(buckets) if one.factor > 0 and one.tokens]
    left = Fraction(quota)
    while open_:
        wished = {i: _exact(buckets[i].factor) * buckets[i].tokens for i in open_}
        scale = left / sum(wished.values())
        rooms = {i: _room([buckets[i].tokens], max_epochs) for i in open_}
        full = {i: room for i, room in rooms.items() if room is not None and wished[i] * scale > room}
        for i in open_:
            exact[i] = Fraction(full.get(i, wished[i] * scale))
        left -= sum(full.values())
        open_ = [i for i in open_ if i not in full] if full else []
    return _apportion([share / (quota or 1) for share in exact], quota)


def _check(weights: Weights | None, token_budget: int, max_epochs: Caps) -> None:
    for source, weight in (weights or {}).items():
        if not (np.isfinite(float(weight)) and weight >= 0):
            raise ValueError(f"mixture.weights.{source}: {weight} was given, a number of at least 0 is allowed")
    if weights is not None and not any(weights.values()):
        raise ValueError("mixture.weights: they sum to 0; give one source a weight above 0")
    if token_budget < 0:
        raise ValueError(f"mixture.token_budget: {token_budget} was given, a number of at least 0 is allowed")
    for limit in max_epochs.values() if isinstance(max_epochs, Mapping) else (max_epochs,):
        if limit is not None and not (np.isfinite(limit) and limit >= 0):
            raise ValueError(f"mixture.max_epochs: {limit} was given, null or a number of at least 0 is allowed")


def _limit(max_epochs: Caps, source: str) -> Fraction | None:
    """The epoch limit of a source, if it has one."""
    limit = max_epochs.get(source) if isinstance(max_epochs, Mapping) else max_epochs
    return None if limit is None else _exact(limit)


def _exact(number: float | Fraction) -> Fraction:
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


def _room(tokens: Sequence[int], max_epochs: Fraction | None) -> int | None:
    """How many tokens can be drawn of parts that hold so many; None: any number."""
    if not any(tokens):
        return 0
    return None if max_epochs is None else sum(int(max_epochs * n) for n in tokens)


def _note(one: SourcePlan, max_epochs: Fraction | None) -> str:
    if one.reachable_quota == one.quota:
        return ""
    weight = f"weight {_percent(one.reachable_weight)} instead of {_percent(one.normalised_weight)}"
    asked = f"of the {_short(one.quota)} asked"
    tokens = sum(bucket.tokens for bucket in one.buckets if bucket.factor > 0) if one.buckets else one.tokens
    wanted = " of a quality that is wanted" if tokens < one.tokens else ""
    if tokens == 0:
        return f"{one.source} holds no tokens{wanted}: 0 {asked}, {weight}"
    epochs = f"{float(max_epochs or 0):g} epoch{'' if max_epochs == 1 else 's'}"
    made = f"at most {epochs} make {_short(one.reachable_quota)} {asked}"
    return f"{one.source} holds {_short(tokens)} tokens{wanted}: {made}, {weight}"


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
