import numpy as np
import pytest

from pipeline.kernels.blocks import NAMES, OF_BLOCK, Weights, chosen_text, find_blocks, text_of, weights

EVERYTHING = Weights(np.zeros(len(NAMES)), 1.0)


def described(markup: str) -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in find_blocks(markup.encode()).values]


def test_blocks_end_at_tags_and_lines_and_keep_their_text():
    markup = (
        "<h1>Gold</h1>\n\n<p>One <a href=\"/x&gt;y\">link</a> &amp;amp; more<br>\nnext line</p>\n\nloose\nlines\n"
        "<ul>\n  <li>first</li>\n  <li>second</li>\n</ul>\n<pre>def f():\n    x &lt; 1<br>\n\ny</pre>"
    )  # fmt: skip
    assert chosen_text(markup, EVERYTHING) == (
        "Gold\n\nOne link &amp; more\nnext line\n\nloose\nlines\n• first\n• second\ndef f():\n    x < 1\n\ny"
    )


def test_what_is_measured_of_a_block():
    (first,) = described('<p>Gold, <a href="/a,b.c">washed</a> in 1849. Really?</p>')
    assert first["words"] == pytest.approx(np.log1p(5))
    assert first["link"] == pytest.approx(6 / 25)
    assert first["commas"] == pytest.approx(1 / 5)
    assert first["stops"] == pytest.approx(2 / 5)
    assert first["digits"] == pytest.approx(4 / 25)
    assert (first["ends"], first["begins"], first["paragraph"], first["title"]) == (1, 1, 1, 0)
    (chinese,) = described("<h2>金子，是从沙里洗出来的。</h2>")
    assert chinese["words"] == pytest.approx(np.log1p(10 / 2))
    assert (chinese["commas"], chinese["stops"]) == pytest.approx((1 / 5, 1 / 5))
    assert (chinese["ends"], chinese["begins"], chinese["heading"]) == (1, 1, 1)


def test_a_link_ends_with_its_block():
    first, second = described('<h2><a href="#x">Heading</h2>\n\n<p>Text</p>')
    assert (first["link"], second["link"]) == (1, 0)


def test_neighbours_are_seen_on_both_sides():
    rows = described("<p>a b c</p><p>d</p><p>e f</p>")
    for name in OF_BLOCK:
        assert rows[0][f"{name}+1"] == rows[1][name] == rows[2][f"{name}-1"]
        assert rows[0][f"{name}+2"] == rows[2][name]
        assert rows[0][f"{name}-1"] == rows[2][f"{name}+1"] == 0
    assert [row["page-1"] for row in rows] == [0, 1, 1]


def test_left_out_blocks_leave_a_blank_line():
    data = b"one\ntwo\nthree"
    spans = find_blocks(data).spans
    assert text_of(data, spans, np.array([0, 1, 2])) == "one\ntwo\nthree"
    assert text_of(data, spans, np.array([0, 2])) == "one\n\nthree"


def test_what_resiliparse_escapes_and_breaks():
    listing = "<pre>a &amp;lt; b &lt;&gt; &quot;c&quot;<br>\n<br>d<br></pre>\n<p>after</p>"
    assert chosen_text(listing, EVERYTHING) == 'a &lt; b <> "c"\n\nd\nafter'


def test_line_numbers_beside_a_listing_are_no_block():
    assert chosen_text("<pre>1<br>2<br></pre><pre>x = 1</pre>", EVERYTHING) == "x = 1"


def test_nothing_taken_is_everything():
    assert chosen_text("<p>Home</p>", Weights(np.zeros(len(NAMES)), -1.0)) == "Home"
    assert chosen_text("") == ""


@pytest.mark.parametrize(
    "markup", ["<", "<p", "</", "<a href=", "&", "&amp", "a<b>c", "<p></p>\n\n", "\n" * 9, "淘" * 9, "<>"]
)
def test_total(markup):
    assert isinstance(chosen_text(markup), str)


def test_the_learned_weights_take_text_and_leave_menus():
    assert len(weights().weights) == len(NAMES)
    sand = "The heavy grains stay at the bottom of the pan, and the sand goes over its edge with the water."
    menu = '<a href="/">Home</a>\n<a href="/b">Shop</a>'
    assert chosen_text(f"<p>{sand}</p>\n\n<p>{sand}</p>\n\n{menu}") == f"{sand}\n\n{sand}"
    chinese = "金子比沙重，所以留在盘底；水一遍一遍地冲，沙子就随着水流走了，最后只剩下几粒金子。"
    assert chosen_text(f'<p>{chinese}</p>\n\n<p>{chinese}</p>\n\n<a href="/">首页</a>') == f"{chinese}\n\n{chinese}"
