"""Take out the lines or paragraphs that recur in many documents of a host, or of a whole source.

    kept ──▶ lines (key, node, span) ──▶ keys in too many documents ──▶ spans ──▶ edits, and documents with nothing left

The rule of CCNet (Wenzek et al. 2020, section 3.1: of equal paragraphs one stays) and of C4 (Raffel et al. 2020, section
2.2: of equal spans of three sentences one stays) is `max_documents` 1 and `keep_first`, within a source. Menus, notices and
footers recur within their host. Only keys and numbers move between machines, no text.
"""

from functools import partial
from typing import Literal, NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.arrow import Texts
from pipeline.kernels import edits, recurring
from pipeline.schema import BOOL, INT, LONG, STRING, table

LINES = table({"node": LONG, "part": INT, "key": LONG, "start": LONG, "end": LONG, "words": INT, "first": BOOL})
_TEXTS = table({"key": LONG, "text": STRING})

REASONS = {
    "only_recurring_text": "Every line or paragraph with a word stands in too many other documents: nothing is left.",
}


class Settings(NamedTuple):
    """What `dedup.recurring` in the config says."""

    unit: Literal["line", "paragraph"]
    max_documents: int
    keep_first: bool
    min_words: int


def _node() -> Column:
    """A hash of the id, by which rows are joined."""
    return F.xxhash64("id").alias("node")


def find_lines(kept: DataFrame, texts: Texts, settings: Settings) -> DataFrame:
    """Rows of LINES: the lines or paragraphs of `kept` (id, part, group), by keys that tell groups apart.

    `start` and `end` are code points of documents.text; `first`: in its document.
    """
    kernel = partial(_lines, settings=settings)
    rows = kept.select("id", "part", _node(), F.xxhash64("group").alias("group"))
    return texts(rows, ("text", "edits"), kernel, LINES)


def _lines(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    found = recurring.pieces(batch["text"], settings.unit)
    nodes, parts, groups = (batch[name].to_numpy()[found.documents] for name in ("node", "part", "group"))
    starts, ends = edits.stored(found.documents, found.starts, found.ends, batch["edits"])
    columns = (nodes, parts, found.keys.view("int64") ^ groups, starts, ends, found.words, found.firsts)
    rows = pa.record_batch([pa.array(column) for column in columns], LINES.names)
    return rows.filter(pa.array(found.words >= settings.min_words))


def crowded(lines: DataFrame, settings: Settings) -> DataFrame:
    """key, documents, keeper: the keys in more than `max_documents` documents; `keeper` is one of these, by its hash."""
    counted = lines.where("first").groupBy("key").agg(F.count(F.lit(1)).alias("documents"), F.min("node").alias("keeper"))
    return counted.where(F.col("documents") > settings.max_documents)


def taken_out(lines: DataFrame, keys: DataFrame, settings: Settings) -> DataFrame:
    """The rows of LINES that go."""
    rows = lines.join(keys, "key")
    if settings.keep_first:
        rows = rows.where(~((F.col("node") == F.col("keeper")) & F.col("first")))
    return rows.select(*LINES.names)


def edit_rows(kept: DataFrame, taken: DataFrame, settings: Settings) -> DataFrame:
    """Rows of EDITS; `kept`: id."""
    ids = kept.select(_node(), "id")
    return taken.join(ids, "node").select(
        "id", "part", "start", "end", F.lit("").alias("replacement"),
        F.lit(f"recurring_{settings.unit}").alias("reason"), F.lit("deduplicate").alias("stage"),
    )  # fmt: skip


def emptied(kept: DataFrame, taken: DataFrame) -> DataFrame:
    """id, drop_reason of the documents (id, word_count) all of whose words go."""
    words = taken.groupBy("node").agg(F.sum("words").alias("words"))
    met = kept.select(_node(), "id", "word_count").join(words, "node")
    return met.where("words >= word_count").select("id", F.lit("only_recurring_text").alias("drop_reason"))


def most(keys: DataFrame, lines: DataFrame, kept: DataFrame, stored: Texts, n: int) -> list[tuple[int, str]]:
    """The n that recur in most documents, with their number, as they stand in one document of `kept`: id, part.

    `stored` is a pass over documents.text without edits.
    """
    top = keys.orderBy(F.desc("documents"), "key").limit(n).select("key", "documents")
    place = F.min(F.struct("node", "start", "end")).alias("place")
    one = lines.join(F.broadcast(top), "key").groupBy("key", "documents").agg(place).select("key", "documents", "place.*")
    ids = kept.select(_node(), "id", "part")
    found = {row["key"]: row for row in one.collect()}
    spans = F.collect_list(F.struct("key", "start", "end")).alias("spans")
    rows = ids.join(F.broadcast(one), "node").groupBy("id", "part").agg(spans)
    shown = [(found[row["key"]]["documents"], row["text"]) for row in stored(rows, ("text",), _shown, _TEXTS).collect()]
    return sorted(shown, key=lambda pair: (-pair[0], pair[1]))


def _shown(batch: pa.RecordBatch) -> pa.RecordBatch:
    rows = [
        (span["key"], text[span["start"] : span["end"]].strip())
        for text, spans in zip(batch["text"].to_pylist(), batch["spans"].to_pylist(), strict=True)
        for span in spans
    ]
    keys, texts = zip(*rows, strict=True)
    return pa.record_batch([pa.array(keys, pa.int64()), pa.array(texts, pa.string())], _TEXTS.names)
