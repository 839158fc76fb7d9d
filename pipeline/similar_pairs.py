"""Pairs of similar documents: buckets, the stars of each bucket, and what verification leaves of them.

    signatures ──▶ buckets ──▶ stars ──▶ compared ──▶ verified pairs
                   (band keys)           (Jaccard, or signatures)

A bucket becomes a star, each member beside its least one, rather than all pairs, so that it costs linear time. Of a star
of up to 33 members all similar ones are linked; of a crowded one, those that are like a hub. Members that are like no hub
meet again by other keys, a few rounds.
"""

from collections.abc import Iterator
from functools import partial, reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline.arrow import Checkpoint
from pipeline.kernels import minhash
from pipeline.schema import BOOL, DOUBLE, LONG, table

MAX_HUBS = 32  # members of a star to which those that follow are compared
# Members that are like no hub of a crowded star are put into buckets again, round for round by more values of their
# signatures: (keys a document, values a key). Pairs of similarity 0.8 share a key with the chance 0.9997, 0.98, 0.77.
FURTHER_KEYS = ((8, 2), (8, 4), (8, 8))

# A pair that is similar enough; or `right`, alone in a crowded star; or a count of comparisons that failed.
COMPARED = table({"alone": BOOL, "failed": LONG}, {"left": LONG, "right": LONG, "similarity": DOUBLE})
SIMILAR = "similarity IS NOT NULL"  # of COMPARED, the pairs


class Measure(NamedTuple):
    """How two documents are compared: by sets of shingle hashes cut at `cap`, or by signatures if `cap` is 0."""

    cap: int
    min_similarity: float


def band_keys(bands: int, rows: int) -> Column:
    """Of column signature: a hash of the band and its rows for each band."""
    size = 4 * rows
    keys = ", ".join(f"xxhash64({band}, substring(signature, {1 + band * size}, {size}))" for band in range(bands))
    return F.expr(f"if(length(signature) > 0, array({keys}), cast(array() AS array<bigint>))")


def buckets(signed: DataFrame, bands: int, rows: int) -> DataFrame:
    """key, node: a row for each band of each document. `signed`: node, scope, signature; only equal scopes meet."""
    keys = signed.select(F.explode(band_keys(bands, rows)).alias("band_key"), "scope", "node")
    return keys.select(F.xxhash64("band_key", "scope").alias("key"), "node")


def stars(buckets: DataFrame) -> DataFrame:
    """left, right, distinct: each node of a bucket of two or more beside the bucket's least, its hub, which is there too."""
    bucket = Window.partitionBy("key").orderBy("node")
    hub, follower = F.first("node").over(bucket), F.lead("node").over(bucket)
    found = buckets.select(hub.alias("left"), F.col("node").alias("right"), follower.alias("follower"))
    return found.where("left < right OR follower IS NOT NULL").select("left", "right").distinct()


def compared(stars: DataFrame, values: DataFrame, measure: Measure, max_hubs: int = MAX_HUBS) -> DataFrame:
    """Rows of COMPARED: pairs whose similarity reaches the limit, members of crowded stars that are like no hub, and counts.

    `stars` hold their hub as left = right; `values`: node, hashes. A star's members meet in one task, each read once.
    """
    follow = partial(_follow_stars, measure=measure, max_hubs=max_hubs)
    members = stars.join(values.toDF("right", "hashes"), "right").select("left", "right", "hashes")
    in_order = members.repartition("left").sortWithinPartitions("left", F.col("left") != F.col("right"), "right")
    return in_order.mapInArrow(follow, COMPARED)


def _follow_stars(batches: Iterator[pa.RecordBatch], measure: Measure, max_hubs: int) -> Iterator[pa.RecordBatch]:
    hubs, linked = None, np.zeros(0, np.int64)  # of the star that the last batch ended in
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        rows = (pa.concat_tables([hubs, rows]) if hubs else rows).combine_chunks()
        hashes = rows["hashes"].combine_chunks()
        found = minhash.compare_stars(rows["left"].to_numpy(), linked, hashes, *measure, max_hubs)
        yield _told(rows["right"].combine_chunks(), found)
        hubs, linked = rows.take(pa.array(found.hubs[0])), found.hubs[1]


def _told(nodes: pa.Array, found: minhash.Compared) -> pa.RecordBatch:
    n_pairs, n_alone = len(found.left), len(found.alone)
    left = pa.concat_arrays([nodes.take(pa.array(found.left)), pa.nulls(n_alone + 1, nodes.type)])
    right = nodes.take(pa.array(np.concatenate([found.right, found.alone])))
    columns = {
        "alone": pa.array(np.repeat([False, True, False], [n_pairs, n_alone, 1])),
        "failed": pa.array(np.repeat([0, found.n_failed], [n_pairs + n_alone, 1])),
        "left": left,
        "right": pa.concat_arrays([right, pa.nulls(1, nodes.type)]),
        "similarity": pa.concat_arrays([pa.array(found.similarity), pa.nulls(n_alone + 1, pa.float64())]),
    }
    return pa.record_batch(columns)


def verified_pairs(
    signed: DataFrame, candidates: DataFrame, values: DataFrame, measure: Measure, n_values: int, checkpoint: Checkpoint
) -> DataFrame:
    """left, right: pairs of the stars `candidates` whose similarity reaches the limit; then of what is alone, starred again.

    `signed`: node, scope, signature of `n_values` values. Starts Spark jobs: one a round.
    """
    verified: list[DataFrame] = []
    for turn in range(len(FURTHER_KEYS) + 1):
        found = checkpoint(f"candidates-{turn}", compared(candidates, values, measure))
        verified.append(found.where(SIMILAR).select("left", "right"))
        alone = found.where("alone").select(F.col("right").alias("node"))
        if turn == len(FURTHER_KEYS) or alone.isEmpty():
            break
        again = _further_buckets(signed.join(alone, "node", "left_semi"), n_values, *FURTHER_KEYS[turn])
        candidates = checkpoint(f"further-stars-{turn + 1}", stars(again))
    return reduce(DataFrame.unionAll, verified)


def _further_buckets(signed: DataFrame, n_values: int, n_keys: int, per_key: int) -> DataFrame:
    """key, node: `n_keys` rows a document, by `per_key` of its signature's values each.

    The values of a key lie apart in the signature, so that no key is that of a band again.
    """
    apart = [[(key + place * (n_values // per_key + 1)) % n_values for place in range(per_key)] for key in range(n_keys)]
    keys = [
        F.xxhash64(F.lit(place), *(F.substring("signature", 1 + 4 * at, 4) for at in values), "scope")
        for place, values in enumerate(apart)
    ]
    return signed.select(F.explode(F.array(*keys)).alias("key"), "node")
