"""What a plain-text book holds beside the book: Project Gutenberg's header and licence, and line ends that only wrap."""

import re

# The marks of all years: "*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***", "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN …".
STARTS = re.compile(
    r"^[ \t]*(?:\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG.{0,200}?\*\*\*"
    r"|\*END\*? ?THE SMALL PRINT!.{0,100}\*END\*)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
ENDS = re.compile(
    r"^[ \t]*(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG|End of (?:the |this )?Project Gutenberg)", re.MULTILINE
)
CREDITS = re.compile(
    r"\A\s*(?:(?:E-?text |This e-?text was )?(?:produced|prepared|transcribed) by [^\n]*(?:\n[^\n]+)*\n)+", re.IGNORECASE
)
HEAD_SHARE = 0.3  # a mark further inside belongs to the text
WRAPPED = 100  # code points: longer lines are paragraphs
SLACK = 4  # code points by which a wrapped line may miss its width


def without_gutenberg(text: str) -> str:
    r"""The text between Project Gutenberg's marks, as far as it has them.

    >>> without_gutenberg("Gutenberg\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nProduced by A. B.\n\nEmma\n"
    ...     "\nEnd of the Project Gutenberg EBook of X\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nLicence")
    'Emma'
    """
    limit = max(20_000, int(len(text) * HEAD_SHARE))
    starts = [match.end() for match in STARTS.finditer(text, 0, limit)]
    if starts:
        text = CREDITS.sub("", text[starts[-1] :])
    first = max(0, len(text) - max(40_000, int(len(text) * HEAD_SHARE)))
    end = ENDS.search(text, first)
    return (text[: end.start()] if end else text).strip()


def unwrapped(text: str) -> str:
    r"""Paragraphs on a line each: a line end goes where the next word would not have fitted, so that verse keeps its own.

    A text whose lines are longer than WRAPPED, or have no spaces, stays as it is.

    >>> unwrapped("The boat lay quiet in the\nharbour that whole night\nthrough.\n\nA rose,\nis red.")
    'The boat lay quiet in the harbour that whole night through.\n\nA rose,\nis red.'
    """
    lines = [line.rstrip() for line in text.splitlines()]
    lengths = sorted(len(line) for line in lines if line)
    width = lengths[int(len(lengths) * 0.95)] if lengths else 0
    if not 0 < width <= WRAPPED:
        return text
    out: list[str] = []
    before = ""  # the line as it stood, of which the last of `out` ends
    for line in lines:
        word = line.split(" ", 1)[0]
        if before and word and " " in before and len(before) + 1 + len(word) > width - SLACK:
            out[-1] += " " + line
        else:
            out.append(line)
        before = line
    return "\n".join(out)
