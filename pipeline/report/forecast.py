"""What `taojin plan` prints: a forecast as tables of 80 columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.report import numerals
from pipeline.report.untrusted import cut_middle, name

WIDTH = 80
NAME = 22  # characters of a source that leave room for its figures


@dataclass(frozen=True)
class SourceForecast:
    """One source as a whole run would find it, from the part of it that was read."""

    source: str
    bytes: int  # of all its files, as stored
    read: float  # the share of them that was read, in [0, 1]
    documents: int  # in all
    kept: int  # after language, rules and the quality rule
    tokens: int  # of the kept
    error: float  # standard error of the tokens, of the tokens: that of the draw, not of files that are unlike those read
    asked_weight: float  # normalised
    epochs_asked: float
    epochs: float  # that max_epochs and what there is allow
    weight: float  # that they allow


@dataclass(frozen=True)
class Forecast:
    """What a run would make of the config. `banding`: similarity -> the chance that such a pair is compared."""

    token_budget: int
    tokenizer: str
    sources: tuple[SourceForecast, ...]
    corpus_tokens: int
    corpus_bytes: int
    disk_bytes: int
    free_bytes: int
    core_hours: float
    bands: str = ""
    banding: dict[float, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def forecast_text(one: Forecast) -> str:
    """The tables, then what stands in the way, one line each."""
    held = [
        (
            cut_middle(name(row.source), NAME), numerals.byte_size(row.bytes), numerals.percent(row.read),
            numerals.short(row.documents), numerals.short(row.kept), numerals.short(row.tokens),
            "–" if not row.tokens else f"± {numerals.percent(row.error)}",
        )
        for row in one.sources
    ]  # fmt: skip
    mixed = [
        (
            cut_middle(name(row.source), NAME), numerals.percent(row.asked_weight), numerals.epochs(row.epochs_asked),
            numerals.epochs(row.epochs), numerals.percent(row.weight),
        )
        for row in one.sources
    ]  # fmt: skip
    parts = [
        _table("What there is", ("source", "size", "read", "documents", "kept", "tokens", "error"), held),
        _table(
            f"{numerals.short(one.token_budget)} {one.tokenizer} tokens asked",
            ("source", "weight", "epochs asked", "epochs given", "weight given"), mixed,
        ),
        "\n".join([
            "What it takes",
            f"  corpus      {numerals.short(one.corpus_tokens)} tokens, {numerals.byte_size(one.corpus_bytes)}",
            f"  disk        {numerals.byte_size(one.disk_bytes)}, of {numerals.byte_size(one.free_bytes)} free",
            f"  processors  {one.core_hours:.2g} core-hours",
        ]),
    ]  # fmt: skip
    if one.banding:
        chances = ("compared", *(numerals.percent(chance) for chance in one.banding.values()))
        similarities = ("similarity", *(f"{similarity:g}" for similarity in one.banding))
        parts.append(_table(f"The chance that a pair is compared: {one.bands}", similarities, [chances]))
    if one.problems:
        parts.append("\n".join(["In the way", *(f"  - {problem}" for problem in one.problems)]))
    return "\n\n".join(parts)


def _table(title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, the first left, the others right.

    >>> print(_table("Held", ("source", "tokens"), [("wiki", "3.00 B"), ("web", "410 B")]))
    Held
      source  tokens
      wiki    3.00 B
      web      410 B
    """
    widths = [max(len(row[k]) for row in (titles, *rows)) for k in range(len(titles))]
    lines = []
    for first, *others in (titles, *rows):
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join([title, *lines])
