"""The step of `deduplicate`: what is removed from the documents that the verdict keeps."""

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.run.indexing import entries, others
from pipeline.run.output import Json
from pipeline.run.recurring import take_out
from pipeline.run.work import Work, decisions
from pipeline.stages import annotate as measuring
from pipeline.stages import deduplicate as stage
from pipeline.stages import verdict

CROWDED = 10  # buckets shown in the report
MANY = 100  # documents from which shares mean something


def deduplicate(work: Work) -> Json:
    """signatures/, duplicates/, edits/, verdicts/."""
    decided = verdict.before("deduplicate", work.read("verdicts"))
    annotations = work.read("annotations", measuring.ANNOTATIONS).withColumnRenamed("code_point_count", "length")
    kept = decided.where("kept").select("id", "part", "source")
    signed = kept.join(annotations.select("id", "signature", "quality_score", "length"), "id")
    work.write("signatures", signed.select("id", "part", "signature"), narrow=True)
    dedup = work.config.dedup
    against = others(dedup.index, work.output.folder, dedup) if dedup and dedup.index else []
    duplicates = work.write("duplicates", _duplicates(work, signed, against), narrow=True)
    decided = verdict.decide("deduplicate", decided, stage.dropped(duplicates))
    left = decided.where("kept").select("id", "part", "origin").join(annotations.select("id", "word_count"), "id")
    emptied, taken_out = take_out(work, left)
    decided = decided if emptied is None else verdict.decide("deduplicate", decided, emptied)
    counts = decisions(work.write("verdicts", decided, narrow=True))
    n_removed = sum(sum(reasons.values()) for reasons in counts["dropped"].get("deduplicate", {}).values())
    n_edits = sum(one["edits"] for one in taken_out["edits"].values())
    places = f", {n_edits:,} places taken out" if n_edits else ""
    work.say(f"{n_removed:,} duplicates{places}, {sum(counts['kept'].values()):,} documents kept")
    return counts | taken_out | {"pairs": _pairs(work), "crowded": _crowded(work), "against": against}


def _duplicates(work: Work, signed: DataFrame, against: list[str]) -> DataFrame:
    dedup = work.config.dedup
    if dedup is None:
        return work.empty("duplicates")
    documents = signed.join(work.read("documents").select("id", "url", "dump", "date", "text_hash"), "id")
    settings = stage.Settings(
        work.config.seed, dedup.shingle, dedup.min_similarity, *dedup.banding, dedup.verify, dedup.scope,
        dedup.prefer, dedup.urls,
    )  # fmt: skip
    earlier = entries(work.spark, dedup.index, against) if dedup.index else None
    return stage.deduplicate(documents, work.texts(), settings, work.checkpoint, earlier)


def _crowded(work: Work) -> list[Json]:
    """The hubs whose buckets hold most documents: id, documents."""
    if "stars" not in work.checkpoints:
        return []
    sizes = work.checkpoints["stars"].groupBy("left").agg(F.count(F.lit(1)).alias("documents"))
    most = sizes.orderBy(F.desc("documents"), "left").limit(CROWDED).withColumnRenamed("left", "node")
    hubs = work.checkpoints["grouped"].select("node", "id").join(F.broadcast(most), "node").select("id", "documents")
    return sorted((row.asDict() for row in hubs.collect()), key=lambda one: (-one["documents"], one["id"]))


def _pairs(work: Work) -> Json:
    """How many pairs were compared, how many verification confirmed, and how many documents the last round left alone."""
    counts = {"candidates": 0, "verified": 0, "unlinked": 0}
    for name, frame in work.checkpoints.items():
        if name.startswith("candidates-"):
            row = frame.agg(F.count("similarity"), F.sum("failed"), F.count_if("alone")).first()
            assert row is not None
            verified, failed, counts["unlinked"] = row
            counts["candidates"] += verified + (failed or 0)
            counts["verified"] += verified
    return counts

def out_of_proportion(sources: Iterable[str], given: Json) -> list[str]:
    """Sources that lose more than half of their documents as duplicates, and crowded buckets."""
    found = []
    for name in sources:
        n = sum(given["dropped"].get("deduplicate", {}).get(name, {}).values())
        before = n + given["kept"].get(name, 0)
        if before >= MANY and n > before / 2:
            found.append(f"{name}: {n:,} of {before:,} documents are duplicates; look at the largest clusters")
    total = sum(given["kept"].values())
    for one in given["crowded"]:
        if one["documents"] >= MANY and one["documents"] > total / 10:
            found.append(f"{one['documents']:,} documents share a bucket with {one['id']}: is it boilerplate?")
    return found
