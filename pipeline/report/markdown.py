"""The report as Markdown that reads well in a terminal of 100 columns, where a table's columns line up."""

import re
import textwrap
from collections.abc import Sequence
from itertools import groupby

from pipeline.report.contents import config_text, sections
from pipeline.report.counts import Counts
from pipeline.report.summary import summary
from pipeline.report.tables import Cell, Column, Section, Table
from pipeline.report.untrusted import name, terminal_width

WIDTH = 100
_SPECIAL = re.compile(r"[\\`*|<>\[\]~]|(?<![^\W_])_|_(?![^\W_])")  # `_` inside a word is no emphasis: common_crawl


def markdown_page(counts: Counts) -> str:
    """report.md."""
    blocks = [
        f"# Mixing report: {_escape(name(counts.output))}",
        *(_paragraph(sentence) for sentence in summary(counts)),
        _paragraph(f"taojin {name(counts.taojin_version)}, seed {counts.seed}, finished {name(counts.finished)}. "
                   "Samples of what was kept and dropped are in index.html."),
        *(block for section in sections(counts) for block in _section_blocks(section)),
        "## Config",
        textwrap.indent(config_text(counts), "    "),
    ]  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def _section_blocks(section: Section) -> list[str]:
    blocks = [f"## {section.heading}", *([section.nothing] if section.nothing else [])]
    if section.key == "warnings":
        return [*blocks, *(["\n".join(map(_item, section.lead))] if section.lead else [])]
    blocks += [_paragraph(text) for text in section.lead]
    return blocks + [block for table in section.tables for block in _table_blocks(table)]


def _table_blocks(table: Table) -> list[str]:
    blocks = [f"### {_escape(table.title)}"]
    prose = [k for k, column in enumerate(table.columns) if column.kind == "prose"]
    if prose == [0]:
        return [*blocks, "\n".join(_item(" · ".join(cell.text for cell in row)) for row in table.rows)]
    blocks += [
        _grid(table, shown) for shown in _fitting(table, [k for k in range(len(table.columns)) if k not in prose])
    ]
    said = [(row[_key_column(table)], row[k]) for row in table.rows for k in prose if row[k].text]
    if said:
        blocks.append("\n".join(_item(f"{key.text}: {sentence.text}") for key, sentence in said))
    return blocks + ([_paragraph(table.note)] if table.note else [])


def _key_column(table: Table) -> int:
    """The last name before the numbers tells the rows apart: the reason, not its stage."""
    return max(k for k, column in enumerate(table.columns) if column.kind == "name" and k < 2)


def _fitting(table: Table, shown: list[int]) -> list[list[int]]:
    """Columns for one or several tables of at most 100 characters; the first column and whole groups stay together."""
    groups = [list(group) for _, group in groupby(shown[1:], key=lambda k: table.columns[k].group or k)]
    fitted = [shown[:1]]
    for group in groups:
        if len(fitted[-1]) > 1 and _width(table, fitted[-1] + group) > WIDTH:
            fitted.append(shown[:1])
        fitted[-1].extend(group)
    return fitted


def _width(table: Table, shown: list[int]) -> int:
    return sum(width + 3 for width in _widths(table, shown)) + 1


def _widths(table: Table, shown: list[int]) -> list[int]:
    rows = [*table.rows, *([table.total] if table.total else [])]
    return [
        max(3, terminal_width(_heading(table.columns[k])), *(terminal_width(_escape(row[k].text)) for row in rows), 0)
        for k in shown
    ]


def _heading(column: Column) -> str:
    return _escape(column.alone or column.title)


def _grid(table: Table, shown: list[int]) -> str:
    widths = _widths(table, shown)
    numbers = [table.columns[k].kind == "number" for k in shown]

    def line(texts: Sequence[str]) -> str:
        padded = [_pad(text, width, right) for text, width, right in zip(texts, widths, numbers, strict=True)]
        return f"| {' | '.join(padded)} |"

    def cells(row: Sequence[Cell]) -> list[str]:
        return [_escape(row[k].text) for k in shown]

    rule = [("-" * (width - 1) + ":") if right else "-" * width for width, right in zip(widths, numbers, strict=True)]
    lines = [[_heading(table.columns[k]) for k in shown], rule, *map(cells, table.rows)]
    total = cells(table.total) if table.total else []
    return "\n".join(map(line, [*lines, *([total] if any(total[1:]) else [])]))


def _pad(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - terminal_width(text))
    return blanks + text if right else text + blanks


def _paragraph(text: str) -> str:
    return textwrap.fill(_escape(text), WIDTH, break_long_words=False, break_on_hyphens=False)


def _item(text: str) -> str:
    return textwrap.fill(
        _escape(text),
        WIDTH,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _escape(text: str) -> str:
    r"""Text as Markdown that means itself, on one line.

    >>> _escape("a|b <i> common_crawl [x](javascript:1)")
    'a\\|b \\<i\\> common_crawl \\[x\\](javascript:1)'
    """
    return _SPECIAL.sub(lambda match: "\\" + match[0], " ".join(text.split()))
