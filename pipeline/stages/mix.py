"""Which documents the corpus holds, how often, in which order, and in which shard.

    kept    id, source, token_count, ...           documents that survived every stage
      │ draw           copies: whole passes over a source, and the prefix of its hashed order nearest to the quota
    drawn   ..., copies
      │ order_keys     a row for each copy, with its place in the whole corpus
    copies  ..., copy, order_key
      │ assign_shards  boundaries on that order, so that files are of one size
    rows    ..., copy, order_key, shard            what `pipeline.shards` writes, text joined to it

All three are pure functions of (seed, id, copy) and of sums over the rows: partitions and retries change nothing.
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
_LAST_DRAWN = StructType([StructField("source", STRING), StructField("unit", DOUBLE), StructField("id", STRING)])


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn of one source: `passes` of every document, and once more those up to (unit, id) in its order."""

    passes: int
    unit: float
    id: str


def draw(kept: DataFrame, plans: Sequence[SourcePlan], seed: int) -> DataFrame:
    """`kept` with `copies` (int): how often each document is in the corpus; 0 for a document that is not drawn.

    kept: id, source, token_count (long, never null), and what else it has. A source's documents stand in the order of
    unit_interval(seed, "sample", id), then id. The tokens drawn of a source are within half of its largest document of
    its plan's `reachable_quota`.

    Starts two Spark jobs: the tokens of 4,096 bins of that order for each source, and the exact order inside the one
    bin where a source's quota ends. So nothing that grows is collected, and no source is sorted as a whole.
    `kept` is read three times: hand over a table that is written, not a plan that is long.
    """

    def unit(ids: pa.Array) -> pa.Array:
        return pa.array(unit_interval(seed, "sample", ids))

    placed = kept.withColumn("_unit", column_from(unit, DOUBLE)("id"))
    draws = _draws(placed, {plan.source: plan.reachable_quota for plan in plans})
    return placed.withColumn("copies", _copies(draws)).drop("_unit")


def _draws(placed: DataFrame, quotas: Mapping[str, int]) -> dict[str, Draw]:
    tokens = _tokens_by_bin(placed)
    if unplanned := sorted(set(tokens) - set(quotas)):
        raise ValueError(f"no plan for the source {unplanned[0]!r}: planned are {', '.join(sorted(quotas))}")
    draws: dict[str, Draw] = {}
    open_bins: dict[str, tuple[int, int]] = {}  # source -> the bin where its quota ends, and the tokens it still needs
    for source, in_bins in tokens.items():
        total = int(in_bins.sum())
        passes, rest = divmod(quotas[source], total) if total else (0, 0)
        sums = np.cumsum(in_bins)
        crossing = int(np.searchsorted(sums, rest, side="right")) if rest else 0
        before = int(sums[crossing - 1]) if crossing else 0
        draws[source] = Draw(passes, crossing / BINS, "")  # the documents of all bins before this one
        if rest > before:
            open_bins[source] = (crossing, rest - before)
    for source, (unit, last) in _last_drawn(placed, open_bins).items():
        draws[source] = Draw(draws[source].passes, unit, last)
    return draws


def _tokens_by_bin(placed: DataFrame) -> dict[str, NDArray[np.int64]]:
    """Source -> tokens in each bin of its order, shape (BINS,)."""
    bin_tokens = placed.groupBy("source", _bin().alias("bin")).agg(F.sum("token_count").alias("tokens"))
    table = bin_tokens.toArrow()
    tokens: dict[str, NDArray[np.int64]] = {}
    for source, at, count in zip(*(table[name].to_pylist() for name in ("source", "bin", "tokens")), strict=True):
        tokens.setdefault(source, np.zeros(BINS, np.int64))[at] = count
    return tokens


def _last_drawn(placed: DataFrame, open_bins: Mapping[str, tuple[int, int]]) -> dict[str, tuple[float, str]]:
    """Source -> (unit, id) of the last document that its prefix takes from the bin where its quota ends, if any.

    One task holds one bin of one source: a 4,096th of its documents, without text.
    """
    if not open_bins:
        return {}
    needs = {source: needed for source, (_, needed) in open_bins.items()}

    def last_of_prefix(key: tuple[pa.Scalar, ...], documents: pa.Table) -> pa.Table:
        ordered = documents.sort_by([("_unit", "ascending"), ("id", "ascending")])
        n = nearest_prefix(ordered["token_count"].to_numpy(), needs[key[0].as_py()])
        last = ordered.slice(max(n - 1, 0), min(n, 1))
        return pa.table({"source": last["source"], "unit": last["_unit"], "id": last["id"]})

    in_open_bin = F.lit(False)
    for source, (at, _) in open_bins.items():
        in_open_bin |= (F.col("source") == source) & (F.col("_unit") >= at / BINS) & (F.col("_unit") < (at + 1) / BINS)
    documents = placed.where(in_open_bin).select("source", "_unit", "id", F.col("token_count").cast("long"))
    rows = documents.groupBy("source").applyInArrow(last_of_prefix, _LAST_DRAWN).collect()
    return {row.source: (row.unit, row.id) for row in rows}


def _copies(draws: Mapping[str, Draw]) -> Column:
    copies = F.lit(0)
    for source, drawn in draws.items():
        in_prefix = F.struct("_unit", "id") <= F.struct(F.lit(drawn.unit), F.lit(drawn.id))
        copies = F.when(F.col("source") == source, F.lit(drawn.passes) + in_prefix.cast("int")).otherwise(copies)
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
