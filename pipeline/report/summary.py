"""The first sentences: what a person who decides on a training run reads before any table."""

from collections.abc import Sequence

from pipeline.report import numerals
from pipeline.report.counts import Counts, LanguageCounts
from pipeline.report.funnel import by_source
from pipeline.report.mixture_counts import Mixture
from pipeline.report.untrusted import name

CLOSE = 0.001  # a tenth of a percentage point: nobody trains differently for less


def summary(counts: Counts) -> list[str]:
    """One to four sentences."""
    said = [_documents(counts)]
    if counts.mixture and counts.mixture.rows:
        said += [_corpus(counts.mixture), *_weights(counts.mixture), *_repetition(counts.mixture)]
    return said


def _documents(counts: Counts) -> str:
    funnels = by_source(counts.funnel)
    if not funnels:
        read = sum(source.documents for source in counts.sources)
        return f"{numerals.exact(read)} documents read; no stage has decided about them yet."
    read, kept = sum(funnel.read for funnel in funnels), sum(funnel.kept for funnel in funnels)
    if not read:
        return "No documents were read."
    return (
        f"{numerals.exact(kept)} of {numerals.exact(read)} documents are kept "
        f"({numerals.percent(kept / read)}){_by_language(counts.languages)}."
    )


def _by_language(languages: Sequence[LanguageCounts]) -> str:
    kept: dict[str, int] = {}
    for row in languages:
        kept[row.language] = kept.get(row.language, 0) + row.kept
    total = sum(kept.values())
    if not total:
        return ""
    first = sorted(kept, key=lambda language: (-kept[language], language))[:3]
    return ": " + ", ".join(f"{numerals.percent(kept[one] / total)} {name(one)}" for one in first if kept[one])


def _corpus(mixture: Mixture) -> str:
    written = sum(row.written_documents for row in mixture.rows)
    tokens = sum(row.realised_tokens for row in mixture.rows)
    of_budget = numerals.percent(numerals.share(tokens, mixture.token_budget))
    asked = f", {of_budget} of the {numerals.short(mixture.token_budget)} asked for" if mixture.token_budget else ""
    return f"The corpus holds {numerals.exact(written)} rows and {numerals.short(tokens)} tokens{asked}."


def _weights(mixture: Mixture) -> list[str]:
    gaps = [
        (abs(row.realised_weight - row.normalised_weight), row)
        for row in mixture.rows
        if row.realised_weight is not None
    ]
    if not gaps:
        return []
    gap, row = max(gaps, key=lambda item: item[0])
    if gap <= CLOSE:
        return ["Every source has its weight to a tenth of a percentage point."]
    reachable = "" if row.reachable_weight is None else f"; {numerals.percent(row.reachable_weight)} is reachable"
    return [
        f"Furthest from its weight is {name(row.source)}: {numerals.percent(row.realised_weight)} "
        f"realised for {numerals.percent(row.normalised_weight)} normalised{reachable}."
    ]


def _repetition(mixture: Mixture) -> list[str]:
    repeated = [row for row in mixture.rows if (row.epochs or 0) > 1]
    if not repeated:
        return ["No source is seen more than once."]
    most = max(repeated, key=lambda row: row.epochs or 0)
    return [f"Seen most often: {name(most.source)}, {numerals.epochs(most.epochs)} times."]
