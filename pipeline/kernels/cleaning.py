"""What a policy edits in texts before they are measured: C4's lines, personal data, traditional characters."""

from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels import pii
from pipeline.kernels.chinese import simplify
from pipeline.kernels.edits import Edit, apply, resolved
from pipeline.kernels.line_removal import remove_lines


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
    for i, text in enumerate(listed if policy.pii != "none" else ()):
        personal = pii.find(text or "")
        counts[:, i] = [sum(edit.reason == kind for edit in personal) for kind in pii.MARKS]
        found[i] += personal if policy.pii == "mask" else []
    for i, language in enumerate(languages.to_pylist() if policy.chinese == "simplify" else ()):
        found[i] += simplify(listed[i] or "") if language == "zh" else []
    if policy.lines != "keep":  # last: a line that goes takes what else is edited in it along
        for i, text in enumerate(listed):
            found[i] += remove_lines(text or "", policy.lines == "c4")
    return [resolved(edits) for edits in found], counts


def edited(texts: pa.Array, edits: list[list[Edit]]) -> pa.Array:
    """The texts as the edits leave them."""
    if not any(edits):
        return texts
    return pa.array([apply(text or "", some) for text, some in zip(texts.to_pylist(), edits, strict=True)], texts.type)
