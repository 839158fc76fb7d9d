"""Edits of a text by spans: the one function that applies them, wherever edited text is measured or written.

A span (start, end) is in code points of documents.text; spans are ascending and do not touch each other.
"""

from collections.abc import Sequence

Span = tuple[int, int]


def pieces(text: str, removed: Sequence[Span]) -> list[str]:
    """What is left of a text between removed spans; empty pieces are not returned.

    >>> pieces("keep CUT this CUT", [(5, 9), (13, 17)])
    ['keep ', 'this']
    """
    edges = [0, *(edge for span in removed for edge in span), len(text)]
    return [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def apply(text: str, removed: Sequence[Span]) -> str:
    """A text without its removed spans: the pieces, a blank line between them so that no n-gram spans a cut unseen.

    >>> apply("keep CUT this", [(5, 9)])
    'keep \\n\\nthis'
    """
    return "\n\n".join(pieces(text, removed))
