"""Wikitext as plain prose: templates, tables, references, files and categories are left out (mwparserfromhell parses)."""

import re
from collections.abc import Iterator
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

# Tags whose content is no prose.
LEFT_OUT = frozenset([
    "ref", "references", "table", "gallery", "timeline", "math", "chem", "score", "imagemap", "hiero", "graph", "mapframe",
    "maplink", "templatestyles", "syntaxhighlight", "source", "style", "script", "categorytree", "inputbox", "section",
])  # fmt: skip
# Templates that stand for words of a sentence: the position of the argument that is shown, from 1; -1: the last.
SHOWN = {"lang": -1, "transl": -1, "transliteration": -1, "nowrap": 1, "nobr": 1, "ill": 1, "zh": 1, "abbr": 1, "small": 1}
MEASURES = frozenset({"convert", "cvt"})  # {{convert|5|km|mi}}: 5 km
HEADING = "\x01"  # begins a heading's line until empty sections are gone; then comes the level
SWITCH = re.compile(r"__[A-Z]{3,}__")
# Chinese conversion: -{zh-hans:沙;zh-hant:砂}-, -{沙}-; flags such as H| only define.
CONVERSION = re.compile(r"-\{(?:([^{}|]*)\|)?([^{}]*)\}-")
BLANK_LINES = re.compile(r"\n\s*\n+")


def plain_text(wikitext: str, hidden: frozenset[str]) -> str:
    """The prose of a page. `hidden`: prefixes of links, in lower case, to files and categories.

    >>> plain_text("'''Gold''' is [[metal|a metal]].<ref>x</ref>\\n== None ==\\n[[File:a.jpg|pan]]", frozenset({"file"}))
    'Gold is a metal.'
    """
    raw = "".join(_words(mwparserfromhell.parse(wikitext), hidden))
    text = CONVERSION.sub(_converted, SWITCH.sub("", raw))
    lines = [" ".join(line.split()) if not line.startswith(HEADING) else line for line in text.split("\n")]
    return BLANK_LINES.sub("\n\n", "\n".join(_without_empty_sections(lines))).strip()


def _words(code: Any, hidden: frozenset[str]) -> Iterator[str]:
    for node in code.nodes:
        if isinstance(node, nodes.Text):
            yield node.value
        elif isinstance(node, nodes.Wikilink):
            title = str(node.title).strip()
            if title.partition(":")[0].strip().lower() in hidden:
                continue
            if node.text is None:
                yield title.removeprefix(":")
            else:
                yield from _words(node.text, hidden)
        elif isinstance(node, nodes.Tag):
            if str(node.tag).lower() == "br":
                yield "\n"
            elif node.contents is not None and str(node.tag).strip().lower() not in LEFT_OUT:
                yield from _words(node.contents, hidden)
        elif isinstance(node, nodes.Heading):
            title = " ".join("".join(_words(node.title, hidden)).split())
            yield f"\n\n{HEADING}{node.level}{title}\n\n"
        elif isinstance(node, nodes.ExternalLink):
            if not node.brackets:
                yield str(node.url)
            elif node.title is not None:
                yield from _words(node.title, hidden)
        elif isinstance(node, nodes.HTMLEntity):
            yield node.normalize()
        elif isinstance(node, nodes.Template):
            yield from _shown(node, hidden)


def _shown(template: Any, hidden: frozenset[str]) -> Iterator[str]:
    name = str(template.name).strip().lower().replace("_", " ")
    given = [parameter.value for parameter in template.params if not parameter.showkey]
    if name in MEASURES and len(given) > 1:
        yield f"{str(given[0]).strip()} {str(given[1]).strip()}"
    elif name in ("nbsp", "spaces"):
        yield " "
    elif name in SHOWN or name.startswith("lang-"):
        at = SHOWN.get(name, 1)
        if len(given) >= abs(at):
            yield from _words(given[at - 1 if at > 0 else at], hidden)


def _converted(match: re.Match[str]) -> str:
    """The text of a Chinese conversion mark: that of mainland readers, else the first, else what stands in it."""
    flags, body = match[1] or "", match[2]
    if set(flags.upper()) & set("HT-"):
        return ""
    forms = dict(part.split(":", 1) for part in body.split(";") if part.strip().startswith("zh") and ":" in part)
    by_name = {name.strip(): text for name, text in forms.items()}
    return by_name.get("zh-cn") or by_name.get("zh-hans") or next(iter(by_name.values()), body)


def _without_empty_sections(lines: list[str]) -> list[str]:
    """The lines without headings over nothing; the others lose their mark."""
    kept: list[str] = []
    below = 0  # a heading of a level under it has something below it
    for line in reversed(lines):
        if not line.startswith(HEADING):
            below = 99 if line else below
            kept.append(line)
        elif below > int(line[1]):
            below = int(line[1])
            kept.append(line[2:])
    return kept[::-1]
