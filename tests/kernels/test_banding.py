"""The choice of bands against a search through all of them, and the pages that one URL names."""

import pytest

from pipeline.kernels.banding import RECALL, best_bands, candidate_chance
from pipeline.kernels.urls import normalised_url


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


def test_what_does_not_tell_pages_apart():
    same = [
        "http://example.org/a/b?x=1&y=2", "https://www.EXAMPLE.org:443/a/b/?y=2&x=1#part", "//example.org/a/b?x=1&y=2&",
        "https://user:secret@example.org/a/b?fbclid=3&x=1&y=2", "http://example.org:80/a/b;jsessionid=5?x=1&y=2&UTM_Source=k",
    ]  # fmt: skip
    assert {normalised_url(url) for url in same if not url.startswith("//")} == {"example.org/a/b?x=1&y=2"}
    apart = [
        "http://example.org/a", "http://example.org/A", "http://example.org/a?x=1", "http://example.org/a?x=2",
        "http://example.org:8080/a", "http://example.org/a#!x", "http://a.example.org/a", "ftp://example.org/a",
        "http://example.org/a?ref=main", "mailto:a", "", "http://[", "\ud800",
    ]  # fmt: skip
    assert len({normalised_url(url) for url in apart}) == len(apart)
