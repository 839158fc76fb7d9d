"""Appendix C on documents made for it: what is found, ignored, cut and dropped."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kernels.edits import apply
from pipeline.sources.documents import DocumentTexts
from pipeline.stages import decontaminate as stage

LEAK = "which of the seven rivers that cross the old kingdom carries gold in its sand today"  # 16 words
COMMON = "all rights reserved this page may not be copied or sold without a written letter of consent"
FILL = "The ferry leaves at noon and comes back when the tide allows, which nobody can promise. "
SETTINGS = stage.Settings(window=200, min_fragment=200, max_fragments=10, mode="cut")

TEXTS = {
    "clean": FILL * 10,
    "middle": FILL * 5 + LEAK + ". " + FILL * 5,
    "start": LEAK + ". " + FILL * 8,
    "short": FILL + LEAK,  # nothing of 200 characters is left
    "eleven": (FILL * 8 + LEAK + ". ") * 10 + FILL * 8,  # ten cuts, eleven pieces
    "ten": (FILL * 8 + LEAK + ". ") * 9 + FILL * 8,
    **{f"common-{k}": FILL * 5 + COMMON + ". " + FILL * 5 for k in range(11)},
}


@pytest.fixture(scope="module")
def found(spark, tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("documents")
    for part in (0, 1):
        ids = [key for k, key in enumerate(TEXTS) if k % 2 == part]
        target = folder / "origin=web" / f"part-{part:05d}-x.parquet"
        target.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"id": ids, "text": [TEXTS[key] for key in ids]}), target)
    items = pa.table({
        "benchmark": ["quiz", "quiz"], "split": ["test", "test"], "id": ["river", "rights"],
        "text": [f"Q: {LEAK.upper()}?", COMMON],
    })  # fmt: skip
    kept = spark.createDataFrame([(key, k % 2) for k, key in enumerate(TEXTS)], "id string, part int")
    texts = DocumentTexts(str(folder))
    benchmarks = stage.index_benchmarks(items, 13)
    hits = stage.find_hits(kept, texts, benchmarks, "gpt2").cache()
    places, common = stage.collisions(hits, max_documents=10)
    cut = stage.cuts(places, SETTINGS).cache()
    yield {"hits": hits, "places": places, "common": common, "cut": cut, "texts": texts, "benchmarks": benchmarks}
    hits.unpersist()
    cut.unpersist()


def test_ngrams_in_more_than_ten_documents_are_ignored(found):
    assert {row["documents"] for row in found["common"].collect()} == {11}
    assert found["common"].count() == 17 - 13 + 1
    phrases = stage.common_phrases(found["hits"], found["common"], found["texts"])
    assert {phrase["documents"] for phrase in phrases} == {11}
    assert phrases[0]["text"] in COMMON
    eleven = stage.collisions(found["hits"], max_documents=11)[1]
    assert eleven.count() == 0


def test_contamination_names_item_and_characters(found):
    rows = stage.contamination(found["places"], found["benchmarks"]).collect()
    assert {row["id"] for row in rows} == {"middle", "start", "short", "eleven", "ten"}
    assert {row["item_id"] for row in rows} == {"river"}
    for row in rows:
        assert TEXTS[row["id"]][row["start"] : row["end"]] == LEAK
    assert len(rows) == 1 + 1 + 1 + 10 + 9


def test_what_is_cut_and_what_is_dropped(found):
    pieces = {row["id"]: (row["n_fragments"], row["n_kept"]) for row in found["cut"].collect()}
    assert pieces == {"middle": (2, 2), "start": (1, 1), "short": (0, 0), "eleven": (11, 11), "ten": (10, 10)}
    reasons = {row["id"]: row["drop_reason"] for row in stage.dropped(found["cut"], SETTINGS).collect()}
    assert reasons == {"short": "no_fragment_left", "eleven": "too_many_fragments"}
    whole = {row["id"] for row in stage.dropped(found["cut"], SETTINGS._replace(mode="drop")).collect()}
    assert whole == {"middle", "start", "short", "eleven", "ten"}
    assert stage.dropped(found["cut"], SETTINGS._replace(mode="report")).count() == 0


def test_edits_take_the_window_out_and_are_counted_so(found):
    spans = stage.edit_spans(found["cut"], SETTINGS)
    removed: dict[str, list[tuple[int, int]]] = {}
    for row in spans.orderBy("id", "start").collect():
        removed.setdefault(row["id"], []).append((row["start"], row["end"]))
    assert set(removed) == {"middle", "start", "ten"}
    at = TEXTS["middle"].index(LEAK)
    assert removed["middle"] == [(at - 200, at + len(LEAK) + 200)]
    assert removed["start"] == [(0, len(LEAK) + 200)]
    for key, cut in removed.items():
        assert "seven rivers" not in apply(TEXTS[key], cut)
    whole = {row["id"]: row["token_count"] for row in found["hits"].collect()}
    edited = {row["id"]: row["token_count"] for row in stage.edited_tokens(spans, found["texts"], "gpt2").collect()}
    assert set(edited) == set(removed)
    assert all(0 < edited[key] < whole[key] for key in edited)
    assert stage.edit_spans(found["cut"], SETTINGS._replace(mode="report")).count() == 0
