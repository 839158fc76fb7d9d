"""The corpus' rows: drawn documents meet their texts, edited as decided; a row for each copy."""

import json
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField, StructType

from pipeline.arrow import Texts
from pipeline.kernels import edits, tokens
from pipeline.kernels.tokens import Tokenizer
from pipeline.schema import CORPUS, INT, LONG

_PLACES = ArrayType(
    StructType([StructField("copy", INT, False), StructField("order_key", LONG, False), StructField("shard", INT, False)]),
    False,
)
_ROWS = StructType([*(field for field in CORPUS.fields if field.name != "copy"), StructField("places", _PLACES, False)])
_STORED = ("text", "url", "dump", "date", "language", "language_score", "metadata")
_CARRIED = ("source", "quality_score", "places")


def text_bytes() -> Column:
    """About how many UTF-8 bytes a text has, from its metrics: Han characters take three, others one."""
    return F.col("code_point_count") * (1 + 2 * F.col("han_fraction"))


def removed_spans(edited: DataFrame) -> DataFrame:
    """id, removed: the spans of each document in `edited` (rows of EDITS), ascending."""
    return edited.groupBy("id").agg(F.sort_array(F.collect_list(F.struct("start", "end"))).alias("removed"))


def corpus_rows(placed: DataFrame, removed: DataFrame, texts: Texts, *, split: bool, tokenizer: Tokenizer) -> DataFrame:
    """Rows of CORPUS + order_key, shard, for `placed`: id, part, source, token_count, quality_score, copy, order_key, shard.

    Narrow rows go to their texts, once a document whatever its copies. With `split` each piece of a cut text is a row
    `<id>#<k>` that counts its own tokens, its parent named in metadata.
    """
    place = F.struct(F.col("copy").cast("int"), "order_key", F.col("shard").cast("int"))
    once = placed.groupBy("id", "part", "source", "token_count", "quality_score").agg(
        F.sort_array(F.collect_list(place)).alias("places")
    )
    kernel = partial(_write, split=split, tokenizer=tokenizer)
    rows = texts(once.join(removed, "id", "left"), _STORED, kernel, _ROWS)
    columns = [name for name in CORPUS.names if name != "copy"]
    copies = rows.select(*columns, F.explode("places").alias("place"))
    return copies.select(*columns, "place.copy", "place.order_key", "place.shard")


def _write(batch: pa.RecordBatch, split: bool, tokenizer: Tokenizer) -> pa.RecordBatch:
    columns: dict[str, Any] = {name: batch[name] for name in (*_STORED, *_CARRIED, "id", "token_count")}
    columns["metadata"] = pa.array([_json(given) for given in batch["metadata"].to_pylist()], pa.string())
    rows = pa.table(columns)
    if batch["removed"].null_count < len(batch):
        rows = _edited(rows, batch["removed"].to_pylist(), split, tokenizer)
    return rows.select(_ROWS.names).combine_chunks().to_batches()[0]


def _json(metadata: list[tuple[str, str]] | None) -> str | None:
    return json.dumps(dict(metadata), ensure_ascii=False) if metadata else None


def _edited(rows: pa.Table, removed: list[list[dict[str, int]] | None], split: bool, tokenizer: Tokenizer) -> pa.Table:
    """The table with edited texts; with `split`, a row for each piece."""
    texts, ids, at, parents = [], [], [], []
    for place, (key, text, spans) in enumerate(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), removed, strict=True)):
        cut = [(span["start"], span["end"]) for span in spans or ()]
        pieces = edits.pieces(text, cut) if split and cut else [edits.apply(text, cut)]
        texts += pieces
        ids += [f"{key}#{k}" for k in range(len(pieces))] if split and cut else [key]
        at += [place] * len(pieces)
        parents += [key if split and cut else None] * len(pieces)
    edited = rows.take(at).drop_columns(["text", "id"])
    edited = edited.append_column("text", pa.array(texts, pa.string())).append_column("id", pa.array(ids, pa.string()))
    if not split:
        return edited
    metadata = [
        json.dumps(json.loads(given or "{}") | {"parent_id": parent}, ensure_ascii=False) if parent else given
        for given, parent in zip(edited["metadata"].to_pylist(), parents, strict=True)
    ]
    counted = tokens.count_tokens(edited["text"].combine_chunks(), tokenizer)
    return (
        edited.drop_columns(["metadata", "token_count"])
        .append_column("metadata", pa.array(metadata, pa.string()))
        .append_column("token_count", pa.array(counted))
    )
