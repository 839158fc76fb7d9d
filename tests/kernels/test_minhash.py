"""Signatures against datasketch, similarity against sets, the banding curve against its closed form."""

from itertools import combinations

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash

from pipeline.kernels.banding import candidate_chance
from pipeline.kernels.minhash import (
    compare_stars,
    shingle_hash32,
    shingle_sets,
    signature_column,
    signatures,
)
from pipeline.kernels.text import units
from pipeline.sample.write import references

NO_HUBS = np.zeros(0, np.int64)
TEXTS = [
    "Gold is where you find it, and where you do not look it is not.",
    "淘金者在河边淘金，河边没有金子的时候他们就回家。",
    "Смешанный текст, English words и 汉字 в одном предложении, и ещё немного слов.",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ",
    "one two three four five",
    "one two three four",
    "",
]


def shingle_texts(text: str, size: int) -> list[bytes]:
    data = text.encode()
    found = units(pa.array([text]))
    words = [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]
    return [" ".join(words[i : i + size]).encode() for i in range(len(words) - size + 1)]


@pytest.mark.parametrize("permutations", [10, 72, 128])
def test_every_value_is_datasketchs(permutations):
    signed = signatures(units(pa.array(TEXTS)), 5, permutations)
    for text, mine in zip(TEXTS, signed, strict=True):
        theirs = MinHash(num_perm=permutations, seed=1, scheme="affine32", hashfunc=shingle_hash32)
        for shingle in shingle_texts(text, 5):
            theirs.update(shingle)
        assert mine.tolist() == theirs.hashvalues.tolist()


def test_short_documents_have_no_signature():
    lengths = [len(value) for value in signature_column(units(pa.array(TEXTS)), 5, 72).to_pylist()]
    assert lengths == [288, 288, 288, 288, 288, 0, 0]


def share_a_band(left: pa.Array, right: pa.Array, bands: int, rows: int) -> np.ndarray:
    one, other = (np.frombuffer(b"".join(side.to_pylist()), "<u4").reshape(-1, bands, rows) for side in (left, right))
    return (one == other).all(axis=2).any(axis=1)


def test_four_thousand_pairs_between_080_and_085_follow_the_curve():
    """The share of candidates is the mean of 1 - (1 - s^r)^b over the pairs, within 4 standard errors (seed 11)."""
    draw = np.random.default_rng(11)
    left, right, similarities = [], [], []
    for i in range(4000):
        wanted = draw.uniform(0.80, 0.85)
        own = round(200 * (1 - wanted) / (1 + wanted))  # of 200 words each
        common = [f"c{i}x{k}" for k in range(200 - own)]
        left.append(" ".join(common + [f"l{i}x{k}" for k in range(own)]))
        right.append(" ".join(common + [f"r{i}x{k}" for k in range(own)]))
        similarities.append((200 - own) / (200 + own))
    found = [units(pa.array(side)) for side in (left, right)]
    sets = pa.concat_arrays([shingle_sets(one, 1, 20_000) for one in found])
    order = np.arange(8000).reshape(2, 4000).T.ravel()
    exact = compare_stars(np.repeat(np.arange(4000), 2), NO_HUBS, sets.take(pa.array(order)), 20_000, 0.8, 1).similarity
    assert exact == pytest.approx(similarities)
    for bands, rows in ((12, 6), (14, 8), (10, 1)):
        expected = np.array([candidate_chance(one, bands, rows) for one in exact])
        share = share_a_band(*(signature_column(one, 1, bands * rows) for one in found), bands, rows).mean()
        error = np.sqrt((expected * (1 - expected)).sum()) / 4000
        assert abs(share - expected.mean()) <= 4 * error + 1e-9
        if (bands, rows) == (12, 6):
            assert share >= 0.975


def similarity(sets: pa.Array, cap: int) -> float:
    return compare_stars(np.zeros(2, np.int64), NO_HUBS, sets, cap, 0.0, 1).similarity[0]


def test_jaccard_is_exact_and_its_sketch_close():
    texts = pa.array([" ".join(f"w{k}" for k in range(4000)), " ".join(f"w{k}" for k in range(1000, 5000))])
    assert similarity(shingle_sets(units(texts), 1, 100_000), 100_000) == 3000 / 5000
    cut = shingle_sets(units(texts), 1, 1000)
    assert len(cut[0].as_py()) == 8000
    assert similarity(cut, 1000) == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / 1000))


def test_agreement_estimates_similarity():
    texts = [" ".join(f"w{k}" for k in range(200)), " ".join(f"w{k}" for k in range(50, 250))]
    for n in (1024, 1025):  # an odd number of values, too
        assert similarity(signature_column(units(pa.array(texts)), 1, n), 0) == pytest.approx(0.6, abs=0.062)


def test_texts_without_shingles_are_like_nothing():
    for sets, cap in ((shingle_sets(units(pa.array(["a", "a"])), 5, 9), 9), (pa.array([b"", b""], pa.binary()), 0)):
        assert similarity(sets, cap) == 0.0


def drawn_stars(sizes: list[int]) -> tuple[np.ndarray, pa.Array, nx.Graph]:
    """Stars of texts of 20 of 30 words each, their sets, and the graph of pairs of a star that share 0.4 of their words."""
    draw = np.random.default_rng(2)
    groups = np.repeat(np.arange(len(sizes)) + 5, sizes)
    words = [frozenset(draw.integers(0, 30, 20).tolist()) for _ in groups]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(groups)))
    for i, j in combinations(range(len(groups)), 2):
        if groups[i] == groups[j] and len(words[i] & words[j]) >= 0.4 * len(words[i] | words[j]):
            graph.add_edge(i, j)
    texts = pa.array([" ".join(f"w{n}" for n in sorted(one)) for one in words])
    return groups, shingle_sets(units(texts), 1, 100), graph


def components(graph: nx.Graph) -> set[frozenset[int]]:
    return {frozenset(one) for one in nx.connected_components(graph)}


def test_all_similar_members_of_a_star_are_linked_by_as_few_pairs():
    groups, sets, graph = drawn_stars([2, 9, 1, 33, 20, 5] * 40)
    found = compare_stars(groups, NO_HUBS, sets, 100, 0.4, 32)
    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert all(graph.has_edge(*pair) for pair in pairs)
    links = nx.Graph(pairs)
    links.add_nodes_from(graph)
    assert components(links) == components(graph)
    assert len(found.alone) == 0
    assert len(pairs) == len(groups) - len(components(graph))
    groups, sets, _ = drawn_stars([2] * 100)
    found = compare_stars(groups, NO_HUBS, sets, 100, 0.4, 32)
    assert 10 < found.n_failed == 100 - len(found.left) < 90


def test_members_alone_in_a_crowded_star_are_like_no_hub():
    groups, sets, graph = drawn_stars([300])
    found = compare_stars(groups, NO_HUBS, sets, 100, 0.55, 4)
    links = nx.Graph(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert len(found.alone) > 10
    assert not set(found.alone.tolist()) & set(links)
    assert len(links) > 10
    assert all(graph.has_edge(*pair) for pair in links.edges)


def test_a_member_like_none_takes_the_place_of_one_that_is_linked():
    """a and its 39 near copies fill the hubs; then b, a stranger, is one, so that its own copies find it."""
    words = [f"w{k}" for k in range(40)]
    near = [" ".join([*words[:k], f"x{k}", *words[k + 1 :]]) for k in range(40)]
    strange = [" ".join(f"y{k}" for k in range(40)), " ".join(f"y{k}" for k in range(1, 40))]
    sets = shingle_sets(units(pa.array(near + strange)), 1, 100)
    found = compare_stars(np.zeros(42, np.int64), NO_HUBS, sets, 100, 0.8, 4)
    assert (40, 41) in set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert len(found.alone) == 0
    assert 40 in found.hubs[0]
    equal = shingle_sets(units(pa.array(strange[:1] * 6)), 1, 100)
    assert compare_stars(np.zeros(6, np.int64), NO_HUBS, equal, 100, 0.8, 4).hubs.tolist() == [[0], [0]]


@pytest.mark.parametrize("max_hubs", [4, 32])
def test_a_star_goes_on_in_the_next_batch_where_it_stopped(max_hubs):
    groups, sets, _ = drawn_stars([15, 1, 64])
    whole = compare_stars(groups, NO_HUBS, sets, 100, 0.5, max_hubs)
    wanted = list(zip(whole.left, whole.right, whole.similarity, strict=True))
    found, alone, hubs, linked = [], [], np.zeros(0, np.int64), NO_HUBS
    for start in range(0, 80, 6):
        places = np.concatenate([hubs, np.arange(start, min(80, start + 6))])
        one = compare_stars(groups[places], linked, sets.take(pa.array(places)), 100, 0.5, max_hubs)
        found += zip(places[one.left], places[one.right], one.similarity, strict=True)
        alone += places[one.alone].tolist()
        hubs, linked = places[one.hubs[0]], one.hubs[1]
    assert found == wanted
    assert alone == whole.alone.tolist()
    assert set(groups[whole.left].tolist()) == {5, 7}
    assert (groups[whole.left] == groups[whole.right]).all()


def test_pairs_at_the_limit_are_kept():
    """Similarities of n / (n + 4) for each n, each the limit itself."""
    for n in range(1, 60):
        words = [f"w{k}" for k in range(n + 4)]
        for cap in (1000, n + 4):  # whole sets, and sketches of the union
            sets = shingle_sets(units(pa.array([" ".join(words), " ".join(words[:n])])), 1, cap)
            found = compare_stars(np.zeros(2, np.int64), NO_HUBS, sets, cap, n / (n + 4), 1)
            assert found.similarity.tolist() == [n / (n + 4)]
            assert compare_stars(np.zeros(2, np.int64), NO_HUBS, sets, cap, (n + 0.01) / (n + 4), 1).n_failed == 1


def test_on_the_samples_own_texts():
    texts = [row["text"] for rows in references().values() for row in rows]
    signed = signatures(units(pa.array(texts)), 5, 16)
    theirs = MinHash(num_perm=16, seed=1, scheme="affine32", hashfunc=shingle_hash32)
    theirs.update_batch(shingle_texts(texts[0], 5))
    assert signed[0].tolist() == theirs.hashvalues.tolist()
