"""The main text of a page: resiliparse and a choice of blocks, behind a guard against pages that take quadratic time."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from pipeline.kernels.blocks import chosen_text

# Measured with resiliparse 2.0.1: main-content extraction takes 0.1 s for elements nested 2,000 deep, 0.6 s at 5,000,
# 6 s at 20,000; plain extraction 1 s at 1,000,000. Parsing a tag takes 0.2 s with 10,000 attributes, 0.9 s with 20,000,
# over 60 s with 200,000. Elements such as <a> and <b> that are left open are opened again in each block: 0.3 s for 32,000,
# 1.4 s for 64,000, 5 s for 128,000. A node of the tree takes 10 µs to visit.
MAX_DEPTH = 2_000
MAX_ATTRIBUTES = 10_000
MAX_FORMATTING = 30_000
MAX_NODES = 100_000
# A block takes a kilobyte while some are chosen; of a page with more blocks all that resiliparse takes is the text.
MAX_BLOCKS = 100_000
# resiliparse indents a list's lines by two spaces a level: 16,000 lists within each other become 256 MB.
MAX_INDENT = 50_000_000


class TooDeepError(Exception):
    """One tag has more attributes, or more formatting elements are left open, than are parsed in useful time."""


def main_text(html: str, engine: str = "blocks", data: bytes | None = None) -> tuple[str, str | None]:
    """The page's main text and a remark: `deep` if it is nested over MAX_DEPTH, so that its whole text is taken.

    `engine`: blocks takes the blocks that read as main text (kernels.blocks) of what resiliparse takes for content;
    resiliparse takes all of that; trafilatura its own (its fast mode); whole_page all of the page.
    `data`: the page as bytes of any encoding that contains ASCII, if at hand: the guard reads bytes.
    Raises TooDeepError.

    >>> main_text("<body><nav><a>Home</a></nav><p>Gold is washed from sand.</p></body>")
    ('Gold is washed from sand.', None)
    """
    if data is None:
        data = html.encode("utf-8", "replace")
        html = data.decode()  # without lone surrogates, which resiliparse refuses
    depth, attributes, formatting = unclosed_tags(data)
    if attributes > MAX_ATTRIBUTES or formatting > MAX_FORMATTING:
        raise TooDeepError
    if depth > 100 and 2 * depth * data.lower().count(b"<li") > MAX_INDENT:
        return extract_plain_text(html, preserve_formatting=False, main_content=False), "deep"
    remark = "deep" if depth > MAX_DEPTH and is_deeper(html, MAX_DEPTH) else None
    if engine == "blocks" and remark is None:
        reduced = reduced_html(html)
        if reduced.count("\n") <= MAX_BLOCKS and (text := chosen_text(reduced)):
            return text, None
    if engine == "trafilatura" and remark is None:
        return _trafilatura(html), None
    return extract_plain_text(html, main_content=engine != "whole_page" and remark is None), remark


def _trafilatura(html: str) -> str:
    """trafilatura's fast mode (Barbaresi 2021) without comments; empty where it finds no main text."""
    import trafilatura

    return trafilatura.extract(html, fast=True, include_comments=False) or ""


def reduced_html(html: str) -> str:
    """The page's content with nothing but paragraphs, headings, lists, line breaks, `pre` and links marked.

    Images are skipped by name: without alternative texts resiliparse 2.0.1 leaves out whole figures, code listings too.
    Comments and what surrounds a post (dates, tags, sharing) are left out as far as their class names tell.
    """
    return extract_plain_text(
        html, preserve_formatting="minimal_html", main_content=True, links=True, comments=False, post_meta=False,
        skip_elements=["img", "figcaption"],
    )  # fmt: skip


def unclosed_tags(data: bytes) -> tuple[int, int, int]:
    """The most elements open at once, without those whose end tag HTML lets one omit; the most attributes of a tag; the most
    formatting elements open at once (a b big code em font i nobr s small strike strong tt u).

    A level of a table holds three of those that need no end, so no tree is more than four times as deep (1.5 s).

    >>> unclosed_tags(b"<div><p><b id=1 class='a b'>x</b><br><p>y</div>")
    (2, 2, 1)
    """
    depth, attributes, formatting = _unclosed_tags(np.frombuffer(data, np.uint8))
    return int(depth), int(attributes), int(formatting)


@njit(cache=True)
def _needs_no_end(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether the tag name there is one of p li td tr th dt dd br hr rp rt rb, col img wbr, base link meta input …"""
    size = 0
    while at + size < end and size < 8 and (data[at + size] | 32) >= 97 and (data[at + size] | 32) <= 122:
        size += 1
    a = data[at] | 32
    if size == 1:
        return bool(a == 112)  # p
    b = data[at + 1] | 32
    if size == 2:  # br hr tr | td dd | li | th | dt rt | rb rp
        return bool(
            (b == 114 and (a in (98, 104, 116)))
            or (b == 100 and (a in (100, 116)))
            or (a == 108 and b == 105)
            or (a == 116 and b == 104)
            or (b == 116 and (a in (100, 114)))
        )
    if size == 3:  # img col wbr
        return bool((a == 105 and b == 109) or (a == 99 and b == 111) or (a == 119 and b == 98))
    if size == 4:  # meta link base area
        return bool(
            (a == 109 and b == 101) or (a == 108 and b == 105) or (a == 98 and b == 97) or (a == 97 and b == 114)
        )
    if size == 5:  # input embed tbody tfoot thead track, but neither table nor title
        return bool((a == 105 and b == 110) or (a == 101 and b == 109) or (a == 116 and b not in (97, 105)))
    return bool(size == 6 and ((a == 111 and b == 112) or (a == 115 and b == 111)))  # option source


@njit(cache=True)
def _is_formatting(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether the tag name there is one of a b i s u, em tt, big, code font nobr, small, strike strong."""
    size = 0
    while at + size < end and size < 8 and (data[at + size] | 32) >= 97 and (data[at + size] | 32) <= 122:
        size += 1
    a = data[at] | 32
    if size == 1:
        return bool(a in (97, 98, 105, 115, 117))
    b = data[at + 1] | 32
    if size == 2:
        return bool((a == 101 and b == 109) or (a == 116 and b == 116))
    if size == 3:  # big, but not bdi
        return bool(a == 98 and b == 105)
    if size == 4:  # but not form
        c = data[at + 2] | 32
        return bool(b == 111 and ((a == 99 and c == 100) or (a == 102 and c == 110) or (a == 110 and c == 98)))
    if size == 5:
        return bool(a == 115 and b == 109)
    return bool(size == 6 and a == 115 and b == 116)


@njit(cache=True)
def _unclosed_tags(data: NDArray[np.uint8]) -> tuple[int, int, int]:
    depth = max_depth = max_attributes = formatting = max_formatting = 0
    at, size = 0, len(data)
    while at < size - 1:
        if data[at] != 60:  # <
            at += 1
            continue
        at += 1
        letter = data[at] | 32
        if data[at] == 47:  # /
            if at + 1 < size and not _needs_no_end(data, at + 1, size):
                depth = max(0, depth - 1)
                if _is_formatting(data, at + 1, size):
                    formatting = max(0, formatting - 1)
            continue
        if letter < 97 or letter > 122:
            continue
        if not _needs_no_end(data, at, size):
            depth += 1
            max_depth = max(max_depth, depth)
            if _is_formatting(data, at, size):
                formatting += 1
                max_formatting = max(max_formatting, formatting)
        attributes, in_name = 0, True  # the tag's own name counts for none
        while at < size and data[at] != 62:  # >
            c = data[at]
            if c <= 32 or c == 47:
                in_name = False
            elif c == 61:  # = and then a value, up to its closing quote or to white space
                at += 1
                while at < size and data[at] <= 32:
                    at += 1
                if at < size and (data[at] == 34 or data[at] == 39):
                    quote = data[at]
                    at += 1
                    while at < size and data[at] != quote:
                        at += 1
                    in_name = False
                else:
                    while at < size and data[at] > 32 and data[at] != 62:
                        at += 1
                    continue
            elif not in_name:
                attributes += 1
                in_name = True
            at += 1
        max_attributes = max(max_attributes, attributes)
    return max_depth, max_attributes, max_formatting


def is_deeper(html: str, limit: int) -> bool:
    """Whether the parsed tree has a node more than `limit` levels below the document, or over MAX_NODES: to look at those
    would take longer than to take the whole text.
    """
    depth = seen = 0
    node: Any = HTMLTree.parse(html).document
    while node is not None and depth <= limit and seen <= MAX_NODES:
        seen += 1
        if (child := node.first_child) is not None:
            node, depth = child, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = node.next if node is not None else None
    return depth > limit or seen > MAX_NODES
