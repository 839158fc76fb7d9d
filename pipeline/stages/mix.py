"""Which documents the corpus holds, how often, in which order, and in which shard.

    kept    id, source, token_count, ...           documents that survived every stage
      │ hold_out       held_out: the validation split, equal texts on one side
      │ draw           copies: whole passes over a source, and the prefix of its hashed order nearest to the quota;
      │                for a source drawn by quality the same in each bucket of its scores
    drawn   ..., copies
      │ order_keys     a row for each copy, with its place in the whole corpus
    copies  ..., copy, order_key
      │ assign_shards  boundaries on that order, so that files are of one size
    rows    ..., copy, order_key, shard            what `pipeline.shards` writes, text joined to it

All are pure functions of (seed, id, copy) and of sums over the rows: partitions and retries change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from pipeline.arrow import column_from
from pipeline.kernels.hashing import hash64, purpose_seed, unit_interval
from pipeline.kernels.mixture import SourcePlan, nearest_prefix
from pipeline.schema import DOUBLE, INT, LONG, STRING

BINS = 4096  # a power of two, so that a bin's edges are exact
_LAST_DRAWN = StructType([StructField("stratum", STRING), StructField("unit", DOUBLE), StructField("id", STRING)])

Curves = Mapping[str, Sequence[float]]  # source -> the least score of each of its buckets, from 0 upwards


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn of one stratum: `passes` of every document, and once more those up to (unit, id) in its order."""

    passes: int
    unit: float
    id: str


def draw(kept: DataFrame, plans: Sequence[SourcePlan], seed: int) -> DataFrame:
    """`kept` with `copies` (int): how often each document is in the corpus; 0 for a document that is not drawn.

    kept: id, source, token_count (long, never null), quality_score where a plan has buckets, and what else it has. A
    source, or each bucket of one that is drawn by quality, is a stratum, whose documents stand in the order of
    unit_interval(seed, "sample", id), then id. The tokens drawn of a stratum are within half of its largest document of
    its quota.

    Starts two Spark jobs: the tokens of 4,096 bins of that order for each stratum, and the exact order inside the one
    bin where its quota ends. So nothing that grows is collected, and no source is sorted as a whole.
    `kept` is read three times: hand over a table that is written, not a plan that is long.
    """
    placed = kept.withColumn("_unit", _unit(seed, "sample", "id")).withColumn("_stratum", _stratum(curves(plans)))
    quotas: dict[str, int] = {}
    for plan in plans:
        by_bucket = {f"{plan.source}#{k}": bucket.quota for k, bucket in enumerate(plan.buckets)}
        quotas |= by_bucket or {plan.source: plan.reachable_quota}
    return placed.withColumn("copies", _copies(_draws(placed, quotas))).drop("_unit", "_stratum")


def hold_out(kept: DataFrame, plans: Sequence[SourcePlan], seed: int) -> DataFrame:
    """`kept` with `held_out` (bool): the validation split, about `reachable_quota` tokens of each source.

    kept: id, source, token_count, text_hash, and what else it has. The order is that of unit_interval(seed,
    "validation", text_hash), then id; a text that stands at the end of a prefix takes its equals in all sources along,
    so that no text is on both sides. Of a cluster of duplicates one document is kept, so a cluster is on one side too.
    """
    placed = kept.withColumn("_unit", _unit(seed, "validation", "text_hash")).withColumn("_stratum", _stratum({}))
    drawn = placed.where(_copies(_draws(placed, {plan.source: plan.reachable_quota for plan in plans})) > 0)
    held = drawn.select("text_hash", F.lit(True).alias("held_out")).distinct()
    marked = placed.drop("_unit", "_stratum").join(held, "text_hash", "left")
    return marked.withColumn("held_out", F.coalesce("held_out", F.lit(False)))


def curves(plans: Sequence[SourcePlan]) -> Curves:
    """The scores at which the buckets of those sources begin that are drawn by quality."""
    return {
        plan.source: [bucket.min_score for bucket in plan.buckets if bucket.min_score is not None]
        for plan in plans
        if plan.buckets
    }


def bucket(given: Curves) -> Column:
    """The position of a row's bucket by its source and quality_score; the unscored come last. Null without a curve."""
    position = F.lit(None).cast("int")
    for source, scores in given.items():
        found = F.lit(0)
        for k, least in enumerate(scores):
            found = F.when(F.col("quality_score") >= least, k).otherwise(found)
        unscored = F.col("quality_score").isNull() | F.isnan("quality_score")  # Spark's NaN is above every number
        position = F.when(F.col("source") == source, F.when(unscored, len(scores)).otherwise(found)).otherwise(position)
    return position


def _stratum(given: Curves) -> Column:
    """`source`, or `source#k` for the bucket k of a source that is drawn by quality."""
    return F.concat_ws("#", "source", bucket(given).cast("string")) if given else F.col("source")


def _unit(seed: int, purpose: str, name: str) -> Column:
    def unit(texts: pa.Array) -> pa.Array:
        return pa.array(unit_interval(seed, purpose, texts))

    return column_from(unit, DOUBLE)(name)


def _draws(placed: DataFrame, quotas: Mapping[str, int]) -> dict[str, Draw]:
    """Stratum -> what is drawn of it. placed: id, token_count, _stratum, _unit."""
    tokens = _tokens_by_bin(placed)
    if unplanned := sorted(set(tokens) - set(quotas)):
        raise ValueError(f"no plan for the source {unplanned[0]!r}: planned are {', '.join(sorted(quotas))}")
    draws: dict[str, Draw] = {}
    open_bins: dict[str, tuple[int, int]] = {}  # stratum -> the bin where its quota ends, and the tokens it still needs
    for stratum, in_bins in tokens.items():
        total = int(in_bins.sum())
        passes, rest = divmod(quotas[stratum], total) if total else (0, 0)
        sums = np.cumsum(in_bins)
        crossing = int(np.searchsorted(sums, rest, side="right")) if rest else 0
        before = int(sums[crossing - 1]) if crossing else 0
        draws[stratum] = Draw(passes, crossing / BINS, "")  # the documents of all bins before this one
        if rest > before:
            open_bins[stratum] = (crossing, rest - before)
    for stratum, (unit, last) in _last_drawn(placed, open_bins).items():
        draws[stratum] = Draw(draws[stratum].passes, unit, last)
    return draws


def _tokens_by_bin(placed: DataFrame) -> dict[str, NDArray[np.int64]]:
    """Stratum -> tokens in each bin of its order, shape (BINS,)."""
    bin_tokens = placed.groupBy("_stratum", _bin().alias("bin")).agg(F.sum("token_count").alias("tokens"))
    table = bin_tokens.toArrow()
    tokens: dict[str, NDArray[np.int64]] = {}
    for stratum, at, count in zip(*(table[name].to_pylist() for name in ("_stratum", "bin", "tokens")), strict=True):
        tokens.setdefault(stratum, np.zeros(BINS, np.int64))[at] = count
    return tokens


def _last_drawn(placed: DataFrame, open_bins: Mapping[str, tuple[int, int]]) -> dict[str, tuple[float, str]]:
    """Stratum -> (unit, id) of the last document that its prefix takes from the bin where its quota ends, if any.

    One task holds one bin of one stratum: a 4,096th of its documents, without text.
    """
    if not open_bins:
        return {}
    needs = {stratum: needed for stratum, (_, needed) in open_bins.items()}

    def last_of_prefix(key: tuple[pa.Scalar, ...], documents: pa.Table) -> pa.Table:
        ordered = documents.sort_by([("_unit", "ascending"), ("id", "ascending")])
        n = nearest_prefix(ordered["token_count"].to_numpy(), needs[key[0].as_py()])
        last = ordered.slice(max(n - 1, 0), min(n, 1))
        return pa.table({"stratum": last["_stratum"], "unit": last["_unit"], "id": last["id"]})

    in_open_bin = F.lit(False)
    for stratum, (at, _) in open_bins.items():
        in_bin = (F.col("_unit") >= at / BINS) & (F.col("_unit") < (at + 1) / BINS)
        in_open_bin |= (F.col("_stratum") == stratum) & in_bin
    documents = placed.where(in_open_bin).select("_stratum", "_unit", "id", F.col("token_count").cast("long"))
    rows = documents.groupBy("_stratum").applyInArrow(last_of_prefix, _LAST_DRAWN).collect()
    return {row.stratum: (row.unit, row.id) for row in rows}


def _copies(draws: Mapping[str, Draw]) -> Column:
    copies = F.lit(0)
    for stratum, drawn in draws.items():
        in_prefix = F.struct("_unit", "id") <= F.struct(F.lit(drawn.unit), F.lit(drawn.id))
        copies = F.when(F.col("_stratum") == stratum, F.lit(drawn.passes) + in_prefix.cast("int")).otherwise(copies)
    return copies.cast(INT)


def _bin() -> Column:
    return F.floor(F.col("_unit") * BINS).cast("int")


def order_keys(drawn: DataFrame, seed: int) -> DataFrame:
    """A row for each copy of each document: `copies` becomes `copy` (int, from 0) and `order_key` (long).

    (id, copy) is unique; the key is XXH64 of `<id>#<copy>` under (seed, "order"), read as signed: uniform over all
    64-bit numbers. The corpus is the rows in the order of (order_key, id, copy), so that the copies of a document, and
    the documents of a source, are scattered evenly over it.
    """
    order_seed = purpose_seed(seed, "order")

    def key(names: pa.Array) -> pa.Array:
        return pa.array(hash64(names, order_seed).view(np.int64))

    copy = F.explode(F.sequence(F.lit(0), F.col("copies") - 1)).alias("copy")
    others = [name for name in drawn.columns if name != "copies"]
    copies = drawn.where(F.col("copies") > 0).select(*others, copy)
    return copies.withColumn("order_key", column_from(key, LONG)(F.concat_ws("#", "id", F.col("copy").cast("string"))))


def assign_shards(rows: DataFrame, bytes_on_disk: Column, shard_size: int) -> tuple[DataFrame, int]:
    """`rows` with `shard` (int), and the number of shards, at least 1.

    rows: order_key; `bytes_on_disk` estimates what a row takes of a shard, such as its text's bytes times the
    compression ratio of its source (`pipeline.shards.compression_ratio`). Each shard holds `shard_size` estimated bytes
    of the order and the last the rest; a rest under a tenth of a shard is spread over the others.

    Starts one Spark job: the estimated bytes of 4,096 equal ranges of the key.
    """
    key_bin = F.shiftright("order_key", 64 - 12) + BINS // 2
    sums = rows.groupBy(key_bin.cast("int").alias("bin")).agg(F.sum(bytes_on_disk.cast("double")).alias("bytes"))
    in_bins = np.zeros(BINS)
    for at, size in sums.collect():
        in_bins[at] = size
    boundaries = shard_boundaries(in_bins, shard_size)

    def shard(keys: pa.Array) -> pa.Array:
        return pa.array(np.searchsorted(boundaries, keys.to_numpy(), side="right").astype(np.int32))

    return rows.withColumn("shard", column_from(shard, INT)("order_key")), len(boundaries) + 1


def shard_boundaries(in_bins: NDArray[np.float64], shard_size: int) -> NDArray[np.int64]:
    """The first key of each shard but the first, from the bytes in each bin of the key space, shape (BINS,).

    A boundary lies inside its bin in proportion to the bytes, as keys are uniform.

    >>> even = np.full(BINS, 1.0)
    >>> shard_boundaries(even, 1024).tolist() == [-(2**62), 0, 2**62]
    True
    >>> [len(shard_boundaries(even, size)) + 1 for size in (5000, 4000, 3000)]
    [1, 1, 2]
    """
    sums = np.concatenate([[0.0], np.cumsum(in_bins)])
    n_shards = max(1, int(np.ceil(sums[-1] / shard_size - 0.1)))
    width = max(shard_size, sums[-1] / n_shards)
    # Zero bins make equal sums; np.interp needs no strict order, and any key between them parts the same rows.
    places = np.interp(width * np.arange(1, n_shards), sums, np.arange(BINS + 1))
    whole = np.floor(places)
    keys = (whole.astype(np.int64) - BINS // 2) * 2**52 + ((places - whole) * 2**52).astype(np.int64)
    return np.asarray(keys, np.int64)
