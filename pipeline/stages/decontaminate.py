"""Remove benchmark items from the documents that are still kept (Brown et al. 2020, appendix C).

    kept ──▶ hits (n-grams of items) ──▶ without common n-grams ──▶ windows ──▶ fragments ──▶ edits, contamination
             one pass over text          (> max_documents)         (joined)

The paper: 13-grams; cut the n-gram and 200 characters on each side; drop fragments under 200 characters; drop a
document that falls into more than 10 pieces; ignore n-grams that stand in more than 10 documents.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField, StructType

from pipeline.arrow import Texts, column_from
from pipeline.kernels import edits, ngrams, tokens
from pipeline.kernels.text import units
from pipeline.schema import INT, LONG, STRING, table


class Settings(NamedTuple):
    """What `decontaminate:` in the config says of cuts: characters, characters, pieces."""

    window: int
    min_fragment: int
    max_fragments: int
    mode: str  # cut | drop | report


class Benchmarks(NamedTuple):
    """The items' n-grams. `grams` has a row for each n-gram of each item: gram, item (a row of `items`), text."""

    items: pa.Table  # benchmark, split, item_id
    grams: pa.Table  # gram (uint64), item (int32)
    indexes: tuple[ngrams.Index, ...]  # one a gram size


PHRASES = 100  # ignored n-grams whose text the report shows

HITS = table({"id": STRING, "part": INT, "token_count": LONG, "length": LONG}, {
    "grams": ArrayType(LONG, False), "starts": ArrayType(LONG, False), "ends": ArrayType(LONG, False),
})  # fmt: skip
_SPAN = StructType([StructField("start", LONG, False), StructField("end", LONG, False)])
_CUT = StructType([
    StructField("removed", ArrayType(_SPAN, False), False), StructField("n_fragments", INT, False),
    StructField("n_kept", INT, False),
])  # fmt: skip


def index_benchmarks(items: pa.Table, ngram: int) -> Benchmarks:
    """The n-grams of `items`: benchmark, split, id, text. An item shorter than an n-gram has none, and cannot be found."""
    found: dict[int, list[np.ndarray]] = {}
    owners: dict[int, list[np.ndarray]] = {}
    for row, text in enumerate(items["text"].to_pylist()):
        size = ngrams.gram_size(ngram, ngrams.mostly_cjk(text))
        grams = ngrams.item_grams(text, size)
        found.setdefault(size, []).append(grams)
        owners.setdefault(size, []).append(np.full(len(grams), row, np.int32))
    indexes = tuple(ngrams.build_index(np.concatenate(found[size]), size) for size in sorted(found))
    grams_table = pa.table({
        "gram": np.concatenate([one for size in sorted(found) for one in found[size]] or [np.zeros(0, np.uint64)]),
        "item": np.concatenate([one for size in sorted(found) for one in owners[size]] or [np.zeros(0, np.int32)]),
    })  # fmt: skip
    names = items.select(["benchmark", "split", "id"]).rename_columns(["benchmark", "split", "item_id"])
    return Benchmarks(names, grams_table, indexes)


def find_hits(kept: DataFrame, texts: Texts, benchmarks: Benchmarks | None, tokenizer: str) -> DataFrame:
    """Rows of HITS for `kept`: id, part. Tokens are counted in the same pass, for documents that no cut will touch."""
    indexes = benchmarks.indexes if benchmarks else ()
    return texts(kept.select("id", "part"), ("text",), partial(_hits, indexes=indexes, tokenizer=tokenizer), HITS)


def _hits(batch: pa.RecordBatch, indexes: tuple[ngrams.Index, ...], tokenizer: str) -> pa.RecordBatch:
    text = batch["text"]
    found = units(text) if indexes else None
    hits = [ngrams.find(text, found, index) for index in indexes] if found else []
    documents = np.concatenate([hit.documents for hit in hits] or [np.zeros(0, np.int64)])
    order = np.argsort(documents, kind="stable")
    bounds = pa.array(np.searchsorted(documents[order], np.arange(len(text) + 1)), pa.int32())

    def lists(name: str) -> pa.Array:
        values = np.concatenate([getattr(hit, name) for hit in hits] or [np.zeros(0, np.int64)])[order]
        return pa.ListArray.from_arrays(bounds, pa.array(values.astype(np.int64, copy=False).view(np.int64)))

    return pa.record_batch({
        "id": batch["id"], "part": batch["part"],
        "token_count": pa.array(tokens.count_tokens(text, tokenizer)),
        "length": pc.utf8_length(text).cast(pa.int64()),
        "grams": lists("grams"), "starts": lists("starts"), "ends": lists("ends"),
    })  # fmt: skip


def collisions(hits: DataFrame, max_documents: int) -> tuple[DataFrame, DataFrame]:
    """(id, part, length, gram, start, end) of the n-grams that count, and (gram, documents) of those that are too common.

    `hits` is read from a checkpoint: its text pass is not repeated.
    """
    zipped = F.explode(F.arrays_zip("grams", "starts", "ends")).alias("hit")
    places = hits.where(F.size("grams") > 0).select("id", "part", "length", zipped).select(
        "id", "part", "length", F.col("hit.grams").alias("gram"), F.col("hit.starts").alias("start"),
        F.col("hit.ends").alias("end"),
    )  # fmt: skip
    common = (
        places.groupBy("gram").agg(F.count_distinct("id").alias("documents")).where(F.col("documents") > max_documents)
    )
    return places.join(common, "gram", "left_anti"), common


def contamination(places: DataFrame, benchmarks: Benchmarks) -> DataFrame:
    """Rows of CONTAMINATION: each stretch of a document whose n-grams are one item's.

    The n-grams found are collected (no more than the benchmarks have), so that only their items are joined.
    """
    spark = places.sparkSession
    seen = places.select("gram").distinct().toArrow()["gram"].to_numpy().view(np.uint64)
    owned = benchmarks.grams.filter(pc.is_in(benchmarks.grams["gram"], value_set=pa.array(seen, pa.uint64())))
    named = benchmarks.items.take(owned["item"]).append_column("gram", pa.array(owned["gram"].to_numpy().view(np.int64)))
    items = spark.createDataFrame(named).distinct()
    key = ["id", "benchmark", "split", "item_id"]
    joined = places.join(items, "gram")
    ordered = Window.partitionBy(*key).orderBy("start", "end")
    reach = F.max("end").over(ordered.rowsBetween(Window.unboundedPreceding, -1))
    opens = F.coalesce((F.col("start") > reach).cast("int"), F.lit(1))
    stretch = joined.withColumn("opens", opens).withColumn("stretch", F.sum("opens").over(ordered))
    spans = stretch.groupBy(*key, "stretch").agg(F.min("start").alias("start"), F.max("end").alias("end"))
    return spans.select(*key, "start", "end")


def cuts(places: DataFrame, settings: Settings) -> DataFrame:
    """id, part, removed (spans), n_fragments, n_kept of each document with a collision."""
    cut = column_from(partial(_cut, window=settings.window, min_fragment=settings.min_fragment), _CUT)
    grouped = places.groupBy("id", "part", "length").agg(
        F.collect_list("start").alias("starts"), F.collect_list("end").alias("ends")
    )
    found = grouped.select("id", "part", cut("starts", "ends", "length").alias("cut"))
    return found.select("id", "part", "cut.removed", "cut.n_fragments", "cut.n_kept")


def _cut(starts: pa.Array, ends: pa.Array, lengths: pa.Array, window: int, min_fragment: int) -> pa.Array:
    rows = []
    for begin, end, length in zip(starts, ends, lengths.to_pylist(), strict=True):
        windows = ngrams.windows(np.array(begin.as_py()), np.array(end.as_py()), window, length)
        fragments = ngrams.fragments(windows, length)
        kept = [fragment for fragment in fragments if fragment[1] - fragment[0] >= min_fragment]
        removed = ngrams.fragments(kept, length) if kept else [(0, length)]
        rows.append({
            "removed": [{"start": a, "end": b} for a, b in removed],
            "n_fragments": len(fragments), "n_kept": len(kept),
        })  # fmt: skip
    span = pa.struct([pa.field("start", pa.int64(), False), pa.field("end", pa.int64(), False)])
    return pa.array(rows, pa.struct([
        pa.field("removed", pa.list_(pa.field("element", span, False)), False),
        pa.field("n_fragments", pa.int32(), False), pa.field("n_kept", pa.int32(), False),
    ]))  # fmt: skip


def dropped(found: DataFrame, settings: Settings) -> DataFrame:
    """id, drop_reason. `found`: rows of `cuts`."""
    if settings.mode == "report":
        return found.where("false").select("id", F.lit("").alias("drop_reason"))
    if settings.mode == "drop":
        return found.select("id", F.lit("contaminated").alias("drop_reason"))
    reason = F.when(F.col("n_fragments") > settings.max_fragments, "too_many_fragments").when(
        F.col("n_kept") == 0, "no_fragment_left"
    )
    return found.select("id", reason.alias("drop_reason")).where("drop_reason IS NOT NULL")


def edit_spans(found: DataFrame, settings: Settings) -> DataFrame:
    """Rows of EDITS: what is cut from the documents that stay."""
    if settings.mode != "cut":
        found = found.where("false")
    stays = found.where((F.col("n_fragments") <= settings.max_fragments) & (F.col("n_kept") > 0))
    spans = stays.select("id", "part", F.explode("removed").alias("span"))
    return spans.select(
        "id", "part", "span.start", "span.end",
        F.lit("\n\n").alias("replacement"), F.lit("decontaminate").alias("reason"),
    )  # fmt: skip


def edited_tokens(edited: DataFrame, texts: Texts, tokenizer: str) -> DataFrame:
    """id, token_count of the documents in `edited` (rows of EDITS), of their text as it will be written."""
    rows = edited.groupBy("id", "part").agg(F.sort_array(F.collect_list(F.struct("start", "end"))).alias("removed"))
    return texts(rows, ("text",), partial(_count_edited, tokenizer=tokenizer), table({"id": STRING, "token_count": LONG}))


def _count_edited(batch: pa.RecordBatch, tokenizer: str) -> pa.RecordBatch:
    texts = [
        edits.apply(text, [(span["start"], span["end"]) for span in removed])
        for text, removed in zip(batch["text"].to_pylist(), batch["removed"].to_pylist(), strict=True)
    ]
    counted = tokens.count_tokens(pa.array(texts, pa.string()), tokenizer)
    return pa.record_batch({"id": batch["id"], "token_count": pa.array(counted)})


def recounted(tokens: DataFrame, edited: DataFrame) -> DataFrame:
    """id, token_count: `tokens`, with the counts of `edited` documents in their place."""
    joined = tokens.join(edited.withColumnRenamed("token_count", "edited_count"), "id", "left")
    return joined.select("id", F.coalesce("edited_count", "token_count").alias("token_count"))


def common_phrases(hits: DataFrame, common: DataFrame, texts: Texts) -> list[dict[str, object]]:
    """text, documents of the n-grams that were ignored as common, the most frequent first, PHRASES at most. Starts a job."""
    zipped = F.explode(F.arrays_zip("grams", "starts", "ends")).alias("hit")
    places = hits.where(F.size("grams") > 0).select("id", "part", zipped)
    ranked = common.orderBy(F.desc("documents"), "gram").limit(PHRASES)
    example = F.min(F.struct("id", "part", "hit.starts", "hit.ends")).alias("at")
    found = places.join(ranked, places["hit.grams"] == ranked["gram"]).groupBy("gram", "documents").agg(example)
    spans = F.collect_list(F.struct("at.starts", "at.ends", "documents")).alias("spans")
    rows = found.groupBy("at.id", "at.part").agg(spans)
    phrases = texts(rows, ("text",), _phrases, table({"text": STRING, "documents": LONG})).collect()
    ordered = sorted(((row["text"], row["documents"]) for row in phrases), key=lambda row: (-row[1], row[0]))
    return [{"text": text, "documents": documents} for text, documents in ordered]


def _phrases(batch: pa.RecordBatch) -> pa.RecordBatch:
    found = [
        (text[span["starts"] : span["ends"]], span["documents"])
        for text, spans in zip(batch["text"].to_pylist(), batch["spans"].to_pylist(), strict=True)
        for span in spans
    ]
    return pa.record_batch({
        "text": pa.array([text for text, _ in found], pa.string()),
        "documents": pa.array([documents for _, documents in found], pa.int64()),
    })  # fmt: skip
