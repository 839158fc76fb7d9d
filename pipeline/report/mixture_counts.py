"""What a report says of the mixture and its shards (pipeline.report.counts)."""

from dataclasses import dataclass


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
