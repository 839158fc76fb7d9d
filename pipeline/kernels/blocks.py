"""Which blocks of a page are its main text: a logistic regression over each block and its neighbours.

resiliparse gives the page's content as reduced HTML, which keeps paragraphs, headings, lists, `pre` and links. Each block
between those tags is described by length, link density, punctuation, tag, place and the same of its three neighbours
(after Kohlschütter, Fankhauser and Nejdl 2010, "Boilerplate Detection using Shallow Text Features", which shows that such
features carry over between sites). No feature names a word, a class or a site, and a Han character counts as half a word,
so that what was learned on English pages can be asked of Chinese ones.

The weights in blocks.json are learned by `tests/benchmarks/train_blocks.py`.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.text import CODE_POINTS, KIND_SHIFT, LETTER, SINGLE, decode_at, entry_of

PLAIN, PARAGRAPH, TITLE, HEADING, SUBHEADING, ITEM, PREFORMATTED = range(7)
NEIGHBOURS = 3  # on each side
OF_BLOCK = (
    "words", "link", "commas", "stops", "digits", "ends", "begins",
    "plain", "paragraph", "title", "heading", "subheading", "item", "preformatted",
)  # fmt: skip
OF_PLACE = (
    "from_start", "from_end", "words_before", "words_after", "page_words", "page_blocks", "of_longest", "after_title",
    "before_first_long", "after_last_long", "five_before", "five_after",
)  # fmt: skip
NAMES = (
    *OF_BLOCK, *OF_PLACE,
    *(f"{name}{k:+d}" for k in range(-NEIGHBOURS, NEIGHBOURS + 1) if k for name in ("page", *OF_BLOCK)),
)  # fmt: skip
_LONG = 15.0  # words of a block that is likely to be running text
_MOSTLY_LINK = 0.4


class Weights(NamedTuple):
    """The regression: a block is taken where values @ weights + intercept > 0."""

    weights: NDArray[np.float64]  # shape (len(NAMES),)
    intercept: float


class Blocks(NamedTuple):
    """The blocks of a page in their order: byte spans of the markup (inline links in them) and what they are."""

    spans: NDArray[np.int64]  # shape (n, 4): start, end, kind, whether a blank line is before it
    values: NDArray[np.float64]  # shape (n, len(NAMES))


@cache
def weights() -> Weights:
    """The learned regression."""
    learned = json.loads((files("pipeline.kernels") / "blocks.json").read_text("utf-8"))
    return Weights(np.array([learned["weights"][name] for name in NAMES]), learned["intercept"])


def chosen_text(markup: str, regression: Weights | None = None) -> str:
    """The main text of a page's reduced HTML; all of its text where no block is taken.

    >>> chosen_text('<p>Gold is washed from sand, a grain at a time.</p>\\n\\n<p><a href="/">Home</a></p>')
    'Gold is washed from sand, a grain at a time.'
    """
    data = markup.encode()
    blocks = find_blocks(data)
    learned = regression or weights()
    taken = np.flatnonzero(blocks.values @ learned.weights + learned.intercept > 0)
    return text_of(data, blocks.spans, taken if len(taken) else np.arange(len(blocks.spans)))


def text_of(data: bytes, spans: NDArray[np.int64], taken: NDArray[np.int64]) -> str:
    """The taken blocks' text: line breaks as they were between neighbours, a blank line where blocks were left out."""
    sizes = spans[taken, 1] - spans[taken, 0]
    out = np.empty(int(sizes.sum()) + 6 * len(taken), np.uint8)  # a separator and a bullet are at most so long
    return out[: _write(np.frombuffer(data, np.uint8), spans, taken, out)].tobytes().decode()


def find_blocks(data: bytes) -> Blocks:
    """The blocks of reduced HTML (UTF-8) with what the regression asks of them."""
    spans, counts = _find(np.frombuffer(data, np.uint8), CODE_POINTS)
    return Blocks(spans, _values(spans, counts))


@njit(cache=True)
def _name(data: NDArray[np.uint8], at: int) -> tuple[int, int, bool]:
    """Of the tag at `at` (a `<`): a code (kind, or 10 a, 11 br, 12 ul ol, 13 other), its end, whether it closes."""
    closes = data[at + 1] == 47  # /
    first = at + 1 + closes
    stop = first
    while stop < len(data) and data[stop] != 62 and data[stop] != 32:  # > or space
        stop += 1
    size = stop - first
    code = 13
    a, b = data[first], data[first + 1]
    if size == 1:
        code = 10 if a == 97 else PARAGRAPH if a == 112 else 13
    elif size == 2:
        if a == 104 and 49 <= b <= 54:  # h1 … h6
            code = TITLE if b == 49 else HEADING if b <= 51 else SUBHEADING
        elif a == 98 and b == 114:
            code = 11
        elif b == 108:  # ul ol
            code = 12
        elif a == 108 and b == 105:
            code = ITEM
    elif size == 3 and a == 112 and b == 114:
        code = PREFORMATTED
    while stop < len(data) and data[stop] != 62:
        stop += 1
    return code, min(stop + 1, len(data)), closes


@njit(cache=True)
def _find(data: NDArray[np.uint8], table: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Spans as in Blocks, and of each block: words, characters, in links, commas, stops, digits, ends, begins.

    A `pre` of nothing but digits is the line numbers of a listing, and no block.
    """
    room = 2
    for byte in data:
        room += byte == 60 or byte == 10
    spans, counts = np.zeros((room, 4), np.int64), np.zeros((room, 8))
    n, kind, blank = 0, PLAIN, 0
    at = begin = 0
    size = len(data)
    while at <= size:
        cuts, code, after, closes = at == size, 13, at + 1, False
        if at < size and data[at] == 60:
            code, after, closes = _name(data, at)
            cuts = code < 10 or (code == 11 and kind != PREFORMATTED) or code == 12
        elif at < size and data[at] == 10:
            cuts = kind != PREFORMATTED
        if not cuts:
            at = after
            continue
        if _measure(data, begin, at, table, counts[n]) and not (kind == PREFORMATTED and counts[n, 5] == counts[n, 1]):
            start, end = begin, at
            while kind != PREFORMATTED and data[start] <= 32:
                start += 1
            while data[end - 1] <= 32:
                end -= 1
            spans[n, 0], spans[n, 1], spans[n, 2], spans[n, 3] = start, end, kind, blank
            n += 1
            blank = 0
        else:
            counts[n] = 0
        if at < size:
            if data[at] == 10:
                blank = 1 if at > 0 and data[at - 1] == 10 else blank
            elif code < 10:
                kind = PLAIN if closes else code
        begin = at = after
    return spans[:n], counts[:n]


@njit(cache=True)
def _measure(
    data: NDArray[np.uint8], start: int, end: int, table: NDArray[np.uint32], counts: NDArray[np.float64]
) -> bool:
    """Fills `counts` for data[start:end]; whether it holds any text. A link ends with its block: some are not closed."""
    words = characters = linked = commas = stops = digits = 0.0
    in_word, begins, last, link = False, -1.0, 32, False
    at = start
    while at < end:
        if data[at] == 60:
            tag, after, closes = _name(data, at)
            at = after
            if tag == 10:
                link = not closes
            continue
        point, step = decode_at(data, at)
        code: Any = np.int64(point)
        if code == 38:  # the & of &amp; &lt; &gt; &quot;: one character, and never a letter
            while at < end and data[at] != 59:
                at += 1
            step, code = 1, np.int64(34)
        at += step
        if code <= 32:
            in_word = False
            continue
        characters += 1.0
        if link:
            linked += 1.0
        entry = entry_of(code, table)
        kind = entry >> np.uint32(KIND_SHIFT)
        if kind == LETTER:
            words += not in_word
            in_word = True
        else:
            in_word = False
            if kind == SINGLE:
                words += 0.5
        if 48 <= code <= 57:
            digits += 1.0
        if begins < 0.0:
            lower = 97 <= code <= 122
            begins = 1.0 if kind == SINGLE or (kind == LETTER and not lower and not 48 <= code <= 57) else 0.0
        if code == 44 or code == 59 or code == 0xFF0C or code == 0x3001 or code == 0xFF1B:  # , ; ，、；
            commas += 1.0
        elif code == 46 or code == 33 or code == 63 or code == 0x3002 or code == 0xFF01 or code == 0xFF1F:  # . ! ? 。！？
            stops += 1.0
        last = code
    ends = (
        last == 46 or last == 33 or last == 63 or last == 58 or last == 59 or last == 34 or last == 41  # . ! ? : ; " )
        or last == 39 or last == 0x201D or last == 0x2019 or last == 0x2026 or last == 0x3002 or last == 0xFF01
        or last == 0xFF1F or last == 0xFF1A or last == 0xFF1B or last == 0x300D or last == 0x300F or last == 0xFF09
    )  # fmt: skip
    counts[0], counts[1], counts[2], counts[3] = words, characters, linked, commas
    counts[4], counts[5], counts[6], counts[7] = stops, digits, 1.0 if ends else 0.0, max(begins, 0.0)
    return characters > 0.0


@njit(cache=True)
def _write(
    data: NDArray[np.uint8], spans: NDArray[np.int64], taken: NDArray[np.int64], out: NDArray[np.uint8]
) -> int:
    """Writes the blocks without links, line breaks as such, characters for entities; how many bytes that is."""
    size, broken = 0, False
    for k in range(len(taken)):
        if k:
            if not broken:
                out[size] = 10
                size += 1
            if taken[k - 1] != taken[k] - 1 or spans[taken[k], 3]:
                out[size] = 10
                size += 1
        at, end, broken = spans[taken[k], 0], spans[taken[k], 1], False
        if spans[taken[k], 2] == ITEM:
            out[size], out[size + 1], out[size + 2], out[size + 3] = 0xE2, 0x80, 0xA2, 32  # a bullet
            size += 4
        while at < end:
            byte = data[at]
            at += 1
            if byte == 60:
                code, after, _ = _name(data, at - 1)
                if code == 10:
                    at = after
                    continue
                if code == 11:
                    broken = after == end  # the line end behind a break is one with it
                    at, byte = after + (not broken and data[after] == 10), 10
            elif byte == 38 and at + 1 < end:  # all that resiliparse writes: &lt; &gt; &amp; &quot;
                a, b = data[at], data[at + 1]
                if b == 116 and (a == 108 or a == 103):
                    at, byte = at + 3, 60 if a == 108 else 62
                elif a == 97 and b == 109:
                    at += 4
                elif a == 113 and b == 117:
                    at, byte = at + 5, 34
            out[size] = byte
            size += 1
    return size


@njit(cache=True)
def _values(spans: NDArray[np.int64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    n, own, place = len(spans), len(OF_BLOCK), len(OF_PLACE)
    values = np.zeros((n, own + place + 2 * NEIGHBOURS * (own + 1)))
    before = np.zeros(n + 1)
    longest, title, first_long, last_long = 1.0, n, n, -1
    for i in range(n):
        words, characters = counts[i, 0], max(counts[i, 1], 1.0)
        row = values[i]
        row[0], row[1] = np.log1p(words), counts[i, 2] / characters
        row[2], row[3] = counts[i, 3] / max(words, 1.0), counts[i, 4] / max(words, 1.0)
        row[4], row[5], row[6] = counts[i, 5] / characters, counts[i, 6], counts[i, 7]
        row[7 + spans[i, 2]] = 1.0
        before[i + 1] = before[i] + words
        longest = max(longest, words)
        if spans[i, 2] == TITLE and title == n:
            title = i
        if words >= _LONG and row[1] < _MOSTLY_LINK:
            first_long = min(first_long, i)
            last_long = i
    total = before[n] + 1.0
    for i in range(n):
        row = values[i, own:]
        row[0], row[1] = np.log1p(i), np.log1p(n - 1 - i)
        row[2], row[3] = before[i] / total, (before[n] - before[i + 1]) / total
        row[4], row[5] = np.log1p(total), np.log1p(n)
        row[6] = counts[i, 0] / longest
        row[7] = 1.0 if i > title else 0.0
        row[8], row[9] = np.log1p(max(0, first_long - i)), np.log1p(max(0, i - last_long))
        row[10] = np.log1p(before[i] - before[max(0, i - 5)])
        row[11] = np.log1p(before[min(n, i + 6)] - before[i + 1])
        at = place
        for k in range(-NEIGHBOURS, NEIGHBOURS + 1):
            if k == 0:
                continue
            if 0 <= i + k < n:
                row[at] = 1.0
                for j in range(own):  # an assignment of slices would compile for two seconds
                    row[at + 1 + j] = values[i + k, j]
            at += own + 1
    return values
