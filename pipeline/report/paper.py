"""Table 2.2 of Brown et al. 2020, "Language Models are Few-Shot Learners", as printed.

The printed weights add up to 101 % and 22 % of 300 B over 19 B tokens is 3.47 epochs, not 2.9: the paper's own
rounding, kept. `books` is the paper's Books1 and Books2 together, both figures given.
"""

from typing import NamedTuple


class PaperRow(NamedTuple):
    """The printed figures of one data set: tokens, weight in training mix, epochs in 300 B tokens."""

    dataset: str
    tokens: str
    weight: str
    epochs: str


_TABLE_2_2 = {
    "commoncrawl": PaperRow("Common Crawl (filtered)", "410 B", "60 %", "0.44"),
    "webtext": PaperRow("WebText2", "19 B", "22 %", "2.9"),
    "webtext2": PaperRow("WebText2", "19 B", "22 %", "2.9"),
    "books": PaperRow("Books1 + Books2", "12 + 55 B", "8 + 8 %", "1.9 + 0.43"),
    "books1": PaperRow("Books1", "12 B", "8 %", "1.9"),
    "books2": PaperRow("Books2", "55 B", "8 %", "0.43"),
    "wikipedia": PaperRow("Wikipedia", "3 B", "3 %", "3.4"),
}


def paper_row(source: str) -> PaperRow | None:
    """The paper's row for a source of this name; case, `_`, `-` and spaces do not count.

    >>> paper_row("common_crawl").weight, paper_row("arxiv")
    ('60 %', None)
    """
    return _TABLE_2_2.get("".join(character for character in source.lower() if character not in "_- "))
