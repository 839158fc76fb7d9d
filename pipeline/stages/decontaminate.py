"""Remove benchmark items from the documents that are still kept (Brown et al. 2020, appendix C).

    kept ──▶ hits (n-grams of items) ──▶ without common n-grams ──▶ cuts: windows, fragments ──▶ edits, contamination
             one pass over text          (> max_documents)          a pass over cut documents

The paper: 13-grams; cut the n-gram and 200 characters on each side; drop fragments under 200 characters; drop a
document that falls into more than 10 pieces; ignore n-grams that stand in more than 10 documents.
"""

from functools import partial
from typing import Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField, StructType

from pipeline.arrow import Texts
from pipeline.kernels import edits, ngrams, tokens
from pipeline.kernels.chinese import word_openings
from pipeline.kernels.text import units
from pipeline.kernels.tokens import Tokenizer
from pipeline.schema import INT, LONG, STRING, table


class Settings(NamedTuple):
    """What `decontaminate:` in the config says of cuts: characters, characters, pieces."""

    window: int
    min_fragment: int
    max_fragments: int
    mode: Literal["cut", "drop", "report"]
    split: bool  # each fragment a document


class Stored(Protocol):
    """An index that a worker opens for itself."""

    def open(self) -> ngrams.Index: ...


class Benchmarks(NamedTuple):
    """The items with their n-grams. `items`: benchmark, split, item_id, item (its row), words, ngram (words), ngrams (its
    number, ignored ones included).
    """

    items: pa.Table
    grams: ngrams.Grams
    head: int


HITS = table({"id": STRING, "part": INT, "text_bytes": LONG}, {
    "token_count": LONG,  # null for a document whose tokens are estimated (stages.token_counts)
    "grams": ArrayType(LONG, False), "starts": ArrayType(LONG, False), "ends": ArrayType(LONG, False),
})  # fmt: skip
_SPANS = ArrayType(
    StructType(
        [StructField("start", LONG, False), StructField("end", LONG, False), StructField("replacement", STRING, False)]
    ),
    False,
)
CUTS = table({
    "id": STRING, "part": INT, "removed": _SPANS, "n_fragments": INT, "n_kept": INT, "token_count": LONG,
})  # fmt: skip
_ITEM = ("benchmark", "split", "item_id")


def index_items(items: pa.Table, ngram: int | Literal["auto"], chinese: str, ignored: list[str]) -> Benchmarks:
    """The n-grams of `items` (benchmark, split, id, text), but for the phrases in `ignored`.

    `ngram: auto` takes appendix C's N of each benchmark. `chinese: characters` counts each Han character as a word. An
    item shorter than an n-gram has none, and cannot be found.
    """
    found = units(items["text"])
    opens = np.ones(len(found.hashes), np.bool_)
    if chinese == "words":
        opens = word_openings(items["text"].combine_chunks(), found)
    words = ngrams.count_words(found, opens)
    sizes = _auto_sizes(items["benchmark"], words) if ngram == "auto" else np.full(len(words), ngram, np.int64)
    head = int(sizes.min()) if len(sizes) else 1
    grams = ngrams.item_grams(found, opens, sizes, head)
    described = items.select(["benchmark", "split", "id"]).rename_columns(_ITEM)
    for name, values in (
        ("item", np.arange(len(words))), ("words", words), ("ngram", sizes),
        ("ngrams", np.bincount(grams.items, minlength=len(words))),
    ):  # fmt: skip
        described = described.append_column(name, pa.array(values.astype(np.int32)))
    return Benchmarks(described, grams.without(ngrams.phrase_hashes(pa.array(ignored, pa.string()))), head)


def _auto_sizes(benchmarks: pa.ChunkedArray, words: NDArray[np.int64]) -> NDArray[np.int64]:
    codes = np.asarray(benchmarks.combine_chunks().dictionary_encode().indices)
    sizes = [ngrams.auto_size(words[codes == code]) for code in range(codes.max(initial=-1) + 1)]
    return np.asarray(np.array(sizes, np.int64)[codes])


def find_hits(
    kept: DataFrame, texts: Texts, index: Stored | None, tokenizer: Tokenizer, share: float, seed: int
) -> DataFrame:
    """Rows of HITS for `kept`: id, part. Tokens are counted in the same pass, for documents that no cut will touch, or for
    a hashed `share` of them.
    """
    kernel = partial(_hits, stored=index, tokenizer=tokenizer, share=share, seed=seed)
    return texts(kept.select("id", "part"), ("text", "edits"), kernel, HITS)


def _hits(
    batch: pa.RecordBatch, stored: Stored | None, tokenizer: Tokenizer, share: float, seed: int
) -> pa.RecordBatch:
    text = batch["text"]
    columns = {
        "id": batch["id"], "part": batch["part"], "text_bytes": pc.binary_length(text).cast(pa.int64()),
        "token_count": tokens.count_sample(text, batch["id"], tokenizer, share, seed),
    }  # fmt: skip
    none = np.zeros(0, np.int64)
    found = ngrams.find(text, stored.open()) if stored else ngrams.Hits(none, none.view(np.uint64), none, none)
    bounds = pa.array(np.searchsorted(found.documents, np.arange(len(text) + 1)), pa.int32())
    starts, ends = edits.stored(found.documents, found.starts, found.ends, batch["edits"])
    for name, values in (("grams", found.grams.view(np.int64)), ("starts", starts), ("ends", ends)):
        columns[name] = pa.ListArray.from_arrays(bounds, pa.array(values))
    return pa.record_batch(columns)


def collisions(hits: DataFrame, max_documents: int) -> tuple[DataFrame, DataFrame]:
    """(id, part, gram, start, end) of the n-grams that count, and (gram, documents) of those that are too common.

    `hits` is read from a checkpoint: its text pass is not repeated.
    """
    places = _places(hits)
    common = (
        places.groupBy("gram").agg(F.count_distinct("id").alias("documents")).where(F.col("documents") > max_documents)
    )
    return places.join(common, "gram", "left_anti").select("id", "part", "gram", "start", "end"), common


def _places(hits: DataFrame) -> DataFrame:
    zipped = F.explode(F.arrays_zip("grams", "starts", "ends")).alias("hit")
    return hits.where(F.size("grams") > 0).select("id", "part", zipped).select(
        "id", "part", F.col("hit.grams").alias("gram"), F.col("hit.starts").alias("start"), F.col("hit.ends").alias("end")
    )  # fmt: skip


def contamination(places: DataFrame, grams: DataFrame, items: DataFrame) -> DataFrame:
    """Rows of CONTAMINATION: each stretch of a document whose n-grams are one item's. `grams`: gram, item."""
    owners = grams.select("gram", "item").distinct()
    ordered = Window.partitionBy("id", "item").orderBy("start", "end")
    reach = F.max("end").over(ordered.rowsBetween(Window.unboundedPreceding, -1))
    opens = F.coalesce((F.col("start") > reach).cast("int"), F.lit(1))
    opened = places.join(owners, "gram").withColumn("opens", opens)
    stretches = opened.withColumn("stretch", F.sum("opens").over(ordered)).groupBy("id", "item", "stretch")
    spans = stretches.agg(F.min("start").alias("start"), F.max("end").alias("end"))
    return spans.join(items, "item").select("id", *_ITEM, "start", "end")


def seen(places: DataFrame, common: DataFrame, grams: DataFrame, items: DataFrame) -> DataFrame:
    """How much of each benchmark was seen: benchmark, split, items, items_short (than an n-gram), items_found,
    items_ignored (all their n-grams that were found are too common), ngrams, ngrams_found; an item's n-grams are distinct.
    """
    owners = grams.select("gram", "item").distinct()
    found = places.select("gram", F.lit(1).alias("counts")).unionByName(common.select("gram", F.lit(0).alias("counts")))
    by_item = owners.join(found.distinct(), "gram", "left").groupBy("item").agg(
        F.count(F.lit(1)).alias("n"), F.sum("counts").alias("found"), F.count("counts").alias("any")
    )  # fmt: skip
    n, found_n, any_n = (F.coalesce(name, F.lit(0)) for name in ("n", "found", "any"))

    def count(condition: Column) -> Column:
        return F.sum(condition.cast("long"))

    return items.join(by_item, "item", "left").groupBy("benchmark", "split").agg(
        F.count(F.lit(1)).alias("items"), count(F.col("ngrams") == 0).alias("items_short"),
        count(found_n > 0).alias("items_found"), count((found_n == 0) & (any_n > 0)).alias("items_ignored"),
        F.sum(n).alias("ngrams"), F.sum(found_n).alias("ngrams_found"),
    )  # fmt: skip


def cuts(
    places: DataFrame, common: DataFrame, texts: Texts, index: Stored, settings: Settings, tokenizer: Tokenizer
) -> DataFrame:
    """Rows of CUTS for each document with a collision: `token_count` is that of the text as it will be written.

    The common n-grams are collected: no more than the benchmarks have.
    """
    known = np.sort(common.select("gram").toArrow()["gram"].to_numpy()) if settings.mode == "cut" else None
    span = F.struct("start", "end")
    rows = places.groupBy("id", "part").agg(F.collect_set(span).alias("places"))
    kernel = partial(_cut, common=known, stored=index, settings=settings, tokenizer=tokenizer)
    return texts(rows, ("text", "edits"), kernel, CUTS)


def _cut(
    batch: pa.RecordBatch, common: NDArray[np.int64] | None, stored: Stored, settings: Settings, tokenizer: Tokenizer
) -> pa.RecordBatch:
    index, rows, written, owners, removed = stored.open(), [], [], [], []
    columns = batch["text"].to_pylist(), batch["places"].to_pylist(), edits.listed(batch["edits"])
    for at, (text, places, given) in enumerate(zip(*columns, strict=True)):
        search = partial(_left, text=text, common=common, index=index, settings=settings)
        before, after = edits.spans(given), edits.replaced(given)
        spans = [edits.carried((place["start"], place["end"]), before, after) for place in places]
        one = edits.cut(text, spans, settings.window, settings.min_fragment, search, after)
        rows.append(one)
        made = edits.removals(one.removed, len(text), "decontaminate")
        left = edits.pieces(text, one.removed) if settings.split else [edits.apply(text, made)]
        written += left
        owners += [at] * len(left)
        carried = [edits.carried((edit.start, edit.end), after, before) for edit in made]
        removed.append([
            {"start": start, "end": end, "replacement": edit.replacement}
            for (start, end), edit in zip(carried, made, strict=True)
        ])  # fmt: skip
    counted = np.zeros(len(batch), np.int64)
    np.add.at(counted, np.array(owners, np.int64), tokens.count_tokens(pa.array(written, pa.string()), tokenizer))
    ends = [pa.field("start", pa.int64(), False), pa.field("end", pa.int64(), False)]
    span = pa.struct([*ends, pa.field("replacement", pa.string(), False)])
    return pa.record_batch({
        "id": batch["id"], "part": batch["part"],
        "removed": pa.array(removed, pa.list_(pa.field("element", span, False))),
        "n_fragments": pa.array([one.n_fragments for one in rows], pa.int32()),
        "n_kept": pa.array([one.n_kept for one in rows], pa.int32()),
        "token_count": pa.array(counted),
    })  # fmt: skip


def _left(
    kept: list[edits.Span], text: str, common: NDArray[np.int64] | None, index: ngrams.Index, settings: Settings
) -> list[edits.Span]:
    """The collisions in what will be written of `kept`, as spans of `text`; none of a text that will be dropped."""
    if common is None or len(kept) > settings.max_fragments:
        return []
    made = edits.removals(edits.fragments(kept, len(text)), len(text), "")
    left = [text[a:b] for a, b in kept] if settings.split else [edits.apply(text, made)]
    found = ngrams.find(pa.array(left), index)
    new = ~np.isin(found.grams.view(np.int64), common)
    spans = zip(found.documents[new].tolist(), found.starts[new].tolist(), found.ends[new].tolist(), strict=True)
    if settings.split:
        return [(kept[piece][0] + start, kept[piece][0] + end) for piece, start, end in spans]
    return [edits.carried((start, end), edits.replaced(made), edits.spans(made)) for _, start, end in spans]


def dropped(found: DataFrame, settings: Settings) -> DataFrame:
    """id, drop_reason. `found`: rows of CUTS."""
    if settings.mode == "report":
        return found.where("false").select("id", F.lit("").alias("drop_reason"))
    if settings.mode == "drop":
        return found.select("id", F.lit("contaminated").alias("drop_reason"))
    reason = F.when(F.col("n_fragments") > settings.max_fragments, "too_many_fragments").when(
        F.col("n_kept") == 0, "no_fragment_left"
    )
    return found.select("id", reason.alias("drop_reason")).where("drop_reason IS NOT NULL")


def _stays(found: DataFrame, settings: Settings) -> DataFrame:
    cut = F.lit(settings.mode == "cut") & (F.col("n_fragments") <= settings.max_fragments) & (F.col("n_kept") > 0)
    return found.where(cut)


def edit_spans(found: DataFrame, settings: Settings) -> DataFrame:
    """Rows of EDITS: what is cut from the documents that stay."""
    spans = _stays(found, settings).select("id", "part", F.explode("removed").alias("span"))
    return spans.select(
        "id", "part", "span.start", "span.end", "span.replacement",
        F.lit("decontaminate").alias("reason"), F.lit("decontaminate").alias("stage"),
    )  # fmt: skip


def recounted(hits: DataFrame, found: DataFrame, settings: Settings) -> DataFrame:
    """id, text_bytes, token_count of all documents, as they will be written. `found`: rows of CUTS."""
    edited = _stays(found, settings).select("id", F.col("token_count").alias("edited_count"))
    joined = hits.select("id", "text_bytes", "token_count").join(edited, "id", "left")
    return joined.select("id", "text_bytes", F.coalesce("edited_count", "token_count").alias("token_count"))


def ignored_ngrams(
    hits: DataFrame, common: DataFrame, grams: DataFrame, items: DataFrame, texts: Texts
) -> DataFrame:
    """Rows of IGNORED_NGRAMS: n-grams in too many documents, their text in one of them, and the items they are of."""
    example = F.min(F.struct("id", "part", "start", "end")).alias("at")
    found = _places(hits).join(common, "gram").groupBy("gram", "documents").agg(example)
    spans = F.collect_list(F.struct("at.start", "at.end", "gram", "documents")).alias("spans")
    rows = found.groupBy("at.id", "at.part").agg(spans)
    phrases = texts(rows, ("text", "edits"), _phrases, table({"gram": LONG, "text": STRING, "documents": LONG}))
    owned = phrases.join(grams.select("gram", "item").distinct(), "gram").join(items, "item")
    return owned.select("text", "documents", *_ITEM)


def _phrases(batch: pa.RecordBatch) -> pa.RecordBatch:
    found = []
    columns = batch["text"].to_pylist(), batch["spans"].to_pylist(), edits.listed(batch["edits"])
    for text, spans, given in zip(*columns, strict=True):
        for span in spans:
            start, end = edits.carried((span["start"], span["end"]), edits.spans(given), edits.replaced(given))
            found.append((span["gram"], text[start:end], span["documents"]))
    return pa.record_batch({
        "gram": pa.array([gram for gram, _, _ in found], pa.int64()),
        "text": pa.array([text for _, text, _ in found], pa.string()),
        "documents": pa.array([documents for _, _, documents in found], pa.int64()),
    })  # fmt: skip
