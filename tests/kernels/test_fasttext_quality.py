"""A fastText model of the user's: the language model, taken as one, and what a damaged one does."""

import math
import shutil

import pyarrow as pa
import pytest

from pipeline.config import Quality
from pipeline.errors import ConfigError
from pipeline.kernels.fasttext_quality import OwnModel, file_hash, score
from pipeline.kernels.language import MODEL_SHA256, identify, model_path
from pipeline.run.own_model import check, own_model


def test_the_score_is_the_labels_probability():
    model = OwnModel(str(model_path()), MODEL_SHA256, "__label__en")
    english = "Gold is washed from the sand of rivers."
    found = score(pa.array([english, "淘金者在河边淘洗沙子", "", None, "a\0b\ud800"[:3], "\n\n"]), model)
    ((_, expected),) = identify([english])
    assert found[0] == pytest.approx(expected, abs=1e-6)
    assert found[1] < 0.1
    assert all(0 <= one <= 1 and not math.isnan(one) for one in found)


def test_a_model_is_tried_in_a_process_of_its_own(tmp_path):
    check(OwnModel(str(model_path()), MODEL_SHA256, "__label__en"))
    with pytest.raises(ConfigError, match=r"quality.label: __label__hq is no label .*; allowed: __label__"):
        check(OwnModel(str(model_path()), MODEL_SHA256, "__label__hq"))
    cut = tmp_path / "cut.bin"
    cut.write_bytes(model_path().read_bytes()[:400_000])
    with pytest.raises(ConfigError, match="damaged"):
        check(OwnModel(str(cut), file_hash(cut), "__label__en"))
    pickle = tmp_path / "pickle.bin"
    pickle.write_bytes(b"\x80\x04N.")
    with pytest.raises(ConfigError, match="no fastText classifier"):
        check(OwnModel(str(pickle), file_hash(pickle), "__label__en"))


def test_another_file_than_the_tried_one_is_refused(tmp_path):
    path = tmp_path / "model.bin"
    shutil.copy(model_path(), path)
    with pytest.raises(RuntimeError, match="has changed"):
        score(pa.array(["a"]), OwnModel(str(path), "0" * 64, "__label__en"))
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        own_model(Quality(model=str(tmp_path / "none.bin")))
