"""The mixing report: counts in, pages out. No Spark, no clock, no paths of the run."""

from pipeline.report.counts import Counts

__all__ = ["Counts", "render"]


def render(counts: Counts) -> dict[str, str]:
    """The files of `report/` by name; the same counts give the same bytes.

    The pages show what report.json holds and nothing else, so that `taojin report` gives the same pages again.
    """
    from pipeline.report.latex import mixture_tex
    from pipeline.report.markdown import markdown_page
    from pipeline.report.page import html_page

    stored = counts.to_json()
    counts = Counts.from_json(stored)
    return {
        "index.html": html_page(counts),
        "report.md": markdown_page(counts),
        "report.json": stored,
        "mixture.tex": mixture_tex(counts),
    }
