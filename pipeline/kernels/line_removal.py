"""The lines that C4 takes out of a text (Raffel et al. 2020, JMLR 21:140, section 2.2, and its code c4_utils).

A line stays if it ends in a terminal punctuation mark and not in an ellipsis, has 3 words or more, none of them over
1,000 characters, and says nothing of javascript, cookies, terms of use or privacy policies; Wikipedia's citation marks
go. C4 drops the whole document for a curly bracket or "lorem ipsum" in a line that got so far: such a line stays, for
the rules `curly_bracket_count` and `lorem_ipsum_count` to see it. FineWeb leaves out the rule on terminal punctuation.

Two departures, for texts that are not English: the marks are those of every script; and a line's words are what stands
between white space, as in C4, or its Han, kana, Hangul and Thai characters where these are more.
"""

import re

from pipeline.kernels.characters import QUOTE_CHARACTERS, SENTENCE_ENDS
from pipeline.kernels.edits import Edit

_MIN_WORDS, _MAX_WORD = 3, 1000
_END_MARKS = frozenset(SENTENCE_ENDS + QUOTE_CHARACTERS)
_SINGLE = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")
_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def line_reason(line: str, punctuation: bool) -> str:
    """Why C4 takes a line out, or nothing.

    >>> [line_reason(line, True) for line in ("Accept all the cookies", "We use cookies here.", "So it is.", "淘金。")]
    ['line_without_punctuation', 'policy_line', '', 'line_of_few_words']
    """
    line = line.strip()
    words = line.split()
    if len(line) > _MAX_WORD and max(map(len, words), default=0) > _MAX_WORD:
        return "line_of_long_word"
    line = _CITATION.sub("", line) if "[" in line else line
    if punctuation and (line[-1:] not in _END_MARKS or line.endswith(("...", "…"))):
        return "line_without_punctuation"
    if len(words) < _MIN_WORDS and len(_SINGLE.findall(line)) < _MIN_WORDS:
        return "line_of_few_words"
    lowered = line.lower()
    if "lorem ipsum" in lowered:
        return ""
    if "javascript" in lowered:
        return "javascript_line"
    if "{" not in line and any(policy in lowered for policy in _POLICIES):
        return "policy_line"
    return ""


def remove_lines(text: str, punctuation: bool) -> list[Edit]:
    """C4's edits of a text: lines that go, with the line feed behind them, and citation marks in those that stay.

    >>> remove_lines("Home\\nGold is heavy.[1]", True)
    [Edit(start=0, end=5, replacement='', reason='line_without_punctuation'),
     Edit(start=19, end=22, replacement='', reason='citation')]
    """
    edits: list[Edit] = []
    at = 0
    for line in text.split("\n"):
        reason = line_reason(line, punctuation) if line.strip() else ""
        if reason:
            edits.append(Edit(at, min(len(text), at + len(line) + 1), "", reason))
        elif "[" in line:
            edits += [Edit(at + one.start(), at + one.end(), "", "citation") for one in _CITATION.finditer(line)]
        at += len(line) + 1
    return edits
