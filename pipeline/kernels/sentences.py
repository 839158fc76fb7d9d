"""What the lines of a text hold: sentences, and words of lines that RefinedWeb's line rules take for no content.

A sentence ends with a run of marks of Unicode's Sentence_Terminal, and the quotes that close it, before white space or the
line's end; a full-width mark ends one wherever it stands. What is left at a line's end is a sentence too.

RefinedWeb (Penedo et al. 2023, arXiv:2306.01116, appendix G.2) flags a line that is mainly in upper case, is of numbers
alone, is a counter ("3 likes"), has one word, or is of at most 10 words and begins with "sign in", ends with "read more"
or holds "items in cart"; it drops a document where flagged lines hold over 5 % of the words. A line of Han, kana, Hangul
or Thai characters has as many words as characters.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.characters import ALPHABETIC, CLASSES, QUOTE, SENTENCE_END, SPACE, UPPER, WIDE, class_of
from pipeline.kernels.lines import Lines
from pipeline.kernels.text import Units, decode_at, unit_hash

COUNTERS = (
    "like", "likes", "share", "shares", "comment", "comments", "retweet", "retweets", "repost", "reposts", "quote",
    "quotes", "bookmark", "bookmarks", "upvote", "upvotes", "downvote", "downvotes", "download", "downloads", "view",
    "views", "follower", "followers", "reply", "replies",
)  # fmt: skip
_COUNTERS = np.array([unit_hash(word) for word in COUNTERS], np.uint64)
_PHRASES = np.array([unit_hash(word) for word in ("sign", "in", "read", "more", "items", "in", "cart")], np.uint64)
_SHORT = 10  # words


@njit(cache=True)
def _is_counter(hashes: NDArray[np.uint64], first: int, end: int, counters: NDArray[np.uint64]) -> bool:
    for counter in counters:
        if hashes[end - 1] == counter:
            return end - first <= 3
    return False


@njit(cache=True)
def _has_phrase(hashes: NDArray[np.uint64], first: int, end: int, words: NDArray[np.uint64]) -> bool:
    n = end - first
    if n < 2 or n > _SHORT:
        return False
    if hashes[first] == words[0] and hashes[first + 1] == words[1]:
        return True
    if hashes[end - 2] == words[2] and hashes[end - 1] == words[3]:
        return True
    for k in range(first, end - 2):
        if hashes[k] == words[4] and hashes[k + 1] == words[5] and hashes[k + 2] == words[6]:
            return True
    return False


@njit(cache=True)
def _line_content(data: NDArray[np.uint8], start: int, end: int, classes: NDArray[np.uint16]) -> tuple[int, int, int]:
    """Sentences, letters and upper-case letters of a line without white space at its ends."""
    sentences, letters, upper, seen = 0, 0, 0, 0  # `seen`: what classes some character since the last sentence lacks
    at = start
    while at < end:
        code, size = decode_at(data, at)
        kind = class_of(code, classes)
        at += size
        letters += kind & ALPHABETIC
        upper += kind & UPPER
        seen |= ~kind
        if kind & SENTENCE_END == 0:
            continue
        wide = kind & WIDE
        while at < end:  # what follows the first mark
            code, size = decode_at(data, at)
            kind = class_of(code, classes)
            at += size
            letters += kind & ALPHABETIC
            upper += kind & UPPER
            if kind & SENTENCE_END:
                wide |= kind & WIDE
            elif kind & SPACE:
                sentences += 1
                seen = 0
                break
            elif kind & QUOTE == 0:
                sentences += wide != 0
                break
    some = seen & SPACE != 0
    return sentences + some, letters // ALPHABETIC, upper // UPPER


@njit(cache=True)
def _count_sentences(
    data: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    units: Units,
    classes: NDArray[np.uint16],
    counters: NDArray[np.uint64],
    phrases: NDArray[np.uint64],
) -> NDArray[np.int64]:
    counts = np.zeros((2, len(bounds) - 1), np.int64)
    for i in range(len(bounds) - 1):
        u = units.bounds[i]
        for k in range(bounds[i], bounds[i + 1]):
            first = u
            while u < units.bounds[i + 1] and units.starts[u] < ends[k]:
                u += 1
            sentences, letters, upper = _line_content(data, starts[k], ends[k], classes)
            counts[0, i] += sentences
            if u == first:
                continue
            flagged = letters == 0 or 2 * upper > letters or u - first == 1
            if not flagged and class_of(decode_at(data, units.starts[first])[0], classes) & ALPHABETIC == 0:
                flagged = _is_counter(units.hashes, first, u, counters)
            if flagged or _has_phrase(units.hashes, first, u, phrases):
                counts[1, i] += u - first
    return counts


def count_sentences(data: NDArray[np.uint8], lines: Lines, units: Units) -> NDArray[np.int64]:
    """Sentences, and words in lines that RefinedWeb flags; shape (2, n). `data` is what lines and units are offsets into.

    >>> import pyarrow as pa
    >>> from pipeline.kernels.buffers import utf8_buffers
    >>> from pipeline.kernels.lines import lines
    >>> from pipeline.kernels.text import units
    >>> texts = pa.array(["It is v1.2. “So?” Yes.\\nMENU AND more\\n3 likes", "淘金。河边！"])
    >>> count_sentences(utf8_buffers(texts)[1], lines(texts), units(texts)).tolist()
    [[5, 2], [5, 0]]
    """
    table = (lines.bounds, lines.starts, lines.ends)
    return np.asarray(_count_sentences(data, *table, units, CLASSES, _COUNTERS, _PHRASES))
