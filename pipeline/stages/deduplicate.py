"""Exact and near duplicates, within and across sources (Brown et al. 2020, appendix A.2).

    kept ──▶ exact groups ──▶ leaders ──▶ buckets ──▶ stars ──▶ verified pairs ──▶ components ──▶ duplicates
             (URL, text)      (one each)  (band keys)           (Jaccard)          (clusters)

The paper used Spark's MinHashLSH with 10 hashes: one row a band, ten bands, and an exact check. Here bands and rows are
free (12 x 6 makes 97 % of pairs at similarity 0.8 candidates), buckets become stars rather than all pairs, so that a
bucket costs linear time, and pairs are verified before they are clustered, so that no chain of false pairs joins strangers.
"""

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline.arrow import Checkpoint, Texts, column_from
from pipeline.components import connected_components
from pipeline.kernels import minhash
from pipeline.kernels.text import units
from pipeline.kernels.urls import url_keys
from pipeline.schema import BINARY, BOOL, DOUBLE, LONG, STRING, table

VERIFY_CAP = 20_000  # shingle hashes a document holds in verification; larger documents are compared by bottom-k
MAX_HUBS = 32  # members of a star that are like none before them, to which all that follow are compared
# Members that are like no hub of a crowded star are put into buckets again, round for round by more values of their
# signatures: (keys a document, values a key). Pairs of similarity 0.8 share a key with the chance 0.9997, 0.98, 0.77.
FURTHER_KEYS = ((8, 2), (8, 4), (8, 8))

_SETS = table({"node": LONG, "hashes": BINARY})
COMPARED = table({"left": LONG, "right": LONG, "similarity": DOUBLE, "alone": BOOL})

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
    new = grouped.where("node >= 0")
    buckets = _buckets(new, settings)
    stars = checkpoint("stars", _stars(buckets))
    signatures = grouped.where(F.length("signature") > 0).select("node", F.col("signature").alias("hashes"))
    exact = settings.verify == "exact"
    values = checkpoint("shingles", _shingles(new, stars, texts, settings)) if exact else signatures
    verified = _verified_pairs(new, stars, values, settings, checkpoint)
    if earlier is not None:
        met = _stars(_buckets(grouped, settings)).where("left < 0")
        by_signature = checkpoint("candidates-of-index", _compared(met, signatures, settings._replace(verify="signature")))
        similar = (F.col("similarity") >= settings.min_similarity) | F.lit(settings.verify == "none")
        verified = verified.union(by_signature.where(similar).where("right >= 0 AND left < 0").select("left", "right"))
    components = connected_components(verified, checkpoint)
    return _clusters(grouped, components, values, values if earlier is None else signatures, settings)


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


def _buckets(grouped: DataFrame, settings: Settings) -> DataFrame:
    """key, node: a row for each band of each leader that has a signature."""
    keys = _leaders(grouped).select(F.explode(band_keys(settings.bands, settings.rows)).alias("band_key"), "scope", "node")
    return keys.select(F.xxhash64("band_key", "scope").alias("key"), "node")


def band_keys(bands: int, rows: int) -> Column:
    """Of column signature: a hash of the band and its rows for each band."""
    size = 4 * rows
    keys = [F.xxhash64(F.lit(band), F.substring("signature", 1 + band * size, size)) for band in range(bands)]
    return F.when(F.length("signature") > 0, F.array(*keys)).otherwise(F.array().cast("array<bigint>"))


def _stars(buckets: DataFrame) -> DataFrame:
    """left, right, distinct: each node of a bucket of two or more beside the bucket's least, its hub, which is there too."""
    bucket = Window.partitionBy("key").orderBy("node")
    hub, follower = F.first("node").over(bucket), F.lead("node").over(bucket)
    stars = buckets.select(hub.alias("left"), F.col("node").alias("right"), follower.alias("follower"))
    return stars.where("left < right OR follower IS NOT NULL").select("left", "right").distinct()


def _shingles(new: DataFrame, stars: DataFrame, texts: Texts, settings: Settings) -> DataFrame:
    """node, hashes of every document that will be compared: 8 bytes a shingle move, no text."""
    replaced = new.where("replaced").select(F.explode(F.array("node", "leader")).alias("node"))
    compared = stars.select(F.col("right").alias("node")).union(replaced).distinct()
    rows = new.select("id", "part", "node").join(compared, "node", "left_semi")
    return texts(rows, ("text",), partial(_sets, shingle=settings.shingle), _SETS)


def _sets(batch: pa.RecordBatch, shingle: int) -> pa.RecordBatch:
    hashes = minhash.shingle_sets(units(batch["text"]), shingle, VERIFY_CAP)
    return pa.record_batch({"node": batch["node"], "hashes": hashes})


def _compared(stars: DataFrame, values: DataFrame, settings: Settings, max_hubs: int = MAX_HUBS) -> DataFrame:
    """Rows of COMPARED. `stars` hold their hub as left = right; a star's members meet in one task, each read once."""
    cap = VERIFY_CAP if settings.verify == "exact" else 0
    follow = partial(_follow_stars, cap=cap, min_similarity=settings.min_similarity, max_hubs=max_hubs)
    members = stars.join(values.toDF("right", "hashes"), "right").select("left", "right", "hashes")
    in_order = members.repartition("left").sortWithinPartitions("left", F.col("left") != F.col("right"), "right")
    return in_order.mapInArrow(follow, COMPARED)


def _follow_stars(
    batches: Iterator[pa.RecordBatch], cap: int, min_similarity: float, max_hubs: int
) -> Iterator[pa.RecordBatch]:
    hubs: pa.Table | None = None  # of the star that the last batch ended in
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        n_hubs = hubs.num_rows if hubs else 0
        rows = (pa.concat_tables([hubs, rows]) if hubs else rows).combine_chunks()
        group = rows["left"].to_numpy()
        hashes = rows["hashes"].combine_chunks()
        found = minhash.compare_stars(group, n_hubs, hashes, cap, min_similarity, max_hubs)
        nodes = rows["right"].combine_chunks()
        left, right = nodes.take(pa.array(found.left)), nodes.take(pa.array(found.right))
        columns = {"left": left, "right": right, "similarity": found.similarity, "alone": found.alone}
        yield pa.record_batch({name: pa.array(column) for name, column in columns.items()})
        hubs = rows.take(pa.array(found.hubs))


def _verified_pairs(
    grouped: DataFrame, stars: DataFrame, values: DataFrame, settings: Settings, checkpoint: Checkpoint
) -> DataFrame:
    """left, right: pairs of a bucket whose similarity reaches the limit."""
    if settings.verify == "none":
        return stars.where("left < right")
    verified: list[DataFrame] = []
    for turn in range(len(FURTHER_KEYS) + 1):
        compared = checkpoint(f"candidates-{turn}", _compared(stars, values, settings))
        verified.append(compared.where(F.col("similarity") >= settings.min_similarity).select("left", "right"))
        alone = compared.where("alone").select(F.col("right").alias("node")).distinct()
        if turn == len(FURTHER_KEYS) or alone.isEmpty():
            break
        n_keys, n_values = FURTHER_KEYS[turn]
        stars = checkpoint(f"further-stars-{turn + 1}", _stars(_further_buckets(grouped, alone, settings, n_keys, n_values)))
    return reduce(DataFrame.unionAll, verified)


def _further_buckets(grouped: DataFrame, alone: DataFrame, settings: Settings, n_keys: int, n_values: int) -> DataFrame:
    """key, node: `n_keys` rows a document that is like no hub of its star, by `n_values` values of its signature each.

    The values of a key lie apart in the signature, so that no key is that of a band again.
    """
    n = settings.bands * settings.rows
    apart = [[(key + place * (n // n_values + 1)) % n for place in range(n_values)] for key in range(n_keys)]
    keys = [
        F.xxhash64(F.lit(place), *(F.substring("signature", 1 + 4 * at, 4) for at in values), "scope")
        for place, values in enumerate(apart)
    ]
    return _leaders(grouped).join(alone, "node", "left_semi").select(F.explode(F.array(*keys)).alias("key"), "node")


def _clusters(
    grouped: DataFrame, components: DataFrame, values: DataFrame, signatures: DataFrame, settings: Settings
) -> DataFrame:
    """Rows of DUPLICATES. `cluster_id` is the least id of the cluster, `representative_id` the best-ranked."""
    labelled = grouped.drop("signature").join(components.toDF("leader", "component"), "leader", "left")
    labelled = labelled.where("shared OR component IS NOT NULL").withColumn("component", F.coalesce("component", "leader"))
    cluster = Window.partitionBy("component")
    ranked = cluster.orderBy("replaced", "rank")
    members = labelled.select(
        "id", "node", "leader", "voice", "kind",
        F.min("id").over(cluster).alias("cluster_id"),
        F.max(F.col("leader") != F.col("component")).over(cluster).alias("near"),
        F.max((F.col("node") != F.col("leader")) & (F.col("kind") == "exact")).over(cluster).alias("exact"),
        F.first("id").over(ranked).alias("representative_id"),
        F.first("node").over(ranked).alias("hub"),
    )  # fmt: skip
    pairs = members.where("voice != hub").select(F.col("hub").alias("left"), F.col("voice").alias("right"))
    stars = pairs.union(pairs.select("left", F.col("left").alias("right"))).distinct()
    compared = _compared(stars.where("left >= 0"), values, settings, 1)
    if signatures is not values:
        by_signature = settings._replace(verify="signature")
        compared = compared.union(_compared(stars.where("left < 0"), signatures, by_signature, 1))
    similarity = compared.select(F.col("left").alias("hub"), F.col("right").alias("voice"), "similarity")
    measured = members.where("node >= 0").join(similarity, ["hub", "voice"], "left")
    kind = F.when(F.col("node") != F.col("leader"), F.col("kind")).otherwise(
        F.when(F.col("near"), "near").when(F.col("exact"), "exact").otherwise("url")
    )
    equal = F.when(F.col("voice") == F.col("hub"), 1.0).otherwise(0.0)
    return measured.select(
        "id", "cluster_id", "representative_id", F.coalesce("similarity", equal).alias("similarity"), kind.alias("kind")
    )


def dropped(duplicates: DataFrame) -> DataFrame:
    """id, drop_reason of the documents that a cluster's representative replaces."""
    reason = F.concat("kind", F.lit("_duplicate"))
    return duplicates.where("id != representative_id").select("id", reason.alias("drop_reason"))
