"""Text of the web on its way to a reader's screen: seen whole, obeyed never.

Escaping for HTML, Markdown and LaTeX is the writers' work; here is what all three need first. Source names, reasons and
paths come from the config, but a report may be read by somebody else than its writer, so they take the same way.
"""

import re
import unicodedata

MAX_LINKED = 2000  # code points: no browser shows a longer URL, so nobody can judge where it leads
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#]\S*)?", re.IGNORECASE)


def visible(text: str, newlines: bool = False) -> str:
    r"""Text in which nothing acts unseen: control, direction, zero-width and surrogate code points show as [U+XXXX].

    White space becomes one space each, or stays if it is a newline that is wanted.

    >>> visible("a\x1b]52;c\u202egnp.exe")
    'a[U+001B]]52;c[U+202E]gnp.exe'
    """
    return "".join(_shown(character, newlines) for character in text)


def _shown(character: str, newlines: bool) -> str:
    if character in "\n\r\t\u2028\u2029":
        return "\n" if newlines and character == "\n" else " "
    # Cc control, Cf format, Cs surrogate, Co private use, Cn unassigned; U+200C and U+200D shape Persian and emoji.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Cn"} and character not in "\u200c\u200d\u00ad":
        return f"[U+{ord(character):04X}]"
    return character


def cut_end(text: str, limit: int) -> str:
    """
    >>> cut_end("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut_middle(text: str, limit: int) -> str:
    """Both ends of a URL matter: who serves it, and which file it is.

    >>> cut_middle("https://a.example/long/way/to/page.html", 28)
    'https://a.exam […] page.html'
    """
    if len(text) <= limit:
        return text
    tail = (limit - 5) * 2 // 5
    return f"{text[: limit - 5 - tail]} […] {text[len(text) - tail :]}"[:limit]


def name(text: str, limit: int = 60) -> str:
    """A name, reason or identifier for a table's cell."""
    # Cut twice: a 100 kB name costs nothing, and marks made visible do not lengthen it again.
    return cut_middle(visible(cut_middle(text, 4 * limit)), limit)


def address(url: str, limit: int = 110) -> str:
    """A URL as it is shown."""
    return name(url, limit)


def excerpt(text: str, limit: int = 600) -> str:
    """The beginning of a document, its lines kept."""
    return cut_end(visible(text[:limit], newlines=True) + ("…" if len(text) > limit else ""), 2 * limit)


def link_target(url: str) -> str:
    """The URL if a click on it is what it seems: http(s), no user name, nothing invisible, not endless; else ''.

    >>> link_target("https://example.org/a?b=c")
    'https://example.org/a?b=c'
    >>> link_target("javascript:alert(1)"), link_target("https://bank.example@evil.example/")
    ('', '')
    """
    honest = len(url) <= MAX_LINKED and _WEB_ADDRESS.fullmatch(url) and visible(url) == url
    return url if honest else ""


def terminal_width(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two.

    >>> terminal_width("淘金 gold")
    9
    """
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
