"""The report as one HTML page: no script, no network, everything of the web escaped."""

from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.report import numerals, untrusted
from pipeline.report.contents import config_text, sections
from pipeline.report.counts import Counts
from pipeline.report.funnel import accounts_sentence, by_source, stages_of, unbalanced
from pipeline.report.plots import (
    CHANCE,
    DROPPED,
    GOLD,
    INK,
    OTHER,
    PALE,
    SLATE,
    funnel_plot,
    quality_plot,
    weights_plot,
)
from pipeline.report.reasons import drop_reasons
from pipeline.report.score_counts import QualityCounts
from pipeline.report.summary import summary
from pipeline.report.tables import Column


@dataclass(frozen=True)
class Key:
    """An entry of a legend; `mark` is a class of the style sheet: area, line, dashes, ring, dot, tick."""

    mark: str
    colour: str
    text: str


@dataclass(frozen=True)
class Plot:
    """A figure with its legend. `svg` is matplotlib's, which escapes the text in it."""

    svg: Markup
    label: str
    legend: tuple[Key, ...]


def html_page(counts: Counts) -> str:
    """index.html."""
    template = _environment().from_string(_file("index.html.jinja"))
    page = template.render(
        style=Markup(_file("style.css")),
        counts=counts,
        summary=summary(counts),
        accounts=accounts_sentence(counts.funnel),
        balanced=not unbalanced(counts.funnel),
        sections=sections(counts),
        plots=_plots(counts),
        reasons=drop_reasons(counts),
        config=config_text(counts),
    )
    return page.lstrip()  # the macros' blank lines


def _file(name: str) -> str:
    return files("pipeline.report").joinpath(name).read_text(encoding="utf-8")  # also from a zip on a cluster


def _environment() -> Environment:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "exact": numerals.exact,
        "percent": numerals.percent,
        "name": untrusted.name,
        "address": untrusted.address,
        "excerpt": untrusted.excerpt,
        "link_target": untrusted.link_target,
        "column_groups": _column_groups,
    }
    return environment


def _column_groups(columns: tuple[Column, ...]) -> list[tuple[str, int]]:
    """Common headings and how many columns each spans; empty if the table has none."""
    groups = [(group, len(list(members))) for group, members in groupby(column.group for column in columns)]
    return groups if any(group for group, _ in groups) else []


def _plots(counts: Counts) -> dict[str, list[Plot]]:
    """Plots by the section that they open."""
    plots: dict[str, list[Plot]] = {}
    if counts.mixture and counts.mixture.rows:
        legend: tuple[Key, ...] = (
            Key("tick", SLATE, "share by size"),
            Key("ring", INK, "weight asked, normalised"),
            Key("dot", GOLD, "weight realised"),
        )
        svg = Markup(weights_plot(counts.mixture))
        plots["mixture"] = [Plot(svg, "Share by size, weight asked and weight realised of every source", legend)]
    if any(funnel.read for funnel in by_source(counts.funnel)):
        dropped = [stage for stage in stages_of(counts.funnel) if stage != "ingest"]
        legend = (
            Key("area", GOLD, "kept"),
            *(Key("area", DROPPED.get(stage, OTHER), untrusted.name(stage)) for stage in reversed(dropped)),
        )
        svg = Markup(funnel_plot(by_source(counts.funnel)))
        plots["funnel"] = [
            Plot(svg, "Share of each source's documents that is kept, and dropped by each stage", legend)
        ]
    plots["quality"] = [_quality(one) for one in counts.quality if one.histogram and len(one.histogram.edges) > 1]
    return plots


def _quality(one: QualityCounts) -> Plot:
    chance = () if one.alpha is None else (Key("dashes", CHANCE, f"chance to be kept, α = {one.alpha:g} (right)"),)
    legend = (
        Key("area", PALE, f"raw, {untrusted.name(one.language)}"),
        Key("area", GOLD, "kept of it"),
        Key("line", INK, "references"),
        *chance,
    )
    svg = Markup(quality_plot(one))
    return Plot(svg, f"Quality scores, {untrusted.name(one.language)}", legend)
