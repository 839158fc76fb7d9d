"""Spam, listings, indexes and error pages, filled from word lists by a seeded hash."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from pipeline.sample.pages import Page
from pipeline.sample.texts import table


def draws(key: str) -> Iterator[int]:
    """An endless row of 64-bit integers, the same for the same key.

    >>> first = draws("casino/0")
    >>> [next(first) for _ in range(2)] == [n for n, _ in zip(draws("casino/0"), range(2))]
    True
    """
    for n in count():
        yield int.from_bytes(hashlib.blake2b(f"{key}/{n}".encode(), digest_size=8).digest(), "big")


def pick(draw: Iterator[int], options: Sequence[str]) -> str:
    """One of the options."""
    return options[next(draw) % len(options)]


def fill(pattern: str, words: dict[str, list[str]], draw: Iterator[int]) -> str:
    """The pattern with each {slot} replaced by one of words[slot], drawn from left to right.

    >>> fill("{a} and {a}", {"a": ["tea"]}, draws("x"))
    'tea and tea'
    """
    return re.sub(r"\{(\w+)\}", lambda slot: pick(draw, words[slot[1]]), pattern)


def noise_pages() -> list[Page]:
    """All pages of noise.yaml."""
    return [_page(recipe, number) for recipe in table("noise") for number in range(recipe["pages"])]


def _page(recipe: dict[str, Any], number: int) -> Page:
    draw = draws(f"{recipe['name']}/{number}")
    words, gap = recipe["words"], "" if recipe["language"] == "zh" else " "
    title = fill(pick(draw, recipe["titles"]), words, draw)
    lines = [fill(pick(draw, recipe["patterns"]), words, draw) for _ in range(recipe["blocks"] * recipe["lines"])]
    if recipe["shape"] == "paragraphs":
        size = recipe["lines"]
        lines = [gap.join(lines[start : start + size]) for start in range(0, len(lines), size)]
    return Page(
        url=f"https://{recipe['host']}/{recipe['name']}/{number + 1}.html",
        host=recipe["host"],
        kind=recipe["kind"],
        language=recipe["language"],
        title=title,
        shape=recipe["shape"],
        blocks=tuple(lines),
    )
