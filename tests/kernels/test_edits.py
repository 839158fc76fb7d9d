"""What appendix C cuts from one text, and how what is left is joined."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.edits import (
    SEPARATOR,
    Edit,
    apply,
    carried,
    cut,
    fragments,
    pieces,
    removals,
    replaced,
    resolved,
    spans,
    windows,
)


def nothing(kept):
    return []


def test_windows_of_the_paper():
    assert windows([(1000, 1080)], 200, 5000) == [(800, 1280)]
    assert windows([(10, 90)], 200, 5000) == [(0, 290)]
    assert windows([(4900, 4990)], 200, 5000) == [(4700, 5000)]
    # a leak of 30 words is 18 n-grams, and one cut
    assert windows([(k, k + 60) for k in range(1000, 1090, 5)], 200, 5000) == [(800, 1345)]
    # windows that touch are one cut, those a character apart are two
    assert len(windows([(1000, 1060), (1460, 1520)], 200, 5000)) == 1
    assert len(windows([(1000, 1060), (1461, 1521)], 200, 5000)) == 2


def test_eleven_pieces_from_ten_cuts():
    cuts = windows([(start, start + 60) for start in range(500, 10_500, 1000)], 200, 10_000)
    assert len(cuts) == 10
    assert len(fragments(cuts, 10_000)) == 11


def test_a_short_fragment_is_counted_and_goes():
    one = cut("x" * 2000, [(500, 550), (1049, 1100)], 200, 200, nothing)
    assert (one.removed, one.n_fragments, one.n_kept) == ([(300, 1300)], 3, 2)  # 99 characters between the windows
    one = cut("x" * 2000, [(500, 550), (1150, 1200)], 200, 200, nothing)
    assert (one.removed, one.n_fragments, one.n_kept) == ([(300, 750), (950, 1400)], 3, 3)  # exactly 200 stay
    one = cut("x" * 450, [(200, 250)], 200, 200, nothing)
    assert (one.removed, one.n_fragments, one.n_kept) == ([(0, 450)], 0, 0)


@given(st.integers(0, 400), st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), max_size=6))
def test_pieces_and_cuts_are_the_text(length, places):
    text = "".join(chr(0x4E00 + i) for i in range(length))
    given = [(start, min(length, start + size)) for start, size in places if start < length]
    cuts = windows(given, 5, length)
    assert pieces(text, cuts) == [text[a:b] for a, b in fragments(cuts, length)]
    removed = {i for a, b in cuts for i in range(a, b)}
    assert removed == {i for s, e in given for i in range(max(0, s - 5), min(length, e + 5))}
    left = "".join(c for i, c in enumerate(text) if i not in removed)
    assert apply(text, removals(cuts, length, "")) == SEPARATOR.join(pieces(text, cuts))
    assert "".join(pieces(text, cuts)) == left


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=5), st.data())
def test_spans_of_the_joined_text_are_found_in_the_original(sizes, data):
    text, kept, at = "", [], 0
    for gap, size in sizes:
        kept.append((at + gap, at + gap + size))
        at += gap + size
    text = "".join(chr(0x4E00 + i) for i in range(at))
    edits = removals(fragments(kept, at), at, "")
    joined = apply(text, edits)
    assert joined == SEPARATOR.join(text[a:b] for a, b in kept)
    letters = [i for i, c in enumerate(joined) if c != "\n"]
    start, last = sorted((data.draw(st.sampled_from(letters)), data.draw(st.sampled_from(letters))))
    low, high = carried((start, last + 1), replaced(edits), spans(edits))
    assert (text[low], text[high - 1]) == (joined[start], joined[last])


def test_what_comes_about_at_a_seam_is_cut_too():
    text = "a" * 300 + "xy" + "-" * 50 + "yz" + "b" * 300

    def seams(kept):
        edits = removals(fragments(kept, len(text)), len(text), "")
        at = apply(text, edits).find("x\n\nz")
        return [carried((at, at + 4), replaced(edits), spans(edits))] if at >= 0 else []

    one = cut(text, [(302, 352)], 1, 10, seams)
    assert one.removed == [(299, 355)]  # the x and the z, and a character on each side
    assert one.n_fragments == 2
    assert apply(text, removals(one.removed, len(text), "")) == "a" * 299 + SEPARATOR + "b" * 299


def test_a_clean_document_is_unchanged():
    assert apply("as\u0000 it \r\n is", []) == "as\u0000 it \r\n is"


def edits_of(text, data):
    """Edits of a text, apart from each other: masked, shortened, removed."""
    at, made = 0, []
    while at < len(text) and data.draw(st.booleans()):
        start = data.draw(st.integers(at, len(text) - 1))
        end = data.draw(st.integers(start + 1, min(len(text), start + 6)))
        made.append(Edit(start, end, data.draw(st.sampled_from(["", "#", "####", "########"])), "early"))
        at = end
    return made


@given(st.integers(1, 60), st.data())
def test_edits_of_an_edited_text_are_edits_of_the_stored_one(length, data):
    """A later stage cuts the edited text; what is stored of both gives the text that it saw."""
    text = "".join(chr(0x4E00 + i) for i in range(length))
    early = edits_of(text, data)
    seen = apply(text, early)
    places = [] if not seen else data.draw(st.lists(st.integers(0, len(seen) - 1), max_size=4))
    cuts = windows([(place, place + 1) for place in places], 3, len(seen), replaced(early))
    made = removals(cuts, len(seen), "late")
    stored = [
        Edit(*carried((one.start, one.end), replaced(early), spans(early)), one.replacement, one.reason) for one in made
    ]
    both = resolved([*early, *stored])
    assert apply(text, both) == apply(seen, made)
    assert all(one.start < one.end <= two.start for one, two in pairwise(both))


@given(st.integers(1, 60), st.data())
def test_a_span_is_carried_over_edits_and_back(length, data):
    text = "".join(chr(0x4E00 + i) for i in range(length))
    edits = edits_of(text, data)
    seen, before, after = apply(text, edits), spans(edits), replaced(edits)
    for start in range(len(seen)):
        low, high = carried((start, start + 1), after, before)
        assert text[low:high] == seen[start] or (low, high) in before
        a, b = carried((low, high), before, after)
        assert a <= start < b
        assert (a, b) == (start, start + 1) or (a, b) in after


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=8))
def test_any_edits_resolve_to_spans_apart(given_spans):
    edits = [Edit(start, start + size, "", str(size)) for start, size in given_spans]
    left = resolved(edits)
    assert set(left) <= set(edits)
    assert all(one.end <= two.start for one, two in pairwise(left))
    for one in set(edits) - set(left):
        assert any(other.start <= one.start < other.end for other in left)
