r"""Table 2.2 for this corpus as LaTeX, to \input into a paper that uses booktabs."""

from itertools import groupby

from pipeline.report.counts import Counts
from pipeline.report.mixing import mixture_table
from pipeline.report.tables import Cell, Table
from pipeline.report.untrusted import name

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "–": "--", "…": r"\dots{}", "α": r"$\alpha$",
}  # fmt: skip


def mixture_tex(counts: Counts) -> str:
    """mixture.tex; a comment alone if no mixture was drawn."""
    made = (
        f"% taojin {name(counts.taojin_version)}, {name(counts.output)}, seed {counts.seed}, {name(counts.finished)}\n"
    )
    if counts.mixture is None or not counts.mixture.rows:
        return made + "% No mixture was drawn.\n"
    table = mixture_table(counts.mixture)
    lines = [
        r"% \usepackage{booktabs}; Chinese names need XeLaTeX or LuaLaTeX",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        *_heading(table),
        r"\midrule",
        *map(_row, table.rows),
        r"\midrule",
        _row(table.total),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return made + "\n".join(lines) + "\n"


def _heading(table: Table) -> list[str]:
    spans, rules, at = [], [], 1
    for group, members in groupby(column.group for column in table.columns):
        n = len(list(members))
        spans.append(rf"\multicolumn{{{n}}}{{c}}{{{escape(group)}}}" if group else "")
        rules += [rf"\cmidrule(lr){{{at}-{at + n - 1}}}"] if group else []
        at += n
    titles = " & ".join(escape(column.title) for column in table.columns)
    return [" & ".join(spans) + r" \\", " ".join(rules), titles + r" \\"]


def _row(cells: tuple[Cell, ...]) -> str:
    return " & ".join(escape(cell.text) for cell in cells) + r" \\"


def escape(text: str) -> str:
    r"""Text as LaTeX that means itself.

    >>> escape("50 % of common_crawl & \\input{x}")
    '50 \\% of common\\_crawl \\& \\textbackslash{}input\\{x\\}'
    """
    return "".join(_ESCAPES.get(character, character) for character in text)
