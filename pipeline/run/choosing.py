"""The step of `deduplicate`: what is removed from the documents that the verdict keeps."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.run.output import Json
from pipeline.run.work import Work, decisions
from pipeline.stages import annotate as measuring
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
    documents = signed.join(work.read("documents").select("id", "url", "dump", "date", "text_hash"), "id")
    settings = stage.Settings(
        work.config.seed, dedup.shingle, dedup.min_similarity, *dedup.banding, dedup.verify, dedup.scope,
        dedup.prefer, dedup.urls,
    )  # fmt: skip
    return stage.deduplicate(documents, work.texts(), settings, work.checkpoint)


def _pairs(work: Work) -> Json:
    """How many pairs were compared, how many verification confirmed, and how many documents the last round left alone."""
    dedup, counts = work.config.dedup, {"candidates": 0, "verified": 0, "unlinked": 0}
    for name, frame in work.checkpoints.items():
        if dedup and name.startswith("candidates-"):
            similar = F.col("similarity") >= dedup.min_similarity
            sums = (F.coalesce(F.sum(one.cast("long")), F.lit(0)) for one in (similar, F.col("alone")))
            row = frame.agg(F.count(F.lit(1)), *sums).first()
            assert row is not None
            candidates, verified, counts["unlinked"] = row
            counts["candidates"] += candidates
            counts["verified"] += verified
    return counts
