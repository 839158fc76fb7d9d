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
from pipeline.report.finding_counts import Collision, ContaminationCounts, DuplicateCounts, EditCounts, IgnoredNgram
from pipeline.report.mixture_counts import Mixture
from pipeline.report.score_counts import QualityCounts, Sample


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
class LanguageCounts:
    """Documents of a source in one language: as read, and after the last stage."""

    source: str
    language: str
    documents: int
    kept: int


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
