"""Components against networkx, on the driver and by stars; graphframes' list of cases."""

import random

import networkx as nx
import pytest

from pipeline.components import connected_components

BIG = 2**63 - 1
CASES = {
    "empty": [],
    "loop": [(7, 7)],
    "pair": [(1, 2)],
    "reversed and repeated": [(2, 1), (1, 2), (1, 2)],
    "two pairs": [(1, 2), (3, 4)],
    "chain": [(i, i + 1) for i in range(60)],
    "chain against the order of ids": [(60 - i, 59 - i) for i in range(60)],
    "star": [(0, i) for i in range(1, 40)],
    "dangling": [(5, 1), (5, 2), (5, 3), (3, 9)],
    "limits of a long": [(-BIG - 1, BIG), (BIG, 0), (-5, -6)],
    "joined late": [(1, 2), (2, 3), (10, 11), (11, 12), (3, 12)],
}


def random_edges(seed: int) -> list[tuple[int, int]]:
    draw = random.Random(seed)
    return [(draw.randrange(-40, 40), draw.randrange(-40, 40)) for _ in range(draw.randrange(1, 70))]


def expected(edges: list[tuple[int, int]]) -> dict[int, int]:
    graph = nx.Graph(edges)
    return {node: min(component) for component in nx.connected_components(graph) for node in component}


def everything() -> list[tuple[int, int]]:
    """All cases and ten random graphs side by side: each shifted to numbers of its own."""
    graphs = [edges for name, edges in CASES.items() if name != "limits of a long"]
    graphs += [random_edges(seed) for seed in range(10)]
    return CASES["limits of a long"] + [
        (left + 1000 * place, right + 1000 * place) for place, edges in enumerate(graphs, 1) for left, right in edges
    ]


def components(spark, folder, edges: list[tuple[int, int]], driver_edges: int) -> list[tuple[int, int]]:
    def checkpoint(step, frame):
        frame.write.parquet(str(folder / step))
        return spark.read.parquet(str(folder / step))

    frame = spark.createDataFrame(edges, "left long, right long")
    return [tuple(row) for row in connected_components(frame, checkpoint, driver_edges=driver_edges).collect()]


@pytest.mark.parametrize("adaptive", ["true", "false"])
@pytest.mark.parametrize("driver_edges", [0, 10_000], ids=["stars", "driver"])
def test_every_case_at_once(spark, tmp_path, driver_edges, adaptive):
    spark.conf.set("spark.sql.adaptive.enabled", adaptive)
    persisted = set(spark.sparkContext._jsc.getPersistentRDDs())  # by other tests of this session
    try:
        found = components(spark, tmp_path, everything(), driver_edges)
    finally:
        spark.conf.unset("spark.sql.adaptive.enabled")
    assert dict(found) == expected(everything())
    assert len(found) == len(dict(found))  # each node once
    assert set(spark.sparkContext._jsc.getPersistentRDDs()) <= persisted


def test_no_edges(spark, tmp_path):
    assert components(spark, tmp_path, [], 10) == []


def test_the_same_by_stars_and_on_the_driver_at_the_limit(spark, tmp_path):
    edges = CASES["chain against the order of ids"][:6]
    on_driver = components(spark, tmp_path / "driver", edges, driver_edges=6)
    by_stars = components(spark, tmp_path / "stars", edges, driver_edges=5)
    assert not (tmp_path / "driver").exists()
    assert (tmp_path / "stars" / "stars-0").exists()
    assert sorted(on_driver) == sorted(by_stars)
