"""Exact and near duplicates, within and across sources (Brown et al. 2020, appendix A.2).

    kept ──▶ exact groups ──▶ leaders ──▶ buckets ──▶ stars ──▶ verified pairs ──▶ components ──▶ duplicates
             (URL, text)      (one each)  (band keys)           (Jaccard)          (clusters)

The paper used Spark's MinHashLSH with 10 hashes: one row a band, ten bands, and an exact check. Here bands and rows are
free (12 x 6 makes 97 % of pairs at similarity 0.8 candidates), buckets become stars rather than all pairs, so that a
bucket costs linear time, and pairs are verified before they are clustered, so that no chain of false pairs joins strangers.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline import similar_pairs as pairs
from pipeline.arrow import Checkpoint, Texts, column_from
from pipeline.components import connected_components
from pipeline.kernels import minhash
from pipeline.kernels.text import units
from pipeline.kernels.urls import url_keys
from pipeline.schema import BINARY, LONG, STRING, table

VERIFY_CAP = 20_000  # shingle hashes a document holds in verification; larger documents are compared by bottom-k

_SETS = table({"node": LONG, "hashes": BINARY})

REASONS = {
    "url_duplicate": "Another capture of the same URL stays: that of the preferred source, else the newest.",
    "exact_duplicate": "A document with the same text, white space and Unicode composition aside, stays instead.",
    "near_duplicate": "A document that shares most of its shingles, or is linked to it by others that do, stays instead.",
}


class Settings(NamedTuple):
    """What `dedup:` in the config says; `prefer` ranks sources, the first keeps the document."""

    seed: int
    shingle: int
    min_similarity: float
    bands: int
    rows: int
    verify: str  # exact | signature | none
    scope: str  # across | within a source | dump
    prefer: Sequence[str]
    urls: bool = True  # documents of equal URL are duplicates, where they have a date


def deduplicate(
    documents: DataFrame, texts: Texts, settings: Settings, checkpoint: Checkpoint, earlier: DataFrame | None = None
) -> DataFrame:
    """`duplicates`: a row for every document of a cluster of two or more.

    `documents`: id, part, source, url, dump, date, text_hash, signature, quality_score, length of the documents that are
    still kept. `earlier`: id, page, text_hash, signature of documents of other runs; they keep what they share with
    documents, have no row themselves, and are compared by signature, since their texts are not here. Their ids are none
    of `documents`. Starts Spark jobs: components, and one a round of verification.
    """
    nodes = _nodes(documents, settings)
    if earlier is not None:
        nodes = nodes.union(_earlier_nodes(earlier, settings))
    grouped = checkpoint("grouped", _exact_groups(nodes))
    new, bands, rows = grouped.where("node >= 0"), settings.bands, settings.rows
    leaders = _leaders(new)
    stars = checkpoint("stars", pairs.stars(pairs.buckets(leaders, bands, rows)))
    signatures = grouped.where(F.length("signature") > 0).select("node", F.col("signature").alias("hashes"))
    exact = settings.verify == "exact"
    values = checkpoint("shingles", _shingles(new, stars, texts, settings)) if exact else signatures
    measure = pairs.Measure(VERIFY_CAP if exact else 0, settings.min_similarity)
    unverified = settings.verify == "none"
    verified = stars.where("left < right")
    if not unverified:
        verified = pairs.verified_pairs(leaders, stars, values, measure, bands * rows, checkpoint)
    if earlier is not None:
        met = pairs.stars(pairs.buckets(_leaders(grouped), bands, rows)).where("left < 0")
        by_signature = pairs.Measure(0, 0.0 if unverified else settings.min_similarity)
        met = checkpoint("candidates-of-index", pairs.compared(met, signatures, by_signature))
        verified = verified.union(met.where(pairs.SIMILAR).where("right >= 0 AND left < 0").select("left", "right"))
    members = checkpoint("members", _members(grouped, connected_components(verified, checkpoint)))
    similarities = _similarities(members.where("hub >= 0"), values, measure.cap)
    if earlier is not None:
        similarities = similarities.union(_similarities(members.where("hub < 0"), signatures, 0))
    return _duplicates(members, similarities)


def page_key(urls: bool) -> Column:
    """Of columns id, url, date: a hash of the URL's key for captures, which have a date; of the id for all others."""
    itself = F.xxhash64("id")
    if not urls:
        return itself
    key = column_from(url_keys, STRING)("url")
    return F.when((F.length(key) > 0) & F.col("date").isNotNull(), F.xxhash64(key, F.lit("url"))).otherwise(itself)


def _nodes(documents: DataFrame, settings: Settings) -> DataFrame:
    """id, part, source, signature, text_hash, node, scope, rank, page.

    `node` is a 63-bit hash of the id; equal hashes of different ids would need some 10^9 documents.
    """
    preferred = [F.when(F.col("source") == name, F.lit(place)) for place, name in enumerate(settings.prefer)]
    source = F.coalesce(*preferred, F.lit(len(settings.prefer)))
    quality, length = -F.nanvl("quality_score", F.lit(0.0)), -F.col("length")
    newest = -F.coalesce(F.try_to_timestamp("date").cast("long"), F.lit(0))
    scope = {"across": F.lit(""), "within": F.col("source"), "dump": F.coalesce("dump", F.lit(""))}[settings.scope]
    return documents.select(
        "id", "part", "source", "signature", "text_hash",
        F.xxhash64(F.lit(settings.seed), "id").bitwiseAND(F.lit(2**63 - 1)).alias("node"),
        scope.alias("scope"),
        _rank(source, quality, length, newest),
        page_key(settings.urls).alias("page"),
    )  # fmt: skip


def _rank(source: Column, quality: Column, length: Column, newest: Column) -> Column:
    """Whoever has the least keeps a document."""
    parts = (source.alias("source"), quality.alias("quality"), length.alias("length"), newest.alias("newest"), F.col("id"))
    return F.struct(*parts).alias("rank")


def _earlier_nodes(earlier: DataFrame, settings: Settings) -> DataFrame:
    """Documents of other runs as nodes below 0, so that they are the hubs of their buckets, and before all in rank."""
    return earlier.select(
        "id", F.lit(-1).alias("part"), F.lit("").alias("source"), "signature", "text_hash",
        F.xxhash64(F.lit(settings.seed), "id").bitwiseOR(F.lit(-(2**63))).alias("node"),
        F.lit("").alias("scope"),
        _rank(F.lit(-1), F.lit(0.0), F.lit(0).cast("long"), F.lit(0).cast("long")),
        "page",
    )  # fmt: skip


def _exact_groups(nodes: DataFrame) -> DataFrame:
    """nodes + leader, kind, voice, replaced, shared.

    leader   the best-ranked node of those with the same text; of a document whose URL has a newer capture, the leader of
             that capture. Only leaders go on to the near duplicates.
    voice    the node whose text is the document's: the leader, or itself where only the URL is equal
    kind     exact | url: how a document that is no leader equals its leader
    shared   whether there is another document of the same leader
    """
    captures = Window.partitionBy("page", "scope").orderBy("rank.source", "rank.newest", "rank")
    replaced = nodes.withColumn("content", F.first("text_hash").over(captures)).withColumn(
        "replaced", F.col("content") != F.col("text_hash")
    )
    same = Window.partitionBy("content", "scope").orderBy("replaced", "rank")
    grouped = replaced.withColumn("leader", F.first("node").over(same)).withColumn("follower", F.lead("node").over(same))
    return grouped.select(
        "id", "part", "source", "signature", "node", "scope", "rank", "leader", "replaced",
        F.when(F.col("replaced"), F.col("node")).otherwise(F.col("leader")).alias("voice"),
        F.when(F.col("replaced"), "url").otherwise("exact").alias("kind"),
        ((F.col("leader") != F.col("node")) | F.col("follower").isNotNull()).alias("shared"),
    )  # fmt: skip


def _leaders(grouped: DataFrame) -> DataFrame:
    return grouped.where("node = leader AND length(signature) > 0")


def _shingles(new: DataFrame, stars: DataFrame, texts: Texts, settings: Settings) -> DataFrame:
    """node, hashes of every document that will be compared: 8 bytes a shingle move, no text."""
    replaced = new.where("replaced").select(F.explode(F.array("node", "leader")).alias("node"))
    compared = stars.select(F.col("right").alias("node")).union(replaced)
    rows = new.select("id", "part", "node").join(compared, "node", "left_semi")
    return texts(rows, ("text",), partial(_sets, shingle=settings.shingle), _SETS)


def _sets(batch: pa.RecordBatch, shingle: int) -> pa.RecordBatch:
    hashes = minhash.shingle_sets(units(batch["text"]), shingle, VERIFY_CAP)
    return pa.record_batch({"node": batch["node"], "hashes": hashes})


def _members(grouped: DataFrame, components: DataFrame) -> DataFrame:
    """id, node, leader, voice, kind + cluster_id, representative_id, hub, near, exact of the document's cluster, if of two.

    cluster_id               the least id of the cluster
    representative_id, hub   the id and the node of its best-ranked document
    near, exact              whether the cluster joins different texts, and whether it has equal ones
    """
    labelled = grouped.drop("signature").join(components.toDF("leader", "component"), "leader", "left")
    labelled = labelled.where("shared OR component IS NOT NULL").withColumn("component", F.coalesce("component", "leader"))
    cluster = Window.partitionBy("component")
    ranked = cluster.orderBy("replaced", "rank")
    return labelled.select(
        "id", "node", "leader", "voice", "kind",
        F.min("id").over(cluster).alias("cluster_id"),
        F.max(F.col("leader") != F.col("component")).over(cluster).alias("near"),
        F.max((F.col("node") != F.col("leader")) & (F.col("kind") == "exact")).over(cluster).alias("exact"),
        F.first("id").over(ranked).alias("representative_id"),
        F.first("node").over(ranked).alias("hub"),
    )  # fmt: skip


def _similarities(members: DataFrame, values: DataFrame, cap: int) -> DataFrame:
    """voice, similarity to the hub of its cluster. A voice is itself among the members, and a hub its own voice."""
    stars = members.where("node = voice").select(F.col("hub").alias("left"), F.col("voice").alias("right"))
    every = pairs.Measure(cap, 0.0)
    compared = pairs.compared(stars, values, every, max_hubs=1).where(pairs.SIMILAR)
    return compared.select(F.col("right").alias("voice"), "similarity")


def _duplicates(members: DataFrame, similarities: DataFrame) -> DataFrame:
    """Rows of DUPLICATES."""
    kind = F.when(F.col("node") != F.col("leader"), F.col("kind")).otherwise(
        F.when(F.col("near"), "near").when(F.col("exact"), "exact").otherwise("url")
    )
    equal = F.when(F.col("voice") == F.col("hub"), 1.0).otherwise(0.0)
    measured = members.where("node >= 0").join(similarities, "voice", "left")
    return measured.select(
        "id", "cluster_id", "representative_id", F.coalesce("similarity", equal).alias("similarity"), kind.alias("kind")
    )


def dropped(duplicates: DataFrame) -> DataFrame:
    """id, drop_reason of the documents that a cluster's representative replaces."""
    reason = F.concat("kind", F.lit("_duplicate"))
    return duplicates.where("id != representative_id").select("id", reason.alias("drop_reason"))
