"""Every answer beside the library's own."""

import random

import fasttext
import pyarrow as pa
import pytest

from pipeline.kernels.language import model_path
from pipeline.kernels.language_model import Model, predict, read_model
from pipeline.sample.write import references


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(model_path().read_bytes())


@pytest.fixture(scope="module")
def library():
    return fasttext.load_model(str(model_path())).f


def texts() -> list[str]:
    """Beginnings of the sample's texts; words of scripts mixed, cut and joined; what the library treats apart."""
    draw = random.Random(3)
    whole = [row["text"][:500] for rows in references().values() for row in rows]
    alphabets = ["abcdefgh", "äöüßé", "абвгдежз", "一二三淘金", "かなカナ", "ابتث", "ไทย", "😀🏞", "0123", "<>/_&;-"]
    mixed = [
        " ".join("".join(draw.choices(draw.choice(alphabets), k=draw.randint(1, 12))) for _ in range(draw.randint(1, 40)))
        for _ in range(3000)
    ]
    apart = ["", " ", "the", "</s>", "the </s> gold", "gold </s>washer", "__label__de", "the __label__ gold", "a\tb\vc\fd"]
    return [text.replace("\n", " ").replace("\0", " ") for text in whole + mixed + apart]


def test_labels_and_probabilities_are_the_librarys(model, library):
    lines = texts()
    labels, probabilities = predict(model, pa.array(lines))
    assert len(set(labels.tolist())) > 30
    for line, label, probability in zip(lines, labels.tolist(), probabilities.tolist(), strict=True):
        wanted = library.predict(line, 1, 0.0, "strict")
        found = [(probability, f"__label__{model.labels[label]}")] if label >= 0 else []
        assert found == wanted, line


def test_a_null_and_line_ends(model):
    lines = pa.array(["the gold washer", None, "the\ngold\0washer"])
    labels, probabilities = predict(model, lines)
    assert labels[0] == labels[2] and probabilities[0] == probabilities[2]
    assert labels[1] == -1
    assert len(predict(model, pa.array([], pa.string()))[0]) == 0
