"""Connected components of a graph given as edges.

Small graphs are solved on the driver. Larger ones by alternating large-star and small-star steps (Kiveris et al. 2014,
"Connected components in MapReduce and beyond", algorithms 1 to 3) until no edge changes: each step is one shuffle of the
edges, and the number of steps grows with the logarithm of the graph's diameter in practice.
"""

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from pipeline.arrow import Checkpoint

DRIVER_EDGES = 1_000_000  # 16 MB: below this the driver holds the edges


def connected_components(edges: DataFrame, checkpoint: Checkpoint, driver_edges: int = DRIVER_EDGES) -> DataFrame:
    """`node, component` for each node that has an edge; `component` is the least node of its component.

    `edges` has long columns `left, right`, in any direction, with loops and repetitions allowed. Starts Spark jobs.
    """
    few = edges.limit(driver_edges + 1).toArrow()
    if few.num_rows <= driver_edges:
        return _on_driver(edges.sparkSession, few)
    return _by_stars(edges, checkpoint)


def _on_driver(spark: SparkSession, edges: pa.Table) -> DataFrame:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components as components_of

    left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
    nodes, places = np.unique(np.concatenate([left, right]), return_inverse=True)  # ascending: firsts are least
    graph = coo_array((np.ones(len(left), np.int8), (places[: len(left)], places[len(left) :])), (len(nodes),) * 2)
    _, labels = components_of(graph, directed=False) if len(nodes) else (0, np.zeros(0, np.int32))
    _, least = np.unique(labels, return_index=True)
    table = pa.table({"node": pa.array(nodes, pa.int64()), "component": pa.array(nodes[least[labels]], pa.int64())})
    return spark.createDataFrame(table)


def _by_stars(edges: DataFrame, checkpoint: Checkpoint) -> DataFrame:
    """Invariant of each step: the components of `stars` are those of `edges`, and left > right (no loops)."""
    both = edges.where("left != right").select(
        F.greatest("left", "right").alias("left"), F.least("left", "right").alias("right")
    )
    stars = checkpoint("stars-0", both.distinct())
    loops = edges.where("left = right").select(F.col("left").alias("node"))
    total = _fingerprint(stars)
    step = 0
    while True:
        step += 1
        stars = checkpoint(f"stars-{step}", _small_star(_large_star(stars)))
        after = _fingerprint(stars)
        if after == total:  # every node points at its component's least node
            break
        total = after
    inner = stars.select(F.col("left").alias("node"), F.col("right").alias("component"))
    roots = stars.select(F.col("right").alias("node"), F.col("right").alias("component")).distinct()
    lone = loops.distinct().join(inner.union(roots), "node", "left_anti").select("node", F.col("node").alias("component"))
    return inner.union(roots).union(lone)


def _fingerprint(stars: DataFrame) -> tuple[int, int]:
    """Number of edges and an order-free hash of them; hashes are summed as decimals, which cannot overflow."""
    digest = F.xxhash64("left", "right").cast("decimal(38,0)")
    row = stars.agg(F.count(F.lit(1)), F.coalesce(F.sum(digest), F.lit(0))).first()
    assert row is not None
    return int(row[0]), int(row[1])


def _large_star(stars: DataFrame) -> DataFrame:
    """Each node joins its strictly larger neighbours to the least node of its neighbourhood (itself included)."""
    arcs = stars.union(stars.select("right", "left"))  # node, neighbour
    arcs = arcs.toDF("node", "neighbour")
    least = F.least(F.col("node"), F.min("neighbour").over(Window.partitionBy("node")))
    linked = arcs.select("node", "neighbour", least.alias("least")).where("neighbour > node")
    return linked.select(F.col("neighbour").alias("left"), F.col("least").alias("right")).distinct()


def _small_star(stars: DataFrame) -> DataFrame:
    """Each node joins its smaller neighbours and itself to the least of them."""
    arcs = stars.toDF("node", "neighbour")  # node > neighbour
    least = F.min("neighbour").over(Window.partitionBy("node"))
    linked = arcs.select("node", "neighbour", least.alias("least"))
    moved = linked.where("neighbour != least").select("neighbour", "least")
    return moved.union(linked.select("node", "least")).toDF("left", "right").distinct()
