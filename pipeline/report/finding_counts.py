"""What a report says of duplicates, contamination and edits (pipeline.report.counts)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DuplicatePair:
    """Documents of `removed_source` whose representative belongs to `kept_source`."""

    kept_source: str
    removed_source: str
    documents: int


@dataclass(frozen=True)
class LargestCluster:
    """One of the largest clusters, by its representative."""

    cluster_id: str
    size: int
    representative_url: str
    excerpt: str


@dataclass(frozen=True)
class RecurringText:
    """A line or paragraph that was taken out, as it stands in one of its documents."""

    documents: int
    text: str


@dataclass(frozen=True)
class DuplicateCounts:
    """Duplicates: pairs that were compared, pairs that verification confirmed, and what was removed.

    removed_url  other captures of a URL, with another text
    unlinked     documents of crowded buckets that were like none of those they were compared with
    near_like    near duplicates that reach min_similarity to their representative themselves, not through others
    crowded      documents with which most others share a bucket; `size`: how many
    """

    clusters: int
    removed_exact: int
    removed_near: int
    candidate_pairs: int
    verified_pairs: int
    by_source: tuple[DuplicatePair, ...] = ()
    largest: tuple[LargestCluster, ...] = ()
    removed_url: int = 0
    unlinked: int = 0
    near_like: int = 0
    crowded: tuple[LargestCluster, ...] = ()
    recurring: tuple[RecurringText, ...] = ()


@dataclass(frozen=True)
class ContaminationCounts:
    """Items of a benchmark's split, how many of them the documents contain, and how many documents those are.

    items_short          shorter than an n-gram: they cannot be found
    items_ignored        all that was found of them is in too many documents
    ngrams, ngrams_found of all items, those of an item counted once
    """

    benchmark: str
    split: str
    items: int
    items_found: int
    documents: int
    items_short: int = 0
    items_ignored: int = 0
    ngrams: int = 0
    ngrams_found: int = 0


@dataclass(frozen=True)
class Collision:
    """Where an item stands in a document: its code points from `start` to `end`."""

    benchmark: str
    split: str
    item_id: str
    id: str
    url: str
    start: int
    end: int


@dataclass(frozen=True)
class IgnoredNgram:
    """An n-gram in too many documents to be a sign of contamination."""

    text: str
    documents: int


@dataclass(frozen=True)
class EditCounts:
    """What a stage edits in kept documents for one reason: `removed` characters make room for `written` ones."""

    stage: str
    reason: str
    documents: int
    edits: int
    removed: int
    written: int
