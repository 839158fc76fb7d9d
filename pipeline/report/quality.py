"""The report's part on quality: what each classifier knows, and what its rule did."""

from collections.abc import Sequence

from pipeline.report.score_counts import QualityCounts
from pipeline.report.tables import NONE, Cell, Column, Section, Table, columns, named, number, part, prose
from pipeline.report.untrusted import name

_FIGURES = {
    "auc": "AUC, references over raw",
    "auc_without_heaviest": "AUC without the 100 heaviest words",
    "auc_within_hosts": "AUC within hosts",
    "precision": "precision at 0.5",
    "recall": "recall at 0.5",
    "f1": "F1 at 0.5",
    "between_hosts": "variance of raw scores between hosts",
    "fitted_alpha": "α that matches the references' scores",
    "copies_of_references": "near copies of references left out",
}


def quality_section(quality: Sequence[QualityCounts]) -> Section:
    """One classifier a language, and what its rule does."""
    heading = "Quality"
    if not quality:
        return Section("quality", heading, nothing="No quality classifier was trained.")
    rule = ("The Pareto rule keeps a document of score s with probability 1 / (2 − s)^α (GPT-3, appendix A.1).",)
    tables = [_classifiers(quality), _keep_rates(quality), *_figures(quality), *_quantiles(quality), *_calibration(quality)]
    tables += [_to_read(one) for one in quality if one.deciles]
    lead = (rule if any(one.alpha for one in quality) else ()) + _words(quality)
    return Section("quality", heading, lead, tuple(table for table in tables if table.rows))


def _classifiers(quality: Sequence[QualityCounts]) -> Table:
    return Table(
        "Classifiers and rules",
        (
            Column("language", "name"),
            Column("references", group="documents trained on"),
            Column("raw", group="documents trained on"),
            Column("held out", group="test"),
            Column("AUC", group="test"),
            Column("rule", "name", group="rule"),
            Column("α", group="rule"),
            Column("expected", group="share of raw kept"),
            Column("realised", group="share of raw kept"),
        ),
        tuple(
            (
                named(one.language),
                number(one.references),
                number(one.raw),
                number(one.held_out),
                _figure(one.auc),
                named(one.rule),
                NONE if one.alpha is None else Cell(f"{one.alpha:g}"),
                part(one.expected_keep),
                part(one.realised_keep),
            )
            for one in quality
        ),
    )


def _figure(value: float | None) -> Cell:
    return NONE if value is None else Cell(f"{value:.3f}", exact=repr(value))


def _keep_rates(quality: Sequence[QualityCounts]) -> Table:
    rows = []
    for one in quality:
        for rate in one.keep_rates:
            off = None
            if rate.expected is not None and rate.error:
                off = (rate.realised - rate.expected) / rate.error
            tone: Cell = NONE if off is None else Cell(f"{off:+.1f}", exact=repr(off), tone="bad" if abs(off) > 3 else "")
            shares = part(rate.expected), part(rate.realised)
            rows.append((named(one.language), named(rate.source), number(rate.documents), *shares, tone))
    return Table(
        "Keep rates",
        columns("language", "source", "scored", "expected", "realised", "standard errors apart", names=2),
        tuple(rows),
        note="Expected: the mean of (2 − s)^−α. Copies of a text share one draw, which the standard error accounts for.",
    )


def _words(quality: Sequence[QualityCounts]) -> tuple[str, ...]:
    return tuple(
        f"Strongest words {way}, {name(one.language)}: {', '.join(name(word, 24) for word in words[:20])}."
        for one in quality
        for way, words in (("for", one.strongest_words), ("against", one.strongest_against))
        if words
    )


def _figures(quality: Sequence[QualityCounts]) -> list[Table]:
    measured = [one for one in quality if one.figures]
    rows = [
        (named(title), *(_of(one.figures.get(key)) for one in measured))
        for key, title in _FIGURES.items()
        if any(key in one.figures for one in measured)
    ]
    sources = sorted({source for one in measured for source in one.transfer})
    rows += [
        (named(f"AUC of {name(source, 30)} when not trained on"), *(_figure(one.transfer.get(source)) for one in measured))
        for source in sources
    ]
    heading = columns("on what was held out", *(name(one.language) for one in measured))
    return [Table("What the classifiers know", heading, tuple(rows))] if measured else []


def _of(value: float | None) -> Cell:
    return Cell(f"{value:,}") if isinstance(value, int) else _figure(value)


def _quantiles(quality: Sequence[QualityCounts]) -> list[Table]:
    rows = tuple(
        (named(one.language), named(source), *(_figure(value) for value in values))
        for one in quality
        for source, values in one.quantiles.items()
    )
    heading = columns("language", "source", "5 %", "25 %", "median", "75 %", "95 %", names=2)
    return [Table("Scores of held-out windows, quantiles", heading, rows, folded=True)]


def _calibration(quality: Sequence[QualityCounts]) -> list[Table]:
    rows = tuple(
        (named(one.language), _figure(row.score), _figure(row.references), number(row.documents))
        for one in quality
        for row in one.calibration
    )
    heading = columns("language", "mean score", "share of references", "documents")
    note = "Held-out windows by tenths of the score, both roles weighing the same: a calibrated score is the share."
    return [Table("Calibration", heading, rows, note=note, folded=True)]


def _to_read(one: QualityCounts) -> Table:
    rows = tuple(
        (named(f"tenth {k} of 10"), Cell(f"{scored.score:.3f}"), prose(scored.sample.excerpt))
        for k, tenth in enumerate(one.deciles, 1)
        for scored in tenth
    )
    heading = (Column("raw, by score", "name"), Column("score"), Column("document", "prose"))
    return Table(f"Raw documents to read, {name(one.language)}: five of each tenth", heading, rows, folded=True)
