"""Bands and rows: which pairs of signatures become candidates (Rajaraman and Ullmann 2011, section 3.4)."""

RECALL = 0.97  # of pairs exactly at the least similarity: the share that bands chosen for them must find


def candidate_chance(similarity: float, bands: int, rows: int) -> float:
    """The probability 1 - (1 - s^r)^b with which a pair shares a band.

    >>> round(candidate_chance(0.8, 12, 6), 3), round(candidate_chance(0.8, 14, 8), 3)
    (0.974, 0.924)
    """
    return float(1 - (1 - similarity**rows) ** bands)


def best_bands(similarity: float, permutations: int) -> tuple[int, int]:
    """Bands and rows: as many rows, which keep strangers apart, as let the bands find RECALL of pairs at `similarity`.

    >>> best_bands(0.8, 72), best_bands(0.8, 128), best_bands(0.5, 128)
    ((12, 6), (18, 7), (42, 3))
    """
    rows = max(
        (r for r in range(1, permutations + 1) if candidate_chance(similarity, permutations // r, r) >= RECALL), default=1
    )
    return permutations // rows, rows
