"""The steps of `deduplicate` and `decontaminate`: what is removed from the documents that the verdict keeps."""

from collections import Counter

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.run.fingerprint import BENCHMARKS
from pipeline.run.output import Json
from pipeline.run.work import Work, decisions
from pipeline.sources.benchmarks import read_items
from pipeline.stages import annotate as measuring
from pipeline.stages import decontaminate as cleaning
from pipeline.stages import deduplicate as stage
from pipeline.stages import verdict


def deduplicate(work: Work) -> Json:
    """signatures/, duplicates/, verdicts/."""
    decided = verdict.before("deduplicate", work.read("verdicts"))
    annotations = work.read("annotations", measuring.ANNOTATIONS).withColumnRenamed("code_point_count", "length")
    kept = decided.where("kept").select("id", "part", "source")
    signed = kept.join(annotations.select("id", "signature", "quality_score", "length"), "id")
    work.write("signatures", signed.select("id", "part", "signature"), narrow=True)
    duplicates = work.write("duplicates", _duplicates(work, signed), narrow=True)
    verdicts = work.write("verdicts", verdict.decide("deduplicate", decided, stage.dropped(duplicates)), narrow=True)
    counts = decisions(verdicts)
    n_removed = sum(sum(reasons.values()) for reasons in counts["dropped"].get("deduplicate", {}).values())
    work.say(f"{n_removed:,} duplicates, {sum(counts['kept'].values()):,} documents kept")
    return counts | {"pairs": _pairs(work)}


def _duplicates(work: Work, signed: DataFrame) -> DataFrame:
    dedup = work.config.dedup
    if dedup is None:
        return work.empty("duplicates")
    documents = signed.join(work.read("documents").select("id", "text_hash", "date"), "id")
    within = dedup.scope == "within"
    settings = stage.Settings(
        work.config.seed, dedup.shingle, dedup.min_similarity, dedup.bands, dedup.rows, dedup.verify, within, dedup.prefer
    )
    return stage.deduplicate(documents, work.texts(), settings, work.checkpoint)


def _pairs(work: Work) -> Json:
    """How many pairs shared a band, and how many of them verification confirmed."""
    dedup, candidates, verified = work.config.dedup, 0, 0
    for name, frame in work.checkpoints.items():
        if dedup and name.startswith("candidates-"):
            similar = F.col("similarity") >= dedup.min_similarity
            row = frame.agg(F.count(F.lit(1)), F.coalesce(F.sum(similar.cast("long")), F.lit(0))).first()
            assert row is not None
            candidates, verified = candidates + row[0], verified + row[1]
    return {"candidates": candidates, "verified": verified}


def decontaminate(work: Work) -> Json:
    """contamination/, edits/, and verdicts/ with token counts."""
    decided = verdict.before("decontaminate", work.read("verdicts"))
    texts, tokenizer = work.texts(), work.config.mixture.tokenizer
    config = work.config.decontaminate
    items = read_items([file.path for file in work.inputs[BENCHMARKS]]) if config else None
    index = cleaning.index_benchmarks(items, config.ngram) if config and items is not None else None
    hits = work.checkpoint("hits", cleaning.find_hits(decided.where("kept"), texts, index, tokenizer))
    counts: Json = {"benchmarks": [], "ignored": []}
    contamination, edits, lost = work.empty("contamination"), work.empty("edits"), None
    if config and index:
        places, common = cleaning.collisions(hits, config.max_documents)
        places, common = work.checkpoint("places", places), work.checkpoint("common", common)
        settings = cleaning.Settings(
            config.window, config.min_fragment, config.max_fragments, config.mode
        )
        cut = work.checkpoint("cuts", cleaning.cuts(places, settings))
        contamination = cleaning.contamination(places, index)
        edits, lost = cleaning.edit_spans(cut, settings), cleaning.dropped(cut, settings)
        counts["ignored"] = cleaning.common_phrases(hits, common, texts)
    contamination = work.write("contamination", contamination, narrow=True)
    edits = work.write("edits", edits, narrow=True)
    tokens = hits.select("id", "token_count")
    if not edits.isEmpty():
        tokens = cleaning.recounted(tokens, cleaning.edited_tokens(edits, texts, tokenizer))
    if lost is not None:
        decided = verdict.decide("decontaminate", decided, lost)
    verdicts = work.write("verdicts", verdict.with_tokens(decided, tokens), narrow=True)
    if index:
        counts["benchmarks"] = _by_benchmark(contamination, index)
    counts |= decisions(verdicts) | {"edited": edits.select("id").distinct().count()}
    n_lost = sum(sum(reasons.values()) for reasons in counts["dropped"].get("decontaminate", {}).values())
    work.say(f"{counts['edited']:,} documents cut, {n_lost:,} dropped, {sum(counts['tokens'].values()):,} tokens kept")
    return counts


def _by_benchmark(contamination: DataFrame, index: cleaning.Benchmarks) -> list[Json]:
    """For each benchmark and split: its items, how many of them were found, and in how many documents."""
    items = Counter(zip(index.items["benchmark"].to_pylist(), index.items["split"].to_pylist(), strict=True))
    seen = contamination.groupBy("benchmark", "split").agg(F.count_distinct("item_id"), F.count_distinct("id"))
    found = {(benchmark, split): (n_items, n_documents) for benchmark, split, n_items, n_documents in seen.collect()}
    rows = []
    for (benchmark, split), n in sorted(items.items()):
        n_items, n_documents = found.get((benchmark, split), (0, 0))
        rows.append(
            {"benchmark": benchmark, "split": split, "items": n, "items_found": n_items, "documents": n_documents}
        )
    return rows
