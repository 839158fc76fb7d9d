"""Why documents went: every drop reason with its count, its meaning, its sources and samples to look at."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report import numerals
from pipeline.report.counts import Counts
from pipeline.report.finding_counts import EditCounts
from pipeline.report.funnel import stages_of
from pipeline.report.score_counts import Sample
from pipeline.report.tables import Cell, Column, Section, Table, named, part, prose


@dataclass(frozen=True)
class Reason:
    """`entered` is what came into the stage, so that documents / entered is the share that this reason took."""

    stage: str
    reason: str
    documents: int
    entered: int
    meaning: str
    by_source: tuple[tuple[str, int], ...]
    samples: tuple[Sample, ...]

    @property
    def share(self) -> float | None:
        """Of all that entered the stage."""
        return numerals.share(self.documents, self.entered)


def drop_reasons(counts: Counts) -> list[Reason]:
    """Every reason of every stage, the largest of a stage first; records that gave no document (ingest) come last."""
    stages = sorted(stages_of(counts.funnel), key=lambda stage: stage == "ingest")
    return [reason for stage in stages for reason in _reasons_of(counts, stage)]


def _reasons_of(counts: Counts, stage: str) -> list[Reason]:
    rows = [row for row in counts.funnel if row.stage == stage]
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row.dropped)
    return [
        Reason(
            stage,
            reason,
            documents,
            entered=sum(row.documents_in for row in rows),
            meaning=counts.rejection_reasons.get(reason, ""),
            by_source=tuple((row.source, row.dropped[reason]) for row in rows if row.dropped.get(reason)),
            samples=tuple(counts.samples.get(reason, ())),
        )
        for reason, documents in sorted(total.items(), key=lambda item: (-item[1], item[0]))
        if documents
    ]


def reasons_section(counts: Counts) -> Section:
    """The reasons as a table; the page shows them as rows that open."""
    heading = "Why documents went"
    reasons = drop_reasons(counts)
    edited = (_edits_table(counts.edits),) if counts.edits else ()
    if not reasons:
        nothing = "Nothing was dropped." if counts.funnel else "No stage has decided about documents yet."
        return Section("reasons", heading, nothing=nothing, tables=edited)
    lead = ("Each document goes for the first rule that it breaks. Shares are of what entered the stage.",)
    return Section("reasons", heading, lead, (_reasons_table(reasons), *edited))


def _edits_table(edits: Sequence[EditCounts]) -> Table:
    return Table(
        "What was edited in kept documents",
        (
            Column("stage", "name"),
            Column("reason", "name"),
            Column("documents"),
            Column("edits"),
            Column("characters removed"),
            Column("characters written"),
        ),
        tuple(
            (
                named(one.stage),
                named(one.reason),
                *(Cell(numerals.exact(n)) for n in (one.documents, one.edits, one.removed, one.written)),
            )
            for one in edits
        ),
        note="Every span is in edits/; one inside another goes with it and is counted too.",
    )


def _reasons_table(reasons: Sequence[Reason]) -> Table:
    largest = max(reason.documents for reason in reasons)
    return Table(
        "Drop reasons",
        (
            Column("stage", "name"),
            Column("reason", "name"),
            Column("documents"),
            Column("share"),
            Column("meaning", "prose"),
        ),
        tuple(
            (
                named(reason.stage),
                named(reason.reason),
                Cell(numerals.exact(reason.documents), bar=reason.documents / largest),
                part(reason.share),
                prose(reason.meaning),
            )
            for reason in reasons
        ),
    )
