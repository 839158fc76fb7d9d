"""The choice of bands against a search through all of them."""

import pytest

from pipeline.kernels.banding import RECALL, best_bands, candidate_chance


@pytest.mark.parametrize("similarity", [0.05, 0.5, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("permutations", [1, 10, 72, 100, 128])
def test_the_strictest_bands_that_find_enough(similarity: float, permutations: int):
    bands, rows = best_bands(similarity, permutations)
    assert bands * rows <= permutations
    enough = [
        (b, r) for r in range(1, permutations + 1) for b in range(1, permutations // r + 1)
        if candidate_chance(similarity, b, r) >= RECALL
    ]  # fmt: skip
    assert rows == max((r for _, r in enough), default=1)
    assert bands == permutations // rows
