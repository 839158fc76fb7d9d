"""The sample with every edit switched on: what is written is documents.text with the spans of edits/, and nothing else."""

import shutil

import pyarrow as pa
import pytest

from pipeline.kernels.edits import Edit, apply, resolved
from pipeline.kernels.text import units
from pipeline.sample.write import benchmark_items
from tests.path import corpus, curated, report, rows, table, taojin

EDITS = "annotate={pii: mask, lines: fineweb, chinese: simplify}"

LATER = ("recurring_line", "decontaminate")  # than what is measured
# Reprints with a changed phrase stay, so that what they share recurs.
RECURRING = "dedup={min_similarity: 1, recurring: {within: source, max_documents: 1}}"


@pytest.fixture(scope="module")
def edited(sample_config, sample_output, tmp_path_factory):
    copy = tmp_path_factory.mktemp("edited") / "copy"
    shutil.copytree(sample_output, copy)
    printed = curated(sample_config, f"output={copy}", EDITS, RECURRING, "quality.select=none")
    assert [line.split()[0] for line in printed.splitlines() if "done before" in line] == ["ingest"]
    return copy


@pytest.fixture(scope="module")
def spans(edited):
    found: dict[str, list[Edit]] = {}
    order = {"annotate": 0, "deduplicate": 1, "decontaminate": 2}
    for row in sorted(rows(edited, "edits"), key=lambda row: order[row["stage"]]):
        found.setdefault(row["id"], []).append(Edit(row["start"], row["end"], row["replacement"], row["reason"]))
    return found


def test_what_is_written_is_the_stored_text_with_its_edits(edited, spans):
    texts = {row["id"]: row["text"] for row in table(edited, "documents").to_pylist()}
    written = {row["id"]: row["text"] for row in corpus(edited)}
    assert written and all(text == apply(texts[key], resolved(spans.get(key, []))) for key, text in written.items())
    changed = {key for key, text in written.items() if text != texts[key]}
    assert changed and changed == written.keys() & spans.keys()
    reasons = {edit.reason for some in spans.values() for edit in some}
    assert {"line_of_few_words", "recurring_line", "decontaminate"} <= reasons


def test_texts_are_measured_as_written_up_to_the_cuts(edited, spans):
    texts = {row["id"]: row["text"] for row in table(edited, "documents").to_pylist()}
    for row in rows(edited, "annotations"):
        mine = [edit for edit in spans.get(row["id"], []) if edit.reason not in LATER]
        assert row["code_point_count"] == len(apply(texts[row["id"]], resolved(mine)))


def test_contamination_has_the_coordinates_of_the_stored_text(edited):
    texts = {row["id"]: row["text"] for row in table(edited, "documents").to_pylist()}
    items = {item["id"]: item["question"] for item in benchmark_items()}
    found = rows(edited, "contamination")
    assert found
    for row in found:
        span, item = (units(pa.array([text])).hashes.tolist() for text in (
            texts[row["id"]][row["start"] : row["end"]], items[row["item_id"]],
        ))  # fmt: skip
        assert len(span) >= 13
        assert any(item[k : k + len(span)] == span for k in range(len(item)))


def test_the_report_accounts_for_the_characters(edited, spans):
    kept = {row["id"] for row in rows(edited, "verdicts") if row["kept"]}
    for one in report(edited)["edits"]:
        mine = [edit for key in kept for edit in spans.get(key, []) if edit.reason == one["reason"]]
        assert (one["edits"], one["removed"], one["written"]) == (
            len(mine), sum(edit.end - edit.start for edit in mine), sum(len(edit.replacement) for edit in mine),
        )  # fmt: skip
    assert {one["stage"] for one in report(edited)["edits"]} == {"annotate", "deduplicate", "decontaminate"}


def test_what_was_taken_out_is_explained_and_shown(edited, spans):
    taken = {key: [one for one in some if one.reason == "recurring_line"] for key, some in sorted(spans.items())}
    key, mine = next((key, some) for key, some in taken.items() if some)
    said = " ".join(taojin("explain", edited, key).stdout.split())
    n = sum(one.end - one.start for one in mine)
    assert f"{n:,} characters cut in {len(mine)} places (recurring_line)" in said
    shown = report(edited)["duplicates"]["recurring"]
    texts = [row["text"] for row in rows(edited, "documents")]
    assert shown and all(row["documents"] == 2 and any(row["text"] in text for text in texts) for row in shown)
