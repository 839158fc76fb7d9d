"""Languages, duplicates, contamination and time: what each stage found."""

from collections.abc import Sequence

from pipeline.report import numerals
from pipeline.report.counts import Counts, LanguageCounts, StageTime
from pipeline.report.finding_counts import DuplicateCounts, LargestCluster
from pipeline.report.tables import NONE, Cell, Column, Section, Table, columns, named, number, part, prose
from pipeline.report.untrusted import address, link_target


def languages_section(languages: Sequence[LanguageCounts]) -> Section:
    """Documents by language, before and after."""
    if not languages:
        return Section("languages", "Languages", nothing="No languages were counted.")
    order = sorted(languages, key=lambda row: (-row.documents, row.source, row.language))
    table = Table(
        "Documents by source and language",
        columns("source", "language", "read", "kept", "share kept", names=2),
        tuple(
            (
                named(row.source),
                named(row.language),
                number(row.documents),
                number(row.kept),
                part(numerals.share(row.kept, row.documents)),
            )
            for row in order
        ),
        folded=len(order) > 12,
    )
    return Section("languages", "Languages", tables=(_languages_together(languages), table))


def _languages_together(languages: Sequence[LanguageCounts]) -> Table:
    read = {row.language: 0 for row in languages}
    kept = dict(read)
    for row in languages:
        read[row.language] += row.documents
        kept[row.language] += row.kept
    all_read, all_kept = sum(read.values()), sum(kept.values())
    order = sorted(read, key=lambda language: (-read[language], language))
    return Table(
        "All sources together",
        columns("language", "read", "of all read", "kept", "of all kept"),
        tuple(
            (
                named(language),
                number(read[language]),
                part(numerals.share(read[language], all_read)),
                number(kept[language]),
                part(numerals.share(kept[language], all_kept)),
            )
            for language in order
        ),
    )


def duplicates_section(duplicates: DuplicateCounts | None) -> Section:
    """What was removed, whose copy stayed, and the largest clusters to look at."""
    heading = "Duplicates"
    if duplicates is None:
        return Section("duplicates", heading, nothing="Duplicates were not looked for.")
    one = duplicates
    confirmed = numerals.percent(numerals.share(one.verified_pairs, one.candidate_pairs))
    lead: tuple[str, ...] = (
        f"{numerals.exact(one.clusters)} clusters; removed: {numerals.exact(one.removed_exact)} exact and "
        f"{numerals.exact(one.removed_near)} near duplicates, {numerals.exact(one.removed_url)} older captures of a URL. "
        f"Of {numerals.exact(one.candidate_pairs)} candidate pairs, verification confirmed "
        f"{numerals.exact(one.verified_pairs)} ({confirmed}).",
    )
    if one.near_like < one.removed_near:
        lead += (
            f"{numerals.exact(one.near_like)} of the near duplicates ({numerals.percent(one.near_like / one.removed_near)}) "
            "are as like their representative as was asked; the others through documents between them.",
        )
    elif one.removed_near:
        lead += ("Every near duplicate is as like its representative as was asked.",)
    if one.unlinked:
        lead += (
            f"{numerals.exact(one.unlinked)} documents of crowded buckets were like none of those they were compared with; "
            "a duplicate among them may have been missed.",
        )
    pairs = Table(
        "Who kept the document",
        columns("kept by", "removed from", "documents", names=2),
        tuple((named(pair.kept_source), named(pair.removed_source), number(pair.documents)) for pair in one.by_source),
    )
    largest = _largest("Largest clusters", "representative", one.largest)
    crowded = _largest("Largest buckets: documents that share a band with", "the first of them", one.crowded)
    recurring = Table(
        "What was taken out of most documents",
        columns("text", "documents", names=1),
        tuple((named(row.text), number(row.documents)) for row in one.recurring),
        folded=True,
    )
    tables = (pairs, largest, crowded, recurring)
    return Section("duplicates", heading, lead, tuple(table for table in tables if table.rows))


def _largest(title: str, first: str, clusters: Sequence[LargestCluster]) -> Table:
    rows = tuple(
        (_address_cell(one.representative_url or one.cluster_id), number(one.size), prose(one.excerpt)) for one in clusters
    )
    return Table(title, (Column(first, "name"), Column("documents"), Column("begins", "prose")), rows, folded=True)


def _address_cell(url: str) -> Cell:
    return Cell(address(url, 60), link=link_target(url))


def contamination_section(counts: Counts) -> Section:
    """Benchmark items in the corpus, and the n-grams too frequent to count."""
    heading = "Contamination"
    if not counts.contamination:
        return Section("contamination", heading, nothing="No benchmark was searched for.")
    found = sum(row.items_found for row in counts.contamination)
    lead = (
        f"{numerals.exact(found)} benchmark items found; {numerals.exact(counts.cut_documents)} documents cut "
        f"around them, {numerals.exact(counts.dropped_documents)} dropped whole.",
    )
    benchmarks = Table(
        "Items found",
        columns(
            "benchmark", "split", "items", "short", "found", "share", "of n-grams", "common", "documents", names=2
        ),
        tuple(
            (
                named(row.benchmark),
                named(row.split),
                number(row.items),
                number(row.items_short),
                number(row.items_found),
                part(numerals.share(row.items_found, row.items)),
                part(numerals.share(row.ngrams_found, row.ngrams)),
                number(row.items_ignored),
                number(row.documents),
            )
            for row in counts.contamination
        ),
        note="short: no n-gram long, so not to be found; common: all that was found of them is in too many documents.",
    )
    places = Table(
        "Where items stand, the first by benchmark; all are in contamination/",
        columns("item", "benchmark", "split", "document", "characters", names=4),
        tuple(
            (named(row.item_id), named(row.benchmark), named(row.split), _address_cell(row.url or row.id),
             named(f"{row.start:,}–{row.end:,}"))
            for row in counts.collisions
        ),
        folded=True,
    )  # fmt: skip
    ignored = Table(
        "Ignored n-grams: in too many documents to be a sign",
        columns("n-gram", "documents", first="prose"),
        tuple((prose(row.text), number(row.documents)) for row in counts.ignored_ngrams),
        folded=True,
    )
    return Section("contamination", heading, lead, tuple(table for table in (benchmarks, places, ignored) if table.rows))


def time_section(stages: Sequence[StageTime]) -> Section:
    """Seconds and bytes by stage."""
    if not stages:
        return Section("time", "Time", nothing="No stage has finished yet.")
    seconds = sum(row.seconds for row in stages)
    with_bytes = any(row.bytes_written is not None or row.bytes_shuffled is not None for row in stages)
    titles = ("stage", "time", "share", *(("written", "shuffled") if with_bytes else ()))
    lines = [
        (
            named(row.stage),
            Cell(numerals.duration(row.seconds) + (" (earlier run)" if row.resumed else ""), exact=f"{row.seconds} s"),
            part(row.seconds / seconds if seconds else None),
            *((_bytes_cell(row.bytes_written), _bytes_cell(row.bytes_shuffled)) if with_bytes else ()),
        )
        for row in stages
    ]
    blank = (Cell(""),) * (len(titles) - 2)
    total = (Cell("together"), Cell(numerals.duration(seconds)), *blank)
    return Section("time", "Time", tables=(Table("Time by stage", columns(*titles), tuple(lines), total=total),))


def _bytes_cell(n: int | None) -> Cell:
    return NONE if n is None else Cell(numerals.byte_size(n), exact=numerals.exact(n))
