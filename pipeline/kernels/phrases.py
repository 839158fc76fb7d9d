"""How often the words and phrases of a list stand in texts; a phrase is the sequence of its units (kernels.text)."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels.text import Units, units


def count_phrase_words(found: Units, phrases: Iterable[str]) -> NDArray[np.int64]:
    """Words of each text that stand in a phrase, the longest one at each place and without overlap; shape (n,).

    >>> texts = pa.array(["Gold rush! A gold pan, gold.", "淘金，河边淘金"])
    >>> count_phrase_words(units(texts), ["gold pan", "gold", "淘金", "!"]).tolist()
    [4, 4]
    """
    listed = units(pa.array(sorted(set(phrases)), pa.string()))
    by_first: dict[int, list[list[int]]] = {}
    for a, b in zip(listed.bounds[:-1], listed.bounds[1:], strict=True):
        if b > a:
            sequence = listed.hashes[a:b].tolist()
            by_first.setdefault(sequence[0], []).append(sequence)
    for sequences in by_first.values():
        sequences.sort(key=len, reverse=True)
    counts = np.zeros(len(found.bounds) - 1, np.int64)
    places = np.flatnonzero(np.isin(found.hashes, np.array(sorted(by_first), np.uint64)))
    documents = np.searchsorted(found.bounds, places, "right") - 1
    free = 0
    for place, document in zip(places.tolist(), documents.tolist(), strict=True):
        if place < free:
            continue
        room = int(found.bounds[document + 1]) - place
        for sequence in by_first[int(found.hashes[place])]:
            n = len(sequence)
            if n <= room and found.hashes[place : place + n].tolist() == sequence:
                counts[document] += n
                free = place + n
                break
    return counts
