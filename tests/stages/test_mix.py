from collections import defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.kernels.hashing import hash64, purpose_seed, unit_interval
from pipeline.kernels.mixture import Bucket, SourcePlan, cutoff, plan
from pipeline.stages.mix import BINS, assign_shards, bucket, draw, hold_out, order_keys, shard_boundaries

SEED = 20200528


def make_documents() -> list[tuple[str, str, int]]:
    """id, source, token_count: a large source, a small one, one of a single document, one of empty documents."""
    chance = np.random.default_rng(0)
    sizes = {
        "web": chance.geometric(0.02, 6000),
        "wiki": chance.integers(0, 900, 300),
        "book": [70_000],
        "empty": [0, 0],
    }
    return [(f"{source}/{i}", source, int(n)) for source, counts in sizes.items() for i, n in enumerate(counts)]


DOCUMENTS = make_documents()
TOKENS: dict[str, int] = defaultdict(int)
LARGEST: dict[str, int] = defaultdict(int)
for _, _source, _n in DOCUMENTS:
    TOKENS[_source] += _n
    LARGEST[_source] = max(LARGEST[_source], _n)


@pytest.fixture(scope="module")
def kept(spark: SparkSession) -> DataFrame:
    frame = spark.createDataFrame(DOCUMENTS, "id string, source string, token_count long").repartition(3).cache()
    assert frame.count() == len(DOCUMENTS)
    return frame


def plans_for(epochs: float) -> tuple[SourcePlan, ...]:
    return plan(None, int(epochs * sum(TOKENS.values())), TOKENS, {}, None)


def expected_copies(plans: tuple[SourcePlan, ...]) -> dict[str, int]:
    """The draw as its definition says it, in plain Python."""
    copies = {}
    for one in plans:
        ids = [name for name, source, _ in DOCUMENTS if source == one.source]
        unit = dict(zip(ids, unit_interval(SEED, "sample", pa.array(ids, pa.string())).tolist(), strict=True))
        count = {name: n for name, _, n in DOCUMENTS}
        ordered = sorted(ids, key=lambda name: (unit[name], name))
        passes, prefix = cutoff(np.array([count[name] for name in ordered], np.int64), one.reachable_quota)
        copies |= {name: passes + (place < prefix) for place, name in enumerate(ordered)}
    return copies


@pytest.mark.parametrize("epochs", [0.1, 1, 2.5, 5])
def test_the_draw_is_its_definition_and_within_half_a_document(kept: DataFrame, epochs: float) -> None:
    plans = plans_for(epochs)
    drawn = draw(kept, plans, SEED).collect()
    assert {row.id: row.copies for row in drawn} == expected_copies(plans)
    realised: dict[str, int] = defaultdict(int)
    for row in drawn:
        realised[row.source] += row.copies * row.token_count
    for one in plans:
        assert 2 * abs(realised[one.source] - one.reachable_quota) <= LARGEST[one.source]


def test_weights_zero_and_quotas_in_the_first_and_last_bin(kept: DataFrame) -> None:
    tokens = {"web": TOKENS["web"], "wiki": TOKENS["wiki"], "book": TOKENS["book"], "empty": 0}
    quotas = {"web": 7, "wiki": TOKENS["wiki"] - 1, "book": 0, "empty": 40}
    plans = plan(quotas, sum(quotas.values()), tokens, {}, None)
    assert {one.source: one.quota for one in plans} == quotas
    copies = {row.id: row.copies for row in draw(kept, plans, SEED).collect()}
    assert copies == expected_copies(plans)
    assert not any(n for name, n in copies.items() if name.startswith(("book", "empty")))


def test_good_documents_are_drawn_more_often_within_their_buckets(kept: DataFrame) -> None:
    """Scores 0 to 1 by id, a tenth of web without one; wiki has no curve."""
    nth = F.substring_index("id", "/", -1).cast("int")
    score = F.when(nth % 10 == 0, F.when(nth % 20 == 0, float("nan"))).otherwise(nth / 6000)
    scored = kept.where("source in ('web', 'wiki')").withColumn("quality_score", score)
    scores = {"web": [0.0, 0.5, 0.9]}
    rows = scored.withColumn("bucket", bucket(scores)).collect()
    held: dict[int | None, list[int]] = defaultdict(list)
    for row in rows:
        held[row.bucket].append(row.token_count)
        unscored = row.quality_score is None or row.quality_score != row.quality_score
        by_hand = 3 if unscored else sum(row.quality_score >= least for least in scores["web"]) - 1
        assert row.bucket == (by_hand if row.source == "web" else None)
    factors = ((0.0, 0.0), (0.5, 1.0), (0.9, 3.0), (None, 1.0))
    buckets = [Bucket(*given, sum(held[k]), len(held[k])) for k, given in enumerate(factors)]
    budget = sum(one.tokens for one in buckets)
    plans = plan({"web": 1, "wiki": 1}, 2 * budget, {"web": budget, "wiki": TOKENS["wiki"]}, {}, None, {"web": buckets})
    realised: dict[int | None, int] = defaultdict(int)
    for row in draw(scored, plans, SEED).withColumn("bucket", bucket(scores)).collect():
        realised[row.bucket] += row.copies * row.token_count
    for k, one in enumerate(plans[0].buckets):
        assert 2 * abs(realised[k] - one.quota) <= max(held[k])
    assert realised[0] == 0 and realised[2] / sum(held[2]) > 2.9 * realised[1] / sum(held[1])
    assert 2 * abs(realised[None] - plans[1].reachable_quota) <= LARGEST["wiki"]


def test_what_is_held_out_is_near_its_quota_and_equal_texts_stay_together(kept: DataFrame) -> None:
    """Every fifth text stands in web and in wiki."""
    nth = F.substring_index("id", "/", -1)
    hashed = kept.withColumn("text_hash", F.when(nth % 5 == 0, nth).otherwise(F.col("id")))
    plans = plan({"web": 2, "wiki": 5}, TOKENS["wiki"] // 2, TOKENS, {}, 0.5)  # far more of wiki, whose equals web gives up
    first = {row.id: row for row in hold_out(hashed, plans, SEED).collect()}
    assert {row.id for row in hold_out(hashed.repartition(7), plans, SEED).where("held_out").collect()} == {
        name for name, row in first.items() if row.held_out
    }
    assert len(first) == len(DOCUMENTS)
    sides: dict[str, set[bool]] = defaultdict(set)
    tokens: dict[str, int] = defaultdict(int)
    for row in first.values():
        sides[row.text_hash].add(row.held_out)
        tokens[row.source] += row.held_out * row.token_count
    assert all(len(side) == 1 for side in sides.values())
    twins = sum(n for name, source, n in DOCUMENTS if source == "web" and int(name[4:]) < 300 and int(name[4:]) % 5 == 0)
    for one in plans:
        off = 2 * (tokens[one.source] - one.quota)
        assert -LARGEST[one.source] <= off <= LARGEST[one.source] + 2 * twins  # equals that others took along


def test_partitions_change_nothing(kept: DataFrame) -> None:
    def corpus(n_partitions: int) -> set[tuple[str, int, int, int]]:
        copies = order_keys(draw(kept.repartition(n_partitions), plans_for(1.5), SEED), SEED)
        rows, _ = assign_shards(copies, F.col("token_count") * 4, 400_000)
        return {(row.id, row.copy, row.order_key, row.shard) for row in rows.collect()}

    one = corpus(1)
    assert corpus(7) == one
    assert len({(name, copy) for name, copy, _, _ in one}) == len(one)


def test_an_unplanned_source_is_named(kept: DataFrame) -> None:
    with pytest.raises(ValueError, match="'web'"):
        draw(kept, plan(None, 10, {"book": 1, "wiki": 1, "empty": 0}, {}, None), SEED)


def test_order_key_is_the_hash_of_seed_id_and_copy(spark: SparkSession) -> None:
    drawn = spark.createDataFrame([("a#1", 2, 9), ("b", 0, 9)], "id string, copies int, part int")
    rows = sorted(order_keys(drawn, SEED).collect(), key=lambda row: row.copy)
    keys = hash64(pa.array(["a#1#0", "a#1#1"]), purpose_seed(SEED, "order")).view(np.int64).tolist()
    assert [row.asDict() for row in rows] == [
        {"id": "a#1", "part": 9, "copy": copy, "order_key": keys[copy]} for copy in (0, 1)
    ]


def runs_z(mine: np.ndarray) -> float:
    """Wald and Wolfowitz's runs test: standard normal if the True and False stand in random order."""
    n, n1 = len(mine), int(mine.sum())
    mean = 1 + 2 * n1 * (n - n1) / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return float((1 + np.count_nonzero(mine[1:] != mine[:-1]) - mean) / variance**0.5)


def test_the_order_mixes_the_sources(kept: DataFrame) -> None:
    rows = order_keys(draw(kept, plans_for(2), SEED), SEED).select("source", "order_key", "id", "copy").collect()
    ordered = sorted(rows, key=lambda row: (row.order_key, row.id, row.copy))
    for source in ("web", "wiki"):
        assert abs(runs_z(np.array([row.source == source for row in ordered]))) < 4
        assert abs(runs_z(np.array(sorted(row.source == source for row in ordered)))) > 4  # the control


@pytest.mark.parametrize("shard_size", [30_000, 200_000, 10**9])
def test_shards_hold_equal_estimated_bytes(kept: DataFrame, shard_size: int) -> None:
    rows, n_shards = assign_shards(
        order_keys(kept.withColumn("copies", F.lit(1)), SEED), F.col("token_count"), shard_size
    )
    sizes = {row.shard: row.size for row in rows.groupBy("shard").agg(F.sum("token_count").alias("size")).collect()}
    keys = rows.groupBy("shard").agg(F.min("order_key").alias("first"), F.max("order_key").alias("last")).collect()
    assert n_shards == max(1, int(np.ceil(sum(TOKENS.values()) / shard_size - 0.1)))
    assert set(sizes) <= set(range(n_shards))
    # In a bin the boundary is interpolated: a shard is off by at most the largest document at either end.
    assert all(
        abs(sizes[shard] - shard_size) <= max(LARGEST.values()) + 0.1 * shard_size
        for shard in range(n_shards - 1)
        if shard in sizes
    )
    by_shard = sorted((row.shard, row.first, row.last) for row in keys)
    assert all(before[2] < after[1] for before, after in pairwise(by_shard))


def test_boundaries_lie_inside_bins_in_proportion() -> None:
    in_bins = np.zeros(BINS)
    in_bins[BINS // 2] = 100.0  # keys from 0 to 2**52
    assert shard_boundaries(in_bins, 25).tolist() == [2**50, 2**51, 3 * 2**50]
    assert shard_boundaries(np.zeros(BINS), 25).tolist() == []
