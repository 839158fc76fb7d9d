"""Tables between counts and pages: each is built once and written three ways (HTML, Markdown, LaTeX)."""

from dataclasses import dataclass
from typing import Literal

from pipeline.report import numerals
from pipeline.report.untrusted import excerpt, name


@dataclass(frozen=True)
class Cell:
    """`text` as it is read; `exact` the figure behind it; `link` where a click may lead; `bar` in [0, 1] is drawn."""

    text: str
    exact: str = ""
    tone: Literal["", "good", "bad", "quiet"] = ""
    link: str = ""
    bar: float | None = None


@dataclass(frozen=True)
class Column:
    """`prose` is a sentence of any length; columns of one `group` stand under a common heading.

    `alone` is the title where there is no room for the group's.
    """

    title: str
    kind: Literal["name", "number", "prose"] = "number"
    group: str = ""
    alone: str = ""


@dataclass(frozen=True)
class Table:
    """`folded`: exact accounts that a page shows on demand. `total` is the last row, set apart."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading. `key` is its anchor; `nothing` says why it has no tables."""

    key: str
    heading: str
    lead: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    nothing: str = ""


NONE = Cell(numerals.NO_VALUE, tone="quiet")


def named(text: str) -> Cell:
    """A name from the config or from the web."""
    return Cell(name(text)) if text else NONE


def prose(text: str) -> Cell:
    """A sentence, or the beginning of a text."""
    return Cell(excerpt(text, 200))


def number(n: int) -> Cell:
    """Every digit."""
    return Cell(numerals.exact(n))


def amount(n: int) -> Cell:
    """Three digits, the exact figure behind them."""
    return Cell(numerals.short(n), exact=numerals.exact(n))


def part(fraction: float | None) -> Cell:
    """A share or weight."""
    return NONE if fraction is None else Cell(numerals.percent(fraction), exact=repr(fraction))


def times(epochs: float | None) -> Cell:
    """Epochs."""
    return NONE if epochs is None else Cell(numerals.epochs(epochs), exact=repr(epochs))


def columns(*titles: str, first: Literal["name", "prose"] = "name", names: int = 1) -> tuple[Column, ...]:
    """The usual table: `names` columns of names, then numbers."""
    return tuple(Column(title, first if k < names else "number") for k, title in enumerate(titles))
