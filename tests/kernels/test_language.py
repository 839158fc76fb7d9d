import subprocess
import sys

import pytest

from pipeline.kernels import language
from pipeline.kernels.language import identify, model_path


def test_languages_of_plain_sentences_in_their_order():
    texts = [
        "The gold washer swirls the pan until only the heavy grains are left.",
        "淘金是一种古老的采矿方法，人们用水冲洗河里的沙子，留下较重的金粒。",
        "Der Goldwäscher schwenkt die Pfanne, bis nur die schweren Körner bleiben.",
        "砂金を採る人は皿を回して重い粒だけを残します。",
    ]
    found = identify(texts)
    assert [label for label, _ in found] == ["en", "zh", "de", "ja"]
    assert all(0.5 < score <= 1.0 for _, score in found)


@pytest.mark.parametrize("text", ["", "\n", " \n\t ", "\0", "\ud800\n\0"])
def test_nothing_to_tell_a_language_by_is_und(text):
    assert identify([text]) == [("und", 0.0)]


def test_line_ends_nul_and_surrogates_do_not_hide_what_follows():
    assert identify(["\ud800\n\0The gold washer\nswirls the pan\0until only grains are left."])[0][0] == "en"


def test_no_texts():
    assert identify([]) == []


def test_only_the_beginning_counts():
    start = "The gold washer swirls the pan until only the heavy grains are left. " * 10
    assert identify([start + "淘金者" * 10_000]) == identify([start])


def test_a_damaged_model_is_refused_with_its_path(tmp_path):
    """In a process of its own: without the check the truncated model ends the process."""
    damaged = tmp_path / "lid.176.ftz"
    damaged.write_bytes(model_path().read_bytes()[:400_000])
    code = (
        "import pathlib\nfrom pipeline.kernels import language\n"
        f"language.model_path = lambda: pathlib.Path({str(damaged)!r})\n"
        "try: language.identify(['gold'])\nexcept RuntimeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(damaged) in done.stdout
    assert "damaged" in done.stdout
    assert language.MODEL_SHA256 in done.stdout
