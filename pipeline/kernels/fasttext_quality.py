"""The quality score of a fastText classifier that the user brings, as DCLM's (Li et al. 2024): the probability of one label.

A damaged fastText model loads, and ends the process at its first prediction. So `python -m pipeline.kernels.fasttext_quality
MODEL` predicts in a process of its own and prints the labels as JSON (run.own_model asks it), and whoever loads a model for
work checks that its bytes are the ones that were tried.
"""

import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_CHUNK = 1 << 22


class OwnModel(NamedTuple):
    """A fastText model's path, the SHA-256 of its bytes, and the label whose probability is the score."""

    path: str
    sha256: str
    label: str


def score(texts: pa.Array, model: OwnModel) -> NDArray[np.float64]:
    """The probability of the label for each text, shape (n,), in [0, 1]; 0 for a text of which fastText says nothing.

    Raises RuntimeError if the file is not the one that was tried.
    """
    predict = _load(model.path, model.sha256).f.predict  # `model.predict` breaks with numpy 2
    return np.array([_probability(predict(line(text or ""), -1, 0.0, "strict"), model.label) for text in texts.to_pylist()])


def line(text: str) -> str:
    r"""A text as fastText takes it: one line, without NUL or a lone surrogate.

    >>> line("gold\r\nand\0sand \ud800")
    'gold and sand ?'
    """
    joined = " ".join(text.replace("\0", " ").split())
    return joined if joined.isascii() else joined.encode("utf-8", "replace").decode()


def _probability(predictions: list[tuple[float, str]], label: str) -> float:
    return next((min(1.0, max(0.0, float(chance))) for chance, name in predictions if name == label), 0.0)


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


@cache
def _load(path: str, sha256: str) -> Any:
    """Once a process."""
    import fasttext

    if file_hash(path) != sha256:
        raise RuntimeError(f"{path}: the quality model has changed since the run began; start the run again")
    return fasttext.load_model(path)


def _try(path: str) -> list[str]:
    """The labels of a model, once it has predicted."""
    import fasttext

    predict = fasttext.load_model(path).f.predict
    texts = ("gold is washed from the sand of rivers", "淘金", "", "one two three " * 1000)
    return sorted({name for text in texts for _, name in predict(text, -1, 0.0, "strict")})


if __name__ == "__main__":
    print(json.dumps(_try(sys.argv[1])))
