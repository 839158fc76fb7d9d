"""The step of `mix`: the plan, the draw, and the one shuffle of text."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.config import Mixture
from pipeline.dataset_card import SourceShare, dataset_card
from pipeline.kernels.mixture import Bucket, SourcePlan, Weights, plan, temperature_weights, unimax_weights
from pipeline.run.output import Json
from pipeline.run.work import Work
from pipeline.shards import ShardInfo, write_shards
from pipeline.sources.documents import part_files
from pipeline.stages import annotate as measuring
from pipeline.stages import corpus as writing
from pipeline.stages import mix as stage
from pipeline.stages import verdict

Counts = dict[str, int]

MAX_HELD_OUT = 0.5  # of a source's tokens: the rest is for training


def mix(work: Work) -> Json:
    """corpus/, verdicts/ with copies."""
    config = work.config
    decided = work.read("verdicts")
    scores = {name: [step.min_score for step in steps] for name, steps in config.mixture.by_quality.items()}
    kept = decided.where("kept").select("id", "part", "source", "token_count")
    if scores:
        annotations = work.read("annotations", measuring.ANNOTATIONS)
        kept = work.checkpoint("scored", kept.join(annotations.select("id", "quality_score"), "id"))
    documents, tokens = _totals(work)
    held: DataFrame | None = None
    validation: tuple[SourcePlan, ...] = ()
    if budget := config.mixture.validation.token_budget:
        validation = plan(strategy_weights(config.mixture, tokens), budget, tokens, documents, MAX_HELD_OUT)
        hashed = kept.join(work.read("documents").select("id", "text_hash"), "id")
        split = work.checkpoint("split", stage.hold_out(hashed, validation, config.seed).drop("text_hash"))
        held, kept = split.where("held_out").drop("held_out"), split.where(~F.col("held_out")).drop("held_out")
        documents, tokens = _totals(work, kept)
    buckets = _buckets(work, kept, scores) if scores else None
    weights = strategy_weights(config.mixture, tokens)
    plans = plan(weights, config.mixture.token_budget, tokens, documents, config.mixture.max_epochs, buckets)
    drawn = work.checkpoint("drawn", stage.draw(kept, plans, config.seed).withColumn("bucket", stage.bucket(scores)))
    shards = _write(work, drawn.where("copies > 0"), "corpus")
    work.write("verdicts", verdict.with_copies(decided, drawn.select("id", "copies")), narrow=True)
    result: Json = {"rows": _rows(plans, drawn), "shards": _in_all(work, shards), "validation": None}
    held_shards: list[ShardInfo] = []
    if held is not None:
        held_shards = _write(work, held.withColumn("copies", F.lit(1)), "corpus/validation")
        result["validation"] = {
            "token_budget": config.mixture.validation.token_budget,
            "rows": _held_rows(validation, held),
            "shards": _in_all(work, held_shards),
        }
    _write_card(work, drawn, result["rows"], shards, held_shards)
    total, plural = sum(row["realised_tokens"] for row in result["rows"]), "s" * (len(shards) > 1)
    work.say(f"{total:,} tokens in {result['shards']['rows']:,} rows, {len(shards)} shard{plural}")
    if held_shards:
        work.say(f"{result['validation']['shards']['tokens']:,} tokens held out")
    return result


def _totals(work: Work, kept: DataFrame | None = None) -> tuple[Counts, Counts]:
    """Documents and tokens by source: of all that is kept, as the manifest says, or of `kept`."""
    if kept is None:
        before: Json = work.output.read_manifest()["stages"]["decontaminate"]["counts"]
        found = {name: (before["kept"].get(name, 0), before["tokens"].get(name, 0)) for name in work.config.sources}
    else:
        rows = kept.groupBy("source").agg(F.count(F.lit(1)), F.sum("token_count")).collect()
        found = dict.fromkeys(work.config.sources, (0, 0)) | {name: (n, m) for name, n, m in rows}
    return {name: n for name, (n, _) in found.items()}, {name: m for name, (_, m) in found.items()}


def strategy_weights(mixture: Mixture, tokens: Counts) -> Weights | None:
    """The strategy's weights; None: in proportion to tokens."""
    if mixture.strategy == "weights":
        return mixture.weights
    if mixture.strategy == "proportional" or not any(tokens.values()):
        return None
    if mixture.strategy == "temperature":
        return temperature_weights(tokens, mixture.temperature or 1)
    return unimax_weights(tokens, mixture.token_budget, mixture.max_epochs)


def _buckets(work: Work, kept: DataFrame, scores: stage.Curves) -> dict[str, list[Bucket]]:
    """The buckets of the sources that are drawn by quality; the last holds the documents without a score."""
    sums = kept.groupBy("source", stage.bucket(scores).alias("bucket")).agg(F.sum("token_count"), F.count(F.lit(1)))
    held = {(source, k): (tokens, documents) for source, k, tokens, documents in sums.collect()}
    found = {}
    for source, steps in work.config.mixture.by_quality.items():
        curve: list[tuple[float | None, float]] = [(step.min_score, step.epochs) for step in steps]
        found[source] = [
            Bucket(least, factor, *held.get((source, k), (0, 0))) for k, (least, factor) in enumerate([*curve, (None, 1)])
        ]
    return found


def _write(work: Work, drawn: DataFrame, folder: str) -> list[ShardInfo]:
    """The copies of `drawn`, with their texts, as shards. drawn: id, part, source, token_count, copies."""
    config = work.config
    sized = _sized(work, drawn.select("id", "part", "source", "token_count", "copies"))
    placed, n_shards = stage.assign_shards(
        stage.order_keys(sized, config.seed), F.col("bytes"), config.mixture.shard_size
    )
    split = config.decontaminate is not None and config.decontaminate.fragments == "split"
    rows = writing.corpus_rows(placed, work.texts(), split=split, tokenizer=work.tokenizer)
    return write_shards(rows, work.folder / folder, n_shards, config.mixture.format)


def _in_all(work: Work, shards: list[ShardInfo]) -> Json:
    sums = {key: sum(getattr(one, key) for one in shards) for key in ("rows", "tokens", "bytes")}
    return {"n": len(shards)} | sums | {"shard_size": work.config.mixture.shard_size}


def _write_card(
    work: Work, drawn: DataFrame, rows: list[Json], shards: list[ShardInfo], validation: list[ShardInfo]
) -> None:
    by_language = work.read("documents").join(drawn.where("copies > 0"), "id").groupBy("language").count()
    languages = [row["language"] for row in by_language.orderBy(F.desc("count"), "language").collect()]
    shares = [
        SourceShare(
            row["source"], row["documents"], row["written_documents"], row["realised_tokens"], row["epochs"],
            row["normalised_weight"],
        )
        for row in rows
    ]  # fmt: skip
    card = dataset_card(
        work.output.folder.name, languages, work.tokenizer.name, shares, shards, validation
    )
    (work.folder / "corpus" / "README.md").write_text(card, encoding="utf-8")


def _sized(work: Work, drawn: DataFrame) -> DataFrame:
    """drawn + quality_score, bytes (estimated, on disk): characters x bytes a character x the source's compression."""
    annotations = work.read("annotations", measuring.ANNOTATIONS)
    stored = annotations.select("id", "quality_score", writing.text_bytes().alias("text_bytes"))
    ratio: Column = F.lit(1.0)
    for origin, share in _compression(work.output.folder / "documents").items():
        ratio = F.when(F.col("origin") == origin, share).otherwise(ratio)
    origins = work.read("verdicts").select("id", "origin")
    sized = drawn.join(stored, "id").join(origins, "id").withColumn("bytes", F.col("text_bytes") * ratio)
    return sized.drop("text_bytes", "origin")


def _compression(documents: Path) -> dict[str, float]:
    """Bytes on disk a byte of text in documents/, by origin, from the files' footers."""
    disk: Counts = {}
    text: Counts = {}
    for paths in part_files(str(documents)).values():
        for path in paths:
            footer = pq.read_metadata(path.removeprefix("file://"))
            origin = Path(path).parent.name.removeprefix("origin=")
            for group in (footer.row_group(i) for i in range(footer.num_row_groups)):
                for column in (group.column(i) for i in range(group.num_columns)):
                    disk[origin] = disk.get(origin, 0) + column.total_compressed_size
                    if column.path_in_schema == "text":
                        text[origin] = text.get(origin, 0) + column.total_uncompressed_size
    return {origin: disk[origin] / text[origin] for origin in disk if text.get(origin)}


def _rows(plans: Sequence[SourcePlan], drawn: DataFrame) -> list[Json]:
    """Table 2.2's rows: asked, normalised, reachable, realised."""
    sums = drawn.groupBy("source", "bucket").agg(F.sum("copies"), F.sum(F.expr("copies * token_count"))).collect()
    written = {(source, bucket): (n, tokens) for source, bucket, n, tokens in sums}
    rows = [_row(one, written) for one in plans]
    total = sum(row["realised_tokens"] for row in rows)
    return [row | {"realised_weight": row["realised_tokens"] / total if total else 0.0} for row in rows]


def _row(one: SourcePlan, written: dict[tuple[str, int | None], tuple[int, int]]) -> Json:
    mine = [counts for (source, _), counts in written.items() if source == one.source]
    n_tokens = sum(tokens for _, tokens in mine)
    return {
        "source": one.source, "asked_weight": float(one.asked_weight), "normalised_weight": float(one.normalised_weight),
        "reachable_weight": float(one.reachable_weight), "documents": one.documents, "tokens": one.tokens,
        "quota_tokens": one.quota, "realised_tokens": n_tokens, "written_documents": sum(n for n, _ in mine),
        "epochs_asked": float(one.epochs_asked), "epochs": n_tokens / one.tokens if one.tokens else 0.0, "note": one.note,
        "buckets": [
            {
                "min_score": bucket.min_score, "factor": bucket.factor, "documents": bucket.documents,
                "tokens": bucket.tokens, "quota_tokens": bucket.quota,
                "realised_tokens": written.get((one.source, k), (0, 0))[1],
            }
            for k, bucket in enumerate(one.buckets)
        ],
    }  # fmt: skip


def _held_rows(plans: Sequence[SourcePlan], held: DataFrame) -> list[Json]:
    sums = held.groupBy("source").agg(F.count(F.lit(1)), F.sum("token_count"))
    found = {source: (n, tokens) for source, n, tokens in sums.collect()}
    rows = []
    for one in plans:
        documents, tokens = found.get(one.source, (0, 0))
        rows.append(
            {
                "source": one.source, "quota_tokens": one.quota, "documents": documents, "tokens": tokens,
                "note": f"validation: {one.note}" if one.note else "",
            }
        )  # fmt: skip
    return rows
