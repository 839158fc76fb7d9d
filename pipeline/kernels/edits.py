"""Edits of a text by spans: what appendix C cuts, and the one function that applies spans wherever edited text is measured
or written.

A span (start, end) is in code points of documents.text; spans to remove are ascending and do not touch each other.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

Span = tuple[int, int]
SEPARATOR = "\n\n"


def pieces(text: str, removed: Sequence[Span]) -> list[str]:
    """What is left of a text between removed spans; empty pieces are not returned.

    >>> pieces("keep CUT this CUT", [(5, 9), (13, 17)])
    ['keep ', 'this']
    """
    return [text[a:b] for a, b in fragments(removed, len(text))]


def apply(text: str, removed: Sequence[Span]) -> str:
    """A text without its removed spans: the pieces, a blank line between them.

    >>> apply("keep CUT this", [(5, 9)])
    'keep \\n\\nthis'
    """
    return SEPARATOR.join(pieces(text, removed))


def windows(places: Sequence[Span], window: int, length: int) -> list[Span]:
    """What appendix C cuts from a text of `length` code points: each collision and `window` on each side, clipped, joined
    where they touch.

    >>> windows([(500, 560), (550, 610), (2000, 2060)], 200, 2100)
    [(300, 810), (1800, 2100)]
    """
    cuts: list[Span] = []
    for start, end in sorted(places):
        low, high = max(0, start - window), min(length, end + window)
        if cuts and low <= cuts[-1][1]:
            cuts[-1] = (cuts[-1][0], max(high, cuts[-1][1]))
        else:
            cuts.append((low, high))
    return cuts


def fragments(cuts: Sequence[Span], length: int) -> list[Span]:
    """The pieces between cuts, none of them empty; pieces are counted before short ones are dropped (appendix C).

    >>> fragments([(300, 810), (1800, 2100)], 2100)
    [(0, 300), (810, 1800)]
    """
    edges = [0, *(edge for cut in cuts for edge in cut), length]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


class Cut(NamedTuple):
    """What decontamination leaves of a document: the spans removed, the pieces before short ones went, the pieces left."""

    removed: list[Span]
    n_fragments: int
    n_kept: int


def cut(
    text: str, places: Sequence[Span], window: int, min_fragment: int, search: Callable[[list[Span]], list[Span]]
) -> Cut:
    """Appendix C on one text whose collisions are at `places`.

    `search` takes the spans that are left and gives collisions in what will be written of them, as spans of `text`: an
    n-gram can come about where two pieces meet, or where a window parts a word. They are cut like others, until none is
    left.

    >>> cut("a" * 1000, [(400, 450)], 200, 200, lambda kept: [])
    Cut(removed=[(200, 650)], n_fragments=2, n_kept=2)
    """
    found = list(places)
    while True:
        between = fragments(windows(found, window, len(text)), len(text))
        kept = [(a, b) for a, b in between if b - a >= min_fragment]
        more = search(kept) if kept else []
        if not more:
            return Cut(fragments(kept, len(text)), len(between), len(kept))
        found += more


def to_original(kept: Sequence[Span], start: int, end: int) -> Span:
    """Where a non-empty span of the joined pieces `kept` stands in the text that they are of.

    >>> to_original([(0, 4), (10, 14)], 2, 8)  # "keep", blank line, "this": from "ep" to "th"
    (2, 12)
    """
    bounds = []
    at = 0
    for low, high in kept:
        bounds.append((at, low))
        at += high - low + len(SEPARATOR)
    first = max(bound for bound in bounds if bound[0] <= start)
    last = max(bound for bound in bounds if bound[0] < end)
    return first[1] + start - first[0], last[1] + end - last[0]
