"""Exact and near duplicates, within and across sources (Brown et al. 2020, appendix A.2).

    kept ──▶ exact groups ──▶ leaders ──▶ band keys ──▶ candidates ──▶ verified pairs ──▶ components ──▶ duplicates
             (text_hash)      (one each)   (buckets)     (stars)        (Jaccard)          (clusters)

The paper used Spark's MinHashLSH with 10 hashes: one row a band, ten bands, and an exact check. Here bands and rows are
free (12 x 6 makes 97 % of pairs at similarity 0.8 candidates), buckets become stars rather than all pairs, so that a
bucket costs linear time, and pairs are verified before they are clustered, so that no chain of false pairs joins strangers.
"""

from collections.abc import Sequence
from functools import partial, reduce
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from pipeline.arrow import Checkpoint, Texts, column_from
from pipeline.components import connected_components
from pipeline.kernels import minhash
from pipeline.kernels.text import units
from pipeline.schema import BINARY, DOUBLE, LONG, table

VERIFY_CAP = 20_000  # shingle hashes a document holds in verification; larger documents are compared by bottom-k
STAR_ROUNDS = 4  # a bucket's members that fail against their hub are starred again among themselves

_SETS = table({"node": LONG, "hashes": BINARY})


class Settings(NamedTuple):
    """What `dedup:` in the config says; `prefer` ranks sources, the first keeps the document."""

    seed: int
    shingle: int
    min_similarity: float
    bands: int
    rows: int
    verify: str  # exact | signature | none
    within: bool  # only within a source
    prefer: Sequence[str]


def deduplicate(documents: DataFrame, texts: Texts, settings: Settings, checkpoint: Checkpoint) -> DataFrame:
    """`duplicates`: a row for every document of a cluster of two or more.

    `documents`: id, part, source, text_hash, signature, quality_score, length, date of the documents that are still kept.
    Starts Spark jobs: components, and one a round of verification.
    """
    grouped = checkpoint("grouped", _exact_groups(documents, settings))
    leaders = grouped.where("node = leader")
    stars = checkpoint("stars-of-round-0", _stars(_buckets(leaders, settings)))
    if settings.verify == "exact":
        compare = _exact_similarity(leaders, stars, texts, settings, checkpoint)
    else:
        compare = _signature_similarity(leaders)
    verified = _verified_pairs(stars, compare, settings, checkpoint)
    components = connected_components(verified, checkpoint)
    return _clusters(grouped, components, compare)


def _exact_groups(documents: DataFrame, settings: Settings) -> DataFrame:
    """documents + node, scope, rank, leader: the best-ranked node of those with the same text.

    `node` is a 64-bit hash of the id; equal hashes of different ids would need some 10^9 documents.
    """
    preferred = [F.when(F.col("source") == name, F.lit(place)) for place, name in enumerate(settings.prefer)]
    newest = -F.coalesce(F.try_to_timestamp("date").cast("long"), F.lit(0))
    rank = F.struct(
        F.coalesce(*preferred, F.lit(len(settings.prefer))).alias("prefer"),
        (-F.nanvl("quality_score", F.lit(0.0))).alias("quality"),
        (-F.col("length")).alias("length"),
        newest.alias("newest"),
        F.col("id").alias("id"),
    )
    nodes = documents.select(
        "id", "part", "source", "signature", "text_hash",
        F.xxhash64(F.lit(settings.seed), "id").alias("node"),
        (F.col("source") if settings.within else F.lit("")).alias("scope"),
        rank.alias("rank"),
    )  # fmt: skip
    same = Window.partitionBy("text_hash", "scope").orderBy("rank")
    return nodes.withColumn("leader", F.first("node").over(same)).drop("text_hash")


def _buckets(leaders: DataFrame, settings: Settings) -> DataFrame:
    """key, node: a row for each band of each leader that has a signature."""
    keys = column_from(partial(_key_lists, bands=settings.bands, rows=settings.rows), ArrayType(LONG, False))
    signed = leaders.where(F.length("signature") > 0)
    rows = signed.select("node", "scope", F.explode(keys("signature")).alias("band_key"))
    return rows.select(F.xxhash64("band_key", "scope").alias("key"), "node")


def _key_lists(signatures: pa.Array, bands: int, rows: int) -> pa.Array:
    keys = minhash.band_keys(signatures, bands, rows)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(keys.ravel()), bands)
    return lists.cast(pa.list_(pa.int64()))


def _stars(buckets: DataFrame) -> DataFrame:
    """key, left, right: each node of a bucket beside the bucket's least node, its hub; left < right."""
    hub = F.min("node").over(Window.partitionBy("key"))
    return buckets.select("key", hub.alias("left"), F.col("node").alias("right")).where("left < right")


class _Similarity(NamedTuple):
    """How pairs of leaders are compared: `values` (node, value) and the kernel over two of them."""

    values: DataFrame
    kernel: object

    def of(self, pairs: DataFrame) -> DataFrame:
        """pairs (left, right, …) + similarity."""
        measure = column_from(self.kernel, DOUBLE)  # type: ignore[arg-type]
        left = self.values.toDF("left", "left_value")
        right = self.values.toDF("right", "right_value")
        joined = pairs.join(left, "left").join(right, "right")
        return joined.withColumn("similarity", measure("left_value", "right_value")).drop("left_value", "right_value")


def _exact_similarity(
    leaders: DataFrame, stars: DataFrame, texts: Texts, settings: Settings, checkpoint: Checkpoint
) -> _Similarity:
    """Shingle hashes of every leader that shares a bucket: 8 bytes a shingle move, no text."""
    nodes = stars.select(F.explode(F.array("left", "right")).alias("node")).distinct()
    rows = leaders.join(nodes, "node").select("id", "part", "node")
    kernel = partial(_sets, shingle=settings.shingle)
    values = checkpoint("shingles", texts(rows, ("text",), kernel, _SETS))
    return _Similarity(values, partial(_jaccard, cap=VERIFY_CAP))


def _sets(batch: pa.RecordBatch, shingle: int) -> pa.RecordBatch:
    hashes = minhash.shingle_sets(units(batch["text"]), shingle, VERIFY_CAP)
    return pa.record_batch({"node": batch["node"], "hashes": hashes})


def _jaccard(left: pa.Array, right: pa.Array, cap: int) -> pa.Array:
    return pa.array(minhash.jaccard(left, right, cap))


def _agreement(left: pa.Array, right: pa.Array) -> pa.Array:
    return pa.array(minhash.agreement(left, right))


def _signature_similarity(leaders: DataFrame) -> _Similarity:
    return _Similarity(leaders.where(F.length("signature") > 0).select("node", "signature"), _agreement)


def _verified_pairs(stars: DataFrame, compare: _Similarity, settings: Settings, checkpoint: Checkpoint) -> DataFrame:
    """left, right: pairs of a bucket whose similarity reaches the limit; left < right."""
    if settings.verify == "none":
        return stars.select("left", "right").distinct()
    verified: list[DataFrame] = []
    for turn in range(1, STAR_ROUNDS + 1):
        measured = checkpoint(f"candidates-{turn}", compare.of(stars.select("left", "right").distinct()))
        similar = F.col("similarity") >= settings.min_similarity
        verified.append(measured.where(similar).select("left", "right"))
        failed = measured.where(~similar).select("left", "right")
        again = stars.join(failed, ["left", "right"]).select("key", F.col("right").alias("node"))
        stars = checkpoint(f"stars-of-round-{turn}", _stars(again))
        if stars.isEmpty():
            break
    return reduce(DataFrame.unionAll, verified)


def _clusters(grouped: DataFrame, components: DataFrame, compare: _Similarity) -> DataFrame:
    """Rows of DUPLICATES. `cluster_id` is the least id of the cluster, `representative_id` the best-ranked."""
    labelled = grouped.join(components.toDF("leader", "component"), "leader", "left").select(
        "id", "node", "leader", "rank", F.coalesce("component", "leader").alias("component")
    )
    cluster = Window.partitionBy("component")
    ranked = cluster.orderBy("rank")
    members = labelled.select(
        "id", "leader", "node",
        F.min("id").over(cluster).alias("cluster_id"),
        F.count(F.lit(1)).over(cluster).alias("size"),
        F.max(F.col("leader") != F.col("component")).over(cluster).alias("near"),
        F.first("id").over(ranked).alias("representative_id"),
        F.first("leader").over(ranked).alias("right"),
    ).where("size > 1")  # fmt: skip
    pairs = members.where("leader != right").select(F.col("leader").alias("left"), "right").distinct()
    similarity = compare.of(pairs)
    measured = members.withColumnRenamed("leader", "left").join(similarity, ["left", "right"], "left")
    kind: Column = (
        F.when(F.col("id") == F.col("representative_id"), F.when(F.col("near"), "near").otherwise("exact"))
        .when(F.col("node") == F.col("left"), "near")
        .otherwise("exact")
    )
    return measured.select(
        "id", "cluster_id", "representative_id",
        F.coalesce("similarity", F.lit(1.0)).alias("similarity"), kind.alias("kind"),
    )  # fmt: skip


def dropped(duplicates: DataFrame) -> DataFrame:
    """id, drop_reason of the documents that a cluster's representative replaces."""
    reason = F.concat("kind", F.lit("_duplicate"))
    return duplicates.where("id != representative_id").select("id", reason.alias("drop_reason"))
