"""What was read, what is left after each stage, and whether every account balances."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report import numerals
from pipeline.report.counts import Counts, FunnelRow, SourceCounts
from pipeline.report.tables import NONE, Cell, Column, Section, Table, columns, named, number, part, prose
from pipeline.report.untrusted import name

STAGES = ("ingest", "language", "filters", "quality", "deduplicate", "decontaminate")
_BALANCED, _UNBALANCED = "✓", "✗"


@dataclass(frozen=True)
class SourceFunnel:
    """The rows of one source, in the order of the stages."""

    source: str
    rows: tuple[FunnelRow, ...]

    @property
    def read(self) -> int:
        """Documents before the first stage that decides about them: what ingest made of the records."""
        deciding = [row for row in self.rows if row.stage != "ingest"]
        return deciding[0].documents_in if deciding else self.rows[-1].kept

    @property
    def kept(self) -> int:
        """Documents after the last stage."""
        return self.rows[-1].kept

    def left(self, stages: Sequence[str]) -> int:
        """Documents after these stages; one that did not run for this source took none."""
        kept = [row.kept for row in self.rows if row.stage in stages]
        return kept[-1] if kept else self.read

    def after(self, stage: str) -> FunnelRow | None:
        """The row of a stage; None where it did not run for this source."""
        return next((row for row in self.rows if row.stage == stage), None)


def stages_of(rows: Sequence[FunnelRow]) -> list[str]:
    """The stages that have rows, in the order of the run."""
    present = dict.fromkeys(row.stage for row in rows)
    return [stage for stage in STAGES if stage in present] + [stage for stage in present if stage not in STAGES]


def by_source(rows: Sequence[FunnelRow]) -> list[SourceFunnel]:
    """One funnel a source, in the order in which the sources appear."""
    order = {stage: k for k, stage in enumerate(stages_of(rows))}
    sources = dict.fromkeys(row.source for row in rows)
    return [
        SourceFunnel(source, tuple(sorted((r for r in rows if r.source == source), key=lambda row: order[row.stage])))
        for source in sources
    ]


def unbalanced(rows: Sequence[FunnelRow]) -> list[FunnelRow]:
    """Rows in which documents are missing or too many."""
    return [row for row in rows if row.missing]


def accounts_sentence(rows: Sequence[FunnelRow]) -> str:
    """Promise 1 in words."""
    wrong = unbalanced(rows)
    if not rows:
        return "No accounts: no stage has counted anything yet."
    if not wrong:
        return f"All {len(rows)} accounts balance: in = kept + dropped, for every stage and source."
    said = "; ".join(f"{name(row.stage)} of {name(row.source)}: {_missing(row)}" for row in wrong[:5])
    more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return f"{len(wrong)} of {len(rows)} accounts {'does' if len(wrong) == 1 else 'do'} not balance: {said}{more}."


def _missing(row: FunnelRow) -> str:
    return f"{numerals.exact(abs(row.missing))} documents {'missing' if row.missing > 0 else 'too many'}"


def funnel_section(rows: Sequence[FunnelRow]) -> Section:
    """The funnel by source, and every account behind it."""
    heading = "From documents read to documents kept"
    if not rows:
        return Section("funnel", heading, nothing="No stage has counted documents yet.")
    return Section("funnel", heading, (accounts_sentence(rows),), (_funnel_table(rows), _accounts_table(rows)))


def _funnel_table(rows: Sequence[FunnelRow]) -> Table:
    stages = [stage for stage in stages_of(rows) if stage != "ingest"]
    funnels = by_source(rows)
    lines = [
        (
            named(funnel.source),
            number(funnel.read),
            *(_stage_cell(funnel.after(stage)) for stage in stages),
            part(numerals.share(funnel.kept, funnel.read)),
            _mark(funnel.rows),
        )
        for funnel in funnels
    ]
    read, kept = sum(funnel.read for funnel in funnels), sum(funnel.kept for funnel in funnels)
    together = (
        *(number(sum(funnel.left(stages[: k + 1]) for funnel in funnels)) for k in range(len(stages))),
        part(numerals.share(kept, read)),
        _mark(rows),
    )
    return Table(
        "Documents left after each stage",
        (Column("source", "name"), Column("read"), *map(Column, map(name, stages)), Column("kept"), Column("ok")),
        tuple(lines),
        total=(Cell("together"), number(read), *together),
    )


def _stage_cell(row: FunnelRow | None) -> Cell:
    if row is None:
        return NONE
    account = f"{numerals.exact(row.documents_in)} in, {numerals.exact(sum(row.dropped.values()))} dropped"
    return Cell(numerals.exact(row.kept), exact=account, tone="bad" if row.missing else "")


def _mark(rows: Sequence[FunnelRow]) -> Cell:
    wrong = unbalanced(rows)
    if wrong:
        return Cell(_UNBALANCED, exact="; ".join(f"{name(row.stage)}: {_missing(row)}" for row in wrong), tone="bad")
    return Cell(_BALANCED, exact="in = kept + dropped", tone="good")


def _accounts_table(rows: Sequence[FunnelRow]) -> Table:
    lines = [
        (
            named(row.stage),
            named(row.source),
            number(row.documents_in),
            number(row.kept),
            number(sum(row.dropped.values())),
            number(row.missing),
            _mark([row]),
        )
        for stage in stages_of(rows)
        for row in rows
        if row.stage == stage
    ]
    titles = ("stage", "source", "in", "kept", "dropped", "missing", "balance")
    return Table("Every account", columns(*titles, names=2), tuple(lines), folded=True)


def sources_section(sources: Sequence[SourceCounts]) -> Section:
    """Files, records and documents of every source, and why records gave none."""
    if not sources:
        return Section("sources", "Sources", nothing="No source has been read yet.")
    lines = [
        (
            named(source.name),
            named(source.format),
            named(source.role),
            number(source.files),
            Cell(numerals.exact(source.unreadable_files), tone="bad" if source.unreadable_files else "quiet"),
            number(sum(source.records.values())),
            number(source.documents),
            number(sum(source.rejected.values())),
        )
        for source in sources
    ]
    titles = ("source", "format", "role", "files", "unreadable", "records", "documents", "rejected")
    return Section(
        "sources",
        "Sources",
        tables=(Table("What was read", columns(*titles, names=3), tuple(lines)), _records_table(sources)),
    )


def _records_table(sources: Sequence[SourceCounts]) -> Table:
    lines = [
        (named(source.name), Cell(what), named(kind), number(n))
        for source in sources
        for what, counted in (("record", source.records), ("rejected", source.rejected))
        for kind, n in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Table(
        "Records by type, rejections by reason", columns("source", "", "", "n", names=3), tuple(lines), folded=True
    )


def warnings_section(counts: Counts) -> Section:
    """What the run itself found unusual."""
    said = (*counts.warnings, *(f"Quality, {one.language}: {text}" for one in counts.quality for text in one.warnings))
    lead = tuple(prose(text).text for text in said)
    return Section("warnings", "Warnings", lead, nothing="" if lead else "None.")
