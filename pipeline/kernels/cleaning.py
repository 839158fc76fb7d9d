"""What a policy edits in texts before they are measured: C4's lines, personal data, traditional characters."""

from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels import pii
from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.chinese import simplify
from pipeline.kernels.edits import Edit, apply, resolved
from pipeline.kernels.line_removal import remove_lines
from pipeline.kernels.text import units


class Policy(NamedTuple):
    """What `annotate:` in the config says; the defaults edit nothing and cost nothing."""

    pii: Literal["none", "count", "mask"] = "none"
    lines: Literal["keep", "c4", "fineweb"] = "keep"
    chinese: Literal["keep", "simplify"] = "keep"

    @property
    def edits(self) -> bool:
        """Whether any text can come out changed."""
        return self.pii == "mask" or self.lines != "keep" or self.chinese != "keep"


def find_edits(texts: pa.Array, languages: pa.Array, policy: Policy) -> tuple[list[list[Edit]], NDArray[np.int64]]:
    """The edits of each text, and how much personal data it holds by kind, in the order of pii.MARKS; shape (4, n).

    >>> texts, languages = pa.array(["Skip\\nIs a@b.io there?", "漢字很重。"]), pa.array(["en", "zh"])
    >>> edits, counts = find_edits(texts, languages, Policy("mask", "c4", "simplify"))
    >>> edited(texts, edits).to_pylist(), counts[0].tolist()
    (['Is |||EMAIL_ADDRESS||| there?', '汉字很重。'], [1, 0])
    """
    found: list[list[Edit]] = [[] for _ in range(len(texts))]
    counts = np.zeros((len(pii.MARKS), len(texts)), np.int64)
    listed = texts.to_pylist()
    if policy.lines != "keep":
        for i, (text, n_words) in enumerate(zip(listed, _line_words(texts), strict=True)):
            found[i] += remove_lines(text or "", n_words, policy.lines == "c4")
    for i, text in enumerate(listed if policy.pii != "none" else ()):
        personal = pii.find(text or "")
        counts[:, i] = [sum(edit.reason == kind for edit in personal) for kind in pii.MARKS]
        found[i] += personal if policy.pii == "mask" else []
    for i, language in enumerate(languages.to_pylist() if policy.chinese == "simplify" else ()):
        found[i] += simplify(listed[i] or "") if language == "zh" else []
    return [resolved(edits) for edits in found], counts


def edited(texts: pa.Array, edits: list[list[Edit]]) -> pa.Array:
    """The texts as the edits leave them."""
    if not any(edits):
        return texts
    return pa.array([apply(text or "", some) for text, some in zip(texts.to_pylist(), edits, strict=True)], texts.type)


def _line_words(texts: pa.Array) -> list[list[int]]:
    """The units in each line of each text, blank lines included."""
    offsets, data = utf8_buffers(texts)
    starts, feeds = units(texts).starts, np.flatnonzero(data == 10)
    firsts = np.searchsorted(feeds, offsets)
    found = []
    for i in range(len(texts)):
        edges = np.concatenate((offsets[i : i + 1], feeds[firsts[i] : firsts[i + 1]], offsets[i + 1 : i + 2]))
        found.append(np.diff(np.searchsorted(starts, edges)).tolist())
    return found
