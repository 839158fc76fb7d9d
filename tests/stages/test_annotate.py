"""Annotations of edited texts: measured as edited, each edit a row, and no other result where nothing is asked for."""

import pyarrow as pa
import pytest

from pipeline.kernels.cleaning import Policy
from pipeline.kernels.edits import Edit, apply, resolved
from pipeline.schema import EDITS
from pipeline.stages import annotate as stage

TEXTS = {
    "mail": ("en", "Home\nWrite to a.b@example.org about the gold, and we will answer.\n" * 3),
    "zh": ("zh", "請把頭髮擦乾，電話 13812345678。\n國"),
    "plain": ("en", "There is nothing to be done here at all."),
    "empty": ("en", ""),
}


def annotated(spark, policy: Policy, sensitive=()):
    rows = [(key, 3, language, text) for key, (language, text) in TEXTS.items()]
    documents = spark.createDataFrame(rows, "id string, part int, language string, text string")
    return stage.annotate(documents, {}, stage.Settings(5, 12, policy, sensitive))


@pytest.fixture(scope="module")
def measured(spark):
    frame = annotated(spark, Policy("mask", "c4", "simplify"), ["gold", "头发"]).cache()
    yield frame
    frame.unpersist()


def test_edits_are_rows_and_texts_are_measured_as_edited(spark, measured):
    edits: dict[str, list[Edit]] = {}
    rows = stage.edit_rows(measured)
    assert set(rows.schema.names) == set(EDITS.names)
    for row in rows.collect():
        assert (row["part"], row["stage"]) == (3, "annotate")
        edits.setdefault(row["id"], []).append(Edit(row["start"], row["end"], row["replacement"], row["reason"]))
    left = {key: apply(text, resolved(edits.get(key, []))) for key, (_, text) in TEXTS.items()}
    assert left["mail"] == "Write to |||EMAIL_ADDRESS||| about the gold, and we will answer.\n" * 3
    assert left["zh"] == "请把头发擦干，电话 |||PHONE_NUMBER|||。\n"
    assert (left["plain"], left["empty"]) == (TEXTS["plain"][1], "")
    found = {row["id"]: row for row in measured.collect()}
    assert {key: row["code_point_count"] for key, row in found.items()} == {key: len(text) for key, text in left.items()}
    assert [found["mail"]["email_count"], found["zh"]["phone_count"], found["plain"]["email_count"]] == [3, 1, 0]
    assert found["zh"]["traditional_fraction"] == 0
    assert found["mail"]["sensitive_word_fraction"] == pytest.approx(3 / found["mail"]["word_count"])
    assert found["zh"]["sensitive_word_fraction"] == pytest.approx(2 / found["zh"]["word_count"])


def test_without_edits_there_is_no_column_of_them(spark):
    for policy in (Policy(), Policy(pii="count")):
        frame = annotated(spark, policy)
        assert frame.schema == stage.ANNOTATIONS
        found = {row["id"]: row for row in frame.collect()}
        assert found["mail"]["code_point_count"] == len(TEXTS["mail"][1])
        assert found["mail"]["email_count"] == (3 if policy.pii == "count" else 0)
    assert found["zh"]["mean_chinese_word_length"] > 1 and found["mail"]["mean_chinese_word_length"] == 0


def test_a_batch_without_chinese_or_without_rows():
    settings = stage.Settings(5, 0, Policy("mask", "fineweb", "simplify"))
    columns = {"id": pa.array([], pa.string()), "part": pa.array([], pa.int32()), "language": pa.array([], pa.string())}
    empty = pa.record_batch(columns | {"text": pa.array([], pa.string())})
    assert stage._measure(empty, {}, settings).num_rows == 0
