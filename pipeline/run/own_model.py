"""A fastText model of the user's is tried in a process of its own before anything is read: a damaged one ends it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.config import Quality
from pipeline.errors import ConfigError
from pipeline.kernels.fasttext_quality import OwnModel, file_hash

_SECONDS = 600
_PACKAGE = Path(__file__).resolve().parents[2]  # on a cluster a zip


def own_model(quality: Quality | None) -> OwnModel | None:
    """The model that the config names, by the bytes it has now; None if it names none."""
    if quality is None or quality.model is None:
        return None
    try:
        return OwnModel(quality.model, file_hash(quality.model), quality.label)
    except OSError as error:
        raise ConfigError(f"quality.model: {quality.model} cannot be read: {error.strerror}") from None


def check(model: OwnModel) -> None:
    """Raises ConfigError for a file that is no fastText classifier, is damaged, or has no such label."""
    where = f"quality.model: {model.path}"
    command = [sys.executable, "-m", "pipeline.kernels.fasttext_quality", model.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(_PACKAGE), os.environ.get("PYTHONPATH", "")])}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{where} has not predicted within {_SECONDS} s; give another file") from None
    if done.returncode < 0:
        raise ConfigError(f"{where} ends its process (signal {-done.returncode}): it is cut short or damaged; get it again")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise ConfigError(f"{where} is damaged, or no fastText classifier: {said[-1][:200]}")
    labels = json.loads(done.stdout)
    if model.label not in labels:
        shown = ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")
        raise ConfigError(f"quality.label: {model.label} is no label of {model.path}; allowed: {shown or 'it has none'}")
