"""Edits of a text by spans: the one function that applies them wherever edited text is measured, shingled or written, the
one that carries coordinates over them, and what appendix C cuts.

A span (start, end) is in code points. Edits are of documents.text, ascending and apart from each other; a later stage works
on the text as the earlier ones leave it, takes each of their edits whole or not at all, and hands its own spans back as
spans of documents.text (`carried`). So of two spans that overlap the outer one is the later, and `resolved` keeps it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Span = tuple[int, int]
SEPARATOR = "\n\n"


class Edit(NamedTuple):
    """documents.text[start:end] becomes `replacement`, for a `reason` that the report counts."""

    start: int
    end: int
    replacement: str
    reason: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The edited text.

    >>> apply("mail a@b.de or call", [Edit(5, 11, "<>", ""), Edit(11, 19, "", "")])
    'mail <>'
    """
    parts: list[str] = []
    at = 0
    for start, end, replacement, _ in edits:
        parts += (text[at:start], replacement)
        at = end
    return "".join((*parts, text[at:]))


def resolved(edits: Iterable[Edit]) -> list[Edit]:
    """Any edits of one text in order, without those that begin inside another; of those with one span the last given.

    >>> resolved([Edit(4, 6, "x", ""), Edit(8, 9, "y", ""), Edit(2, 8, "", "")])
    [Edit(start=2, end=8, replacement='', reason=''), Edit(start=8, end=9, replacement='y', reason='')]
    """
    apart: list[Edit] = []
    for one in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
        elif (one.start, one.end) == (apart[-1].start, apart[-1].end):
            apart[-1] = one
    return apart


def replaced(edits: Sequence[Edit]) -> list[Span]:
    """Where the replacements stand in the edited text.

    >>> replaced([Edit(5, 11, "<>", ""), Edit(11, 19, "", "")])
    [(5, 7), (7, 7)]
    """
    found, shift = [], 0
    for start, end, replacement, _ in edits:
        found.append((start + shift, start + shift + len(replacement)))
        shift += len(replacement) - (end - start)
    return found


def carried(span: Span, given: Sequence[Span], wanted: Sequence[Span]) -> Span:
    """A non-empty span of one text as a span of the other, where given[k] of the one has become wanted[k]; what begins or
    ends inside one of these takes it whole.

    >>> edits = [Edit(5, 11, "<>", "")]  # "mail a@b.de or call" to "mail <> or call"
    >>> carried((0, 6), replaced(edits), spans(edits)), carried((8, 10), replaced(edits), spans(edits))
    ((0, 11), (12, 14))
    """

    def at(place: int, side: int) -> int:
        k = bisect_right(given, place - side, key=lambda one: one[0]) - 1
        if k < 0:
            return place
        return wanted[k][side] if place - side < given[k][1] else wanted[k][1] + place - given[k][1]

    return at(span[0], 0), at(span[1], 1)


def listed(column: pa.Array) -> list[list[Edit]]:
    """The edits of each text, from the column `edits` of a text pass."""
    return [[Edit(**edit) for edit in some or ()] for some in column.to_pylist()]


def stored(
    documents: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], column: pa.Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans in edited texts as spans of documents.text: span k, starts[k]:ends[k], is in text documents[k], and `column`
    holds the edits of each text.
    """
    starts, ends = starts.copy(), ends.copy()
    given = listed(column) if column.null_count < len(column) else []
    for k, at in enumerate(documents.tolist() if given else ()):
        if some := given[at]:
            starts[k], ends[k] = carried((starts[k], ends[k]), replaced(some), spans(some))
    return starts, ends


def spans(edits: Iterable[Edit]) -> list[Span]:
    """The spans of documents.text that are replaced."""
    return [(edit.start, edit.end) for edit in edits]


def removals(removed: Sequence[Span], length: int, reason: str) -> list[Edit]:
    """Spans taken out of a text of `length` code points: what is left is joined by blank lines.

    >>> [edit.replacement for edit in removals([(0, 2), (5, 9), (11, 12)], 12, "")]
    ['', '\\n\\n', '']
    """
    return [Edit(a, b, SEPARATOR if a > 0 and b < length else "", reason) for a, b in removed]


def pieces(text: str, removed: Sequence[Span]) -> list[str]:
    """What is left of a text between removed spans; empty pieces are not returned.

    >>> pieces("keep CUT this CUT", [(5, 9), (13, 17)])
    ['keep ', 'this']
    """
    return [text[a:b] for a, b in fragments(removed, len(text))]


def windows(places: Sequence[Span], window: int, length: int, whole: Sequence[Span] = ()) -> list[Span]:
    """What appendix C cuts from a text of `length` code points: each collision and `window` on each side, clipped, joined
    where they touch. A window that would end inside one of the spans `whole` takes it in.

    >>> windows([(500, 560), (550, 610), (2000, 2060)], 200, 2100)
    [(300, 810), (1800, 2100)]
    >>> windows([(500, 560)], 200, 2100, [(290, 301), (755, 770)])
    [(290, 770)]
    """
    cuts: list[Span] = []
    for start, end in sorted(places):
        low, high = carried((max(0, start - window), min(length, end + window)), whole, whole)
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
    text: str,
    places: Sequence[Span],
    window: int,
    min_fragment: int,
    search: Callable[[list[Span]], list[Span]],
    whole: Sequence[Span] = (),
) -> Cut:
    """Appendix C on one text whose collisions are at `places`; spans that are edits already go `whole`.

    `search` takes the spans that are left and gives collisions in what will be written of them, as spans of `text`: an
    n-gram can come about where two pieces meet, or where a window parts a word. They are cut like others, until none is
    left.

    >>> cut("a" * 1000, [(400, 450)], 200, 200, lambda kept: [])
    Cut(removed=[(200, 650)], n_fragments=2, n_kept=2)
    """
    found = list(places)
    while True:
        between = fragments(windows(found, window, len(text), whole), len(text))
        kept = [(a, b) for a, b in between if b - a >= min_fragment]
        more = search(kept) if kept else []
        if not more:
            return Cut(fragments(kept, len(text)), len(between), len(kept))
        found += more
