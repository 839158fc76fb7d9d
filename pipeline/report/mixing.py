"""Table 2.2 for this corpus, the paper's figures beside ours where the sources have the paper's names."""

from pipeline.report import numerals
from pipeline.report.mixture_counts import HeldOut, Mixture, MixtureRow
from pipeline.report.paper import paper_row
from pipeline.report.tables import NONE, Cell, Column, Section, Table, amount, named, number, part, prose, times
from pipeline.report.untrusted import name

_OURS = (
    Column("source", "name"),
    Column("documents", group="kept"),
    Column("tokens", group="kept"),
    Column("asked", group="weight in training mix", alone="weight asked"),
    Column("normalised", group="weight in training mix"),
    Column("realised", group="weight in training mix"),
    Column("epochs", group="seen"),
)
_PAPERS = (
    Column("tokens", group="GPT-3, table 2.2", alone="GPT-3's tokens"),
    Column("weight", group="GPT-3, table 2.2", alone="GPT-3's weight"),
    Column("epochs", group="GPT-3, table 2.2", alone="GPT-3's epochs"),
)


def mixture_section(mixture: Mixture | None) -> Section:
    """The heart of the report."""
    heading = "Table 2.2 for this corpus"
    if mixture is None or not mixture.rows:
        return Section("mixture", heading, nothing="No mixture was drawn: the run ended before the stage mix.")
    tables = [mixture_table(mixture), _draw_table(mixture)]
    if any(row.buckets for row in mixture.rows):
        tables.append(_buckets_table(mixture))
    if mixture.validation:
        tables.append(_held_out_table(mixture.validation))
    return Section("mixture", heading, _lead(mixture), tuple(tables))


def _lead(mixture: Mixture) -> tuple[str, ...]:
    budget, tokenizer = mixture.token_budget, name(mixture.tokenizer)
    lead = [
        f"Asked for: {numerals.short(budget)} tokens ({numerals.exact(budget)}, {tokenizer}). "
        "Epochs: how often a token of the source is seen in that many. "
        f"Strategy: {name(mixture.strategy)}."
    ]
    if shards := mixture.shards:
        lead.append(
            f"Written: {numerals.exact(shards.rows)} rows, {numerals.exact(shards.tokens)} tokens, "
            f"{numerals.byte_size(shards.bytes)} in {numerals.exact(shards.n)} shards "
            f"of {numerals.byte_size(shards.shard_size)} asked."
        )
    if mixture.estimates:
        by_source = "; ".join(
            f"{name(one.source)} {numerals.exact(one.counted)} of {numerals.exact(one.documents)} documents, "
            f"{one.tokens_a_byte:.3f} tokens a byte, standard error {numerals.percent(one.relative_error)}"
            for one in mixture.estimates
        )
        lead.append(f"Tokens are estimated from those that were counted: {by_source}.")
    return tuple(lead)


def weights_are_fractions(mixture: Mixture) -> bool:
    """Weights such as 0.60 are shares, shown in per cent; 3 (to 1) is a ratio, shown as it was given."""
    return all(row.asked_weight <= 1 for row in mixture.rows)


def mixture_table(mixture: Mixture) -> Table:
    """Documents, tokens, weights, epochs; asked weights as given, though they add up to 101 %."""
    as_percent = weights_are_fractions(mixture)
    beside_paper = any(paper_row(row.source) for row in mixture.rows)
    rows = [
        (
            named(row.source),
            number(row.documents),
            amount(row.tokens),
            Cell(numerals.given_weight(row.asked_weight, as_percent), exact=repr(row.asked_weight)),
            part(row.normalised_weight),
            part(row.realised_weight),
            times(row.epochs),
            *(_paper_cells(row.source) if beside_paper else ()),
        )
        for row in mixture.rows
    ]
    return Table(
        "Weights and epochs",
        _OURS + (_PAPERS if beside_paper else ()),
        tuple(rows),
        total=_total(mixture, as_percent) + ((Cell(""),) * 3 if beside_paper else ()),
        note="GPT-3's figures as printed, rounding and all." if beside_paper else "",
    )


def _total(mixture: Mixture, as_percent: bool) -> tuple[Cell, ...]:
    asked = sum(row.asked_weight for row in mixture.rows)
    realised = [row.realised_weight for row in mixture.rows if row.realised_weight is not None]
    return (
        Cell("together"),
        number(sum(row.documents for row in mixture.rows)),
        amount(sum(row.tokens for row in mixture.rows)),
        Cell(numerals.given_weight(round(asked, 9), as_percent)),
        part(sum(row.normalised_weight for row in mixture.rows)),
        part(sum(realised)) if realised else NONE,
        Cell(""),
    )


def _paper_cells(source: str) -> tuple[Cell, ...]:
    row = paper_row(source)
    return (Cell(row.tokens), Cell(row.weight), Cell(row.epochs)) if row else (NONE,) * 3


def _draw_table(mixture: Mixture) -> Table:
    return Table(
        "How the draw came out",
        (
            Column("source", "name"),
            Column("quota", group="tokens", alone="tokens: quota"),
            Column("written", group="tokens"),
            Column("difference", group="tokens"),
            Column("rows written", group="with copies"),
            Column("asked", group="epochs", alone="epochs: asked"),
            Column("realised", group="epochs"),
            Column("reachable", group="weight", alone="reachable"),
            Column("note", "prose"),
        ),
        tuple(_draw_row(row) for row in mixture.rows),
    )


def _draw_row(row: MixtureRow) -> tuple[Cell, ...]:
    difference = row.realised_tokens - row.quota_tokens
    return (
        named(row.source),
        amount(row.quota_tokens),
        amount(row.realised_tokens),
        Cell(numerals.signed(difference), exact=numerals.exact(difference)),
        number(row.written_documents),
        times(row.epochs_asked),
        times(row.epochs),
        part(row.reachable_weight),
        prose(row.note),
    )


def _buckets_table(mixture: Mixture) -> Table:
    """How often the documents of each step of quality are seen, where a source is drawn by quality."""
    rows = [
        (
            named(row.source),
            Cell("unscored") if bucket.min_score is None else Cell(f"{bucket.min_score:g}"),
            number(bucket.documents),
            amount(bucket.tokens),
            Cell(f"{bucket.factor:g}"),
            amount(bucket.quota_tokens),
            amount(bucket.realised_tokens),
            times(numerals.share(bucket.realised_tokens, bucket.tokens)),
        )
        for row in mixture.rows
        for bucket in row.buckets
    ]
    return Table(
        "Seen by quality",
        (
            Column("source", "name"),
            Column("from score", "name"),
            Column("documents", group="kept"),
            Column("tokens", group="kept"),
            Column("wished", group="epochs", alone="epochs wished"),
            Column("quota", group="tokens drawn", alone="tokens: quota"),
            Column("written", group="tokens drawn"),
            Column("epochs", group="seen"),
        ),
        tuple(rows),
        note="Epochs wished are beside each other: together they come to the source's weight.",
    )


def _held_out_table(validation: HeldOut) -> Table:
    """The validation split, source by source."""
    rows = [
        (named(row.source), amount(row.quota_tokens), amount(row.tokens), number(row.documents), prose(row.note))
        for row in validation.rows
    ]
    shards = validation.shards
    return Table(
        "Held out for validation",
        (
            Column("source", "name"),
            Column("quota", group="tokens", alone="tokens: quota"),
            Column("held out", group="tokens"),
            Column("documents"),
            Column("note", "prose"),
        ),
        tuple(rows),
        note=f"In corpus/validation: {numerals.exact(shards.tokens)} tokens in {numerals.exact(shards.rows)} rows, "
        f"{numerals.byte_size(shards.bytes)}. Equal texts, and whole clusters, are on one side.",
    )
