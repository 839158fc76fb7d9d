"""The step of `mix`: the plan, the draw, and the one shuffle of text."""

from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.dataset_card import SourceShare, dataset_card
from pipeline.kernels.mixture import SourcePlan, plan
from pipeline.run.output import Json
from pipeline.run.work import Work
from pipeline.shards import write_shards
from pipeline.sources.documents import part_files
from pipeline.stages import annotate as measuring
from pipeline.stages import corpus as writing
from pipeline.stages import mix as stage
from pipeline.stages import verdict

Counts = dict[str, int]


def mix(work: Work) -> Json:
    """corpus/, verdicts/ with copies."""
    config = work.config
    before: Json = work.output.read_manifest()["stages"]["decontaminate"]["counts"]
    kept, tokens = ({name: before[key].get(name, 0) for name in config.sources} for key in ("kept", "tokens"))
    plans = plan(config.mixture.weights, config.mixture.token_budget, tokens, kept, config.mixture.max_epochs)
    decided = work.read("verdicts")
    rows = decided.where("kept").select("id", "part", "source", "token_count")
    drawn = work.checkpoint("drawn", stage.draw(rows, plans, config.seed))
    placed, n_shards = stage.assign_shards(
        stage.order_keys(_sized(work, drawn.where("copies > 0")), config.seed), F.col("bytes"), config.mixture.shard_size
    )
    removed = writing.removed_spans(work.read("edits"))
    split = config.decontaminate is not None and config.decontaminate.fragments == "split"
    corpus = writing.corpus_rows(placed, removed, work.texts(), split=split, tokenizer=config.mixture.tokenizer)
    shards = write_shards(corpus, work.folder / "corpus", n_shards)
    work.write("verdicts", verdict.with_copies(decided, drawn.select("id", "copies")), narrow=True)
    sums = drawn.groupBy("source").agg(F.sum("copies"), F.sum(F.expr("copies * token_count")))
    written = {source: (n, n_tokens) for source, n, n_tokens in sums.collect()}
    result: Json = {
        "rows": [_row(one, *written.get(one.source, (0, 0))) for one in plans],
        "shards": {
            "n": len(shards), "rows": sum(one.rows for one in shards), "tokens": sum(one.tokens for one in shards),
            "bytes": sum(one.bytes for one in shards), "shard_size": config.mixture.shard_size,
        },
    }  # fmt: skip
    total = sum(row["realised_tokens"] for row in result["rows"])
    for row in result["rows"]:
        row["realised_weight"] = row["realised_tokens"] / total if total else 0.0
    by_language = work.read("documents").join(drawn.where("copies > 0"), "id").groupBy("language").count()
    languages = [row["language"] for row in by_language.orderBy(F.desc("count"), "language").collect()]
    shares = [
        SourceShare(
            row["source"], row["documents"], row["written_documents"], row["realised_tokens"], row["epochs"],
            row["normalised_weight"],
        )
        for row in result["rows"]
    ]  # fmt: skip
    card = dataset_card(work.output.folder.name, languages, config.mixture.tokenizer, shares, shards)
    (work.folder / "corpus" / "README.md").write_text(card, encoding="utf-8")
    plural = "s" * (len(shards) > 1)
    work.say(f"{total:,} tokens in {result['shards']['rows']:,} rows, {len(shards)} shard{plural}")
    return result


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


def _row(one: SourcePlan, n_written: int, n_tokens: int) -> Json:
    return {
        "source": one.source, "asked_weight": float(one.asked_weight), "normalised_weight": float(one.normalised_weight),
        "reachable_weight": float(one.reachable_weight), "documents": one.documents, "tokens": one.tokens,
        "quota_tokens": one.quota, "realised_tokens": n_tokens, "written_documents": n_written,
        "epochs_asked": float(one.epochs_asked), "epochs": n_tokens / one.tokens if one.tokens else 0.0, "note": one.note,
    }  # fmt: skip

