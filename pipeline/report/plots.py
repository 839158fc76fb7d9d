"""The few pictures that say more than a table, as inline SVG.

matplotlib's Figure API without pyplot, so that nothing global is left behind; the same counts give the same bytes. Text
stays text: the page's own fonts draw it, Chinese included. Legends are the page's, in HTML.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline.report.funnel import SourceFunnel, stages_of
from pipeline.report.mixture_counts import Mixture
from pipeline.report.score_counts import QualityCounts
from pipeline.report.untrusted import name, terminal_width

GOLD, SLATE, PALE, CHANCE, INK, LINE = "#c8890a", "#5f7d95", "#a9bac8", "#b5564a", "#77716a", "#b9b2a655"
DROPPED = {
    "language": "#8fa9b8", "filters": "#5f7d95", "quality": "#3f5568", "deduplicate": "#a08bb0",
    "decontaminate": "#b5564a",
}  # fmt: skip
OTHER = "#9a9a9a"
MAX_SOURCES = 12
WIDTH = 5.0  # inches: 360 points, a phone's width in pixels, so that 10.5 points are read there as 10.5 pixels

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],  # matplotlib's own, for measuring; the page's CSS chooses the fonts
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.major.size": 0,
    "xtick.major.size": 0,
    "xtick.major.pad": 6,
    "text.color": INK,
}


def weights_plot(mixture: Mixture) -> str:
    """Share by size, normalised and realised weight of every source: who is seen more often than its size earns."""
    rows = mixture.rows[:MAX_SOURCES]
    tokens = sum(row.tokens for row in mixture.rows)
    with _styled("weights"):
        figure, axes = _bar_figure([row.source for row in rows])
        at = np.arange(len(rows))
        size = np.array([row.tokens / tokens if tokens else 0.0 for row in rows])
        asked = np.array([row.normalised_weight for row in rows])
        realised = np.array([np.nan if row.realised_weight is None else row.realised_weight for row in rows])
        axes.hlines(at, size, asked, color=LINE, linewidth=3)
        axes.plot(size, at, "|", color=SLATE, markersize=11, markeredgewidth=2)
        axes.plot(asked, at, "o", markersize=9, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.3)
        axes.plot(realised, at, "o", color=GOLD, markersize=5)
        axes.set_xlim(left=-0.01)
        return _svg(figure)


def funnel_plot(funnels: Sequence[SourceFunnel]) -> str:
    """Where each source's documents went: a bar of 100 %, the kept share first, then what each stage dropped."""
    shown = [funnel for funnel in funnels if funnel.read][:MAX_SOURCES]
    stages = [stage for stage in stages_of([row for funnel in shown for row in funnel.rows]) if stage != "ingest"]
    with _styled("funnel"):
        figure, axes = _bar_figure([funnel.source for funnel in shown])
        at = np.arange(len(shown))
        read = np.array([funnel.read for funnel in shown])
        left = np.array([funnel.kept for funnel in shown]) / read
        axes.barh(at, left, height=0.62, color=GOLD)
        for stage in reversed(stages):
            dropped = np.array([sum(row.dropped.values()) if (row := one.after(stage)) else 0 for one in shown]) / read
            axes.barh(at, dropped, left=left, height=0.62, color=DROPPED.get(stage, OTHER))
            left = left + dropped
        axes.set_xlim(0, 1)
        return _svg(figure)


def quality_plot(one: QualityCounts) -> str:
    """Scores of raw documents, of those kept and of the references; dashed, the chance (2 - s)^-alpha to be kept.

    GPT-3, appendix A.1: kept iff Pareto(alpha) > 1 - score. Shares: raw and kept of all raw, references of their own.
    """
    histogram = one.histogram
    if histogram is None or len(histogram.edges) < 2:
        return ""
    edges = np.array(histogram.edges)
    raw, kept, references = (np.array(n, dtype=float) for n in (histogram.raw, histogram.kept, histogram.references))
    with _styled(f"quality {name(one.language)}"):
        figure, axes = _figure(2.1, left=0.5, right=0.5, low=0.5)
        axes.grid(visible=True, axis="y")
        axes.stairs(raw / max(raw.sum(), 1), edges, fill=True, color=PALE)
        axes.stairs(kept / max(raw.sum(), 1), edges, fill=True, color=GOLD)
        axes.stairs(references / max(references.sum(), 1), edges, color=INK, linewidth=1.4)
        axes.set_xlim(edges[0], edges[-1])
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("quality score")
        if one.alpha is not None:
            _keep_chance(axes, one.alpha, edges)
        return _svg(figure)


def _keep_chance(axes: Axes, alpha: float, edges: np.ndarray) -> None:
    scores = np.linspace(edges[0], edges[-1], 101)
    chance = axes.twinx()
    chance.grid(visible=False)
    chance.plot(scores, (2 - scores) ** -alpha, color=CHANCE, linewidth=1.3, linestyle=(0, (4, 3)))
    chance.set_ylim(0, 1.02)
    chance.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _bar_figure(sources: Sequence[str]) -> tuple[Figure, Axes]:
    """A line a source, the first on top, their names at the left; shares along the bottom."""
    shown = [name(source, 20) for source in sources]
    left = 0.15 + 0.09 * max(map(terminal_width, shown), default=0)
    figure, axes = _figure(0.36 * len(shown) + 0.45, left, right=0.25, low=0.28)
    axes.set_yticks(range(len(shown)), shown)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure, axes


def _figure(height: float, left: float, right: float, low: float) -> tuple[Figure, Axes]:
    """One axes in a figure `height` inches high; margins in inches."""
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((left / WIDTH, low / height, 1 - (left + right) / WIDTH, 1 - (low + 0.1) / height))
    return figure, axes


@contextmanager
def _styled(salt: str) -> Iterator[None]:
    """Our style for one figure; `salt` makes its element ids its own, and the same every time."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the page's fonts have the Chinese that DejaVu has not
        yield


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    text = buffer.getvalue()
    return text[text.index("<svg") :]
