"""What a report says of quality scores, and the documents that it shows (pipeline.report.counts)."""

from dataclasses import dataclass, field


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
