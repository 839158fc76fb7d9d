"""Counts: all that a report says, and nothing else.

`report.json` is exactly this structure, so that `taojin report OUTPUT` renders the pages again without the tables.
Weights and shares are fractions of 1, sizes bytes; what was not measured is None or empty.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import InputError


@dataclass(frozen=True)
class SourceCounts:
    """What was read of one source: `records` by WARC type (or `row`, `file`), `rejected` by reason."""

    name: str
    format: str
    role: str
    files: int
    unreadable_files: int
    documents: int
    records: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FunnelRow:
    """The account of one stage and one source. It balances if documents_in = kept + the sum over `dropped`."""

    stage: str
    source: str
    documents_in: int
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Documents without an account: 0 if it balances, negative if more went out than came in."""
        return self.documents_in - self.kept - sum(self.dropped.values())


@dataclass(frozen=True)
class QualityBucket:
    """Documents of a source from `min_score` up to the next bucket's; None: those without a score.

    factor: how often they are wished for beside the other buckets; the rest as in MixtureRow.
    """

    min_score: float | None
    factor: float
    documents: int
    tokens: int
    quota_tokens: int
    realised_tokens: int


@dataclass(frozen=True)
class MixtureRow:
    """One source in the mixture, as a row of table 2.2.

    documents, tokens    kept, before the draw, without what is held out for validation
    quota_tokens         normalised weight x token budget
    realised_tokens      written, copies included; likewise written_documents
    reachable_weight     the weight nearest to the wish that documents and caps on epochs allow
    """

    source: str
    asked_weight: float
    normalised_weight: float
    documents: int
    tokens: int
    quota_tokens: int
    realised_tokens: int
    written_documents: int
    realised_weight: float | None = None
    reachable_weight: float | None = None
    epochs_asked: float | None = None
    epochs: float | None = None
    note: str = ""
    buckets: tuple[QualityBucket, ...] = ()


@dataclass(frozen=True)
class Shards:
    """The files of `corpus/`: how many, their rows, tokens and bytes, and the size asked for in bytes."""

    n: int
    rows: int
    tokens: int
    bytes: int
    shard_size: int


@dataclass(frozen=True)
class HeldOutRow:
    """What of a source is held out for validation; `quota_tokens` as in MixtureRow."""

    source: str
    quota_tokens: int
    documents: int
    tokens: int
    note: str = ""


@dataclass(frozen=True)
class HeldOut:
    """The validation split, in corpus/validation/."""

    token_budget: int
    rows: tuple[HeldOutRow, ...]
    shards: Shards


@dataclass(frozen=True)
class TokenEstimate:
    """How the tokens of a source's kept documents were estimated; `relative_error` is a standard error."""

    source: str
    documents: int
    counted: int
    tokens_a_byte: float
    relative_error: float


@dataclass(frozen=True)
class Mixture:
    """Table 2.2 of this corpus."""

    token_budget: int
    tokenizer: str
    rows: tuple[MixtureRow, ...] = ()
    shards: Shards | None = None
    strategy: str = "weights"
    validation: HeldOut | None = None
    estimates: tuple[TokenEstimate, ...] = ()  # of the sources whose tokens were not all counted


@dataclass(frozen=True)
class LanguageCounts:
    """Documents of a source in one language: as read, and after the last stage."""

    source: str
    language: str
    documents: int
    kept: int


@dataclass(frozen=True)
class ScoreHistogram:
    """Quality scores: bin k reaches from edges[k] to edges[k + 1]; `kept` is the part of `raw` that the rule keeps."""

    edges: tuple[float, ...]
    references: tuple[int, ...]
    raw: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True)
class KeepRate:
    """Scored raw documents of a source: the share that the rule should keep and that it kept, and the standard error."""

    source: str
    documents: int
    expected: float | None
    realised: float
    error: float | None


@dataclass(frozen=True)
class Calibration:
    """Held-out windows in a tenth of [0, 1]: their mean score, and the share of references among them."""

    score: float
    references: float
    documents: int


@dataclass(frozen=True)
class Sample:
    """A document that a person can look at. Id, URL and excerpt are text of the web: hostile until escaped."""

    id: str
    url: str
    excerpt: str
    source: str = ""


@dataclass(frozen=True)
class Scored:
    """A document with its quality score."""

    score: float
    sample: Sample


# Of a card, in the order in which they are shown.
QUALITY_FIGURES = (
    "auc", "auc_without_heaviest", "auc_within_hosts", "precision", "recall", "f1", "between_hosts", "fitted_alpha",
    "copies_of_references",
)  # fmt: skip


@dataclass(frozen=True)
class QualityCounts:
    """One language's classifier: documents trained on, held-out AUC, the rule and the share that it keeps.

    figures: QUALITY_FIGURES; transfer: the AUC of a source by a model that has not seen it; quantiles: of the scores at
    5, 25, 50, 75 and 95 %, by source; deciles: raw documents of each tenth, the lowest first.
    """

    language: str
    references: int
    raw: int
    held_out: int
    rule: str
    auc: float | None = None
    alpha: float | None = None
    expected_keep: float | None = None
    realised_keep: float | None = None
    histogram: ScoreHistogram | None = None
    strongest_words: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    strongest_against: tuple[str, ...] = ()
    keep_rates: tuple[KeepRate, ...] = ()
    figures: dict[str, int | float] = field(default_factory=dict)
    transfer: dict[str, float] = field(default_factory=dict)
    quantiles: dict[str, tuple[float, ...]] = field(default_factory=dict)
    calibration: tuple[Calibration, ...] = ()
    deciles: tuple[tuple[Scored, ...], ...] = ()


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


@dataclass(frozen=True)
class StageTime:
    """Seconds of one stage; `resumed`: taken over from an earlier run. Bytes are None where Spark gave none."""

    stage: str
    seconds: float
    resumed: bool = False
    bytes_written: int | None = None
    bytes_shuffled: int | None = None


@dataclass(frozen=True)
class Counts:
    """One run. `samples` by drop reason, and under `kept` a few of the kept; `rejection_reasons`: a sentence each."""

    taojin_version: str
    output: str
    seed: int
    finished: str
    config: dict[str, Any] = field(default_factory=dict)
    sources: tuple[SourceCounts, ...] = ()
    funnel: tuple[FunnelRow, ...] = ()
    mixture: Mixture | None = None
    languages: tuple[LanguageCounts, ...] = ()
    quality: tuple[QualityCounts, ...] = ()
    duplicates: DuplicateCounts | None = None
    contamination: tuple[ContaminationCounts, ...] = ()
    collisions: tuple[Collision, ...] = ()
    ignored_ngrams: tuple[IgnoredNgram, ...] = ()
    cut_documents: int = 0
    dropped_documents: int = 0
    edits: tuple[EditCounts, ...] = ()
    stages: tuple[StageTime, ...] = ()
    warnings: tuple[str, ...] = ()
    samples: dict[str, tuple[Sample, ...]] = field(default_factory=dict)
    rejection_reasons: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """UTF-8 JSON, two spaces deep. Not-a-number becomes null, a lone surrogate `?`: neither can be written."""
        return json.dumps(_writable(dataclasses.asdict(self)), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Counts":
        """The counts of a report.json; raises InputError that names the first wrong field."""
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise InputError(f"report.json cannot be read: {where}: {first['msg']}") from None


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return None if isinstance(value, float) and not math.isfinite(value) else value
