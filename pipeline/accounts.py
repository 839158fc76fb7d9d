"""The accounts: for every stage and source, in = kept + dropped by each reason."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.errors import GuardError


@dataclass(frozen=True)
class Account:
    """Documents (in `ingest`: records) of one source in one stage.

    >>> Account("filters", "crawl", 10, 7, {"word_count_min": 3}).balanced
    True
    """

    stage: str
    source: str
    documents_in: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        return self.documents_in == self.kept + sum(self.dropped.values())

    def as_json(self) -> dict[str, Any]:
        """The account as the manifest holds it."""
        return asdict(self)


def check(accounts: Iterable[Account]) -> None:
    """Raises GuardError that names each account which does not balance."""
    wrong = [
        f"{one.stage}, {one.source}: {one.documents_in:,} in, {one.kept:,} kept, {sum(one.dropped.values()):,} dropped"
        for one in accounts
        if not one.balanced
    ]
    if wrong:
        raise GuardError("the accounts do not balance, nothing was published:\n  " + "\n  ".join(wrong))


def funnel(
    documents: Mapping[str, int],
    moved: Mapping[str, Mapping[str, int]],
    decided: Mapping[str, Mapping[str, Mapping[str, int]]],
    kept: Mapping[str, int],
    order: Iterable[str],
) -> list[Account]:
    """The accounts of the stages that decide, from independent counts.

    `documents`: what ingest published, by origin; `moved[origin][source]`: how many of them another source counts;
    `decided[stage][source][reason]`: rows of verdicts/ that a stage dropped; `kept`: rows that none did. What a stage has
    in is what the one before kept, and the last one's kept is counted, not reckoned: a lost row unbalances it.
    """
    remaining = {
        source: documents.get(source, 0)
        - sum(moved.get(source, {}).values())
        + sum(given.get(source, 0) for given in moved.values())
        for source in {*documents, *(s for given in moved.values() for s in given)}
    }
    stages = list(order)
    accounts = []
    for stage in stages:
        for source in sorted(remaining):
            dropped = dict(decided.get(stage, {}).get(source, {}))
            left = remaining[source] - sum(dropped.values())
            if stage == stages[-1]:
                left = kept.get(source, 0)
            accounts.append(Account(stage, source, remaining[source], left, dropped))
            remaining[source] = left
    return accounts
