import time

import pytest

from pipeline.kernels.html import MAX_ATTRIBUTES, MAX_DEPTH, TooDeepError, is_deeper, main_text, unclosed_tags

PAGE = """<!doctype html><html><head><title>Washing gold</title><script>var x = "<div>";</script></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop</a></li></ul></nav>
<main><article><h1>Washing gold</h1><p>Fill the pan with sand and water and swirl it.</p>
<p>The heavy grains stay at the bottom of the pan.</p></article></main>
<footer>All rights reserved</footer></body></html>"""


def test_main_text_leaves_menus_and_footers_out():
    body = "Fill the pan with sand and water and swirl it.\n\nThe heavy grains stay at the bottom of the pan."
    assert main_text(PAGE) == (body, None)
    assert main_text(PAGE, "resiliparse") == ("Washing gold\n\n" + body, None)


def test_whole_page_keeps_them():
    text, _ = main_text(PAGE, "whole_page")
    assert "Home" in text
    assert "All rights reserved" in text


def test_trafilatura_reads_what_a_reader_would_and_the_guard_stands_before_it():
    text, _ = main_text(PAGE.replace("<p>The heavy", "<p>And again. </p>" * 20 + "<p>The heavy"), "trafilatura")
    assert "The heavy grains stay at the bottom of the pan." in text
    assert "Home" not in text
    assert main_text("", "trafilatura") == ("", None)
    assert main_text("<div>" * 3_000 + "gold", "trafilatura") == ("gold", "deep")


def test_deep_page_is_read_whole_in_linear_time():
    html = "<nav>Menu</nav>" + "<div>" * 100_000 + "gold" + "</div>" * 100_000
    start = time.perf_counter()
    assert main_text(html) == ("Menu\ngold", "deep")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("depth", [MAX_DEPTH - 10, MAX_DEPTH + 10])
def test_the_limit_of_depth(depth):
    html = "<div>" * depth + "<p>gold in the sand" + "</div>" * depth
    assert main_text(html)[1] == ("deep" if depth > MAX_DEPTH else None)
    assert is_deeper(html, MAX_DEPTH) == (depth > MAX_DEPTH)


@pytest.mark.parametrize("tag", ["<p>", "<br>", "<li>", "<tr><td>", "<img src=x>", "<option>", "<input>"])
def test_tags_without_end_tags_do_not_nest(tag):
    assert unclosed_tags((tag * 5_000).encode())[0] == 0
    assert main_text("<p>gold in the sand</p>" + (tag + "x") * 5_000)[1] is None


FORMATTING = "a b big code em font i nobr s small strike strong tt u".split()  # noqa: SIM905


@pytest.mark.parametrize("tag", [*FORMATTING, "div", "section", "span", "table", "title", "sub", "form", "bdi", "button"])
def test_formatting_elements_left_open_are_counted(tag):
    html = f"<{tag} x=1>" * 7 + f"</{tag.upper()}>" * 3 + f"<{tag}>"
    assert unclosed_tags(html.encode()) == (7, 1, 7 if tag in FORMATTING else 0)


@pytest.mark.parametrize(("unit", "remark"), [
    ("<font><i><b><p>x</font>", "too deep"), ("<a><div>x", "too deep"), ("<b><p>x", "too deep"),
    ("<table><tr><td>x", "deep"), ("<ul><li>x", "deep"), ("<svg><g>", "deep"), ("<div><span>x</span>", "deep"),
])  # fmt: skip
def test_a_million_bytes_of_nesting_end_in_useful_time(unit, remark):
    start = time.perf_counter()
    try:
        found = main_text(unit * (1_000_000 // len(unit)))[1]
    except TooDeepError:
        found = "too deep"
    assert found == remark
    assert time.perf_counter() - start < 10


def test_many_nodes_in_open_elements_are_not_looked_at_one_by_one():
    html = "<section>" * (MAX_DEPTH + 1) + "</section>" * 5 + "<p>x<br>" * 200_000
    start = time.perf_counter()
    assert main_text(html)[1] == "deep"
    assert time.perf_counter() - start < 10


def test_many_anchors_left_open_are_not_deep():
    html = "<a name=x>gold " * 5_000
    assert unclosed_tags(html.encode())[0] == 5_000
    assert main_text(html)[1] is None


@pytest.mark.parametrize("form", ["a{}=1", "a{}='>'", 'a{} = ">"', "a{}", "a{}=/x"])
def test_attributes_of_one_tag_are_counted(form):
    tag = "<div " + " ".join(form.format(i) for i in range(300)) + ">"
    assert unclosed_tags((tag + "<p>x").encode()) == (1, 300, 0)


def test_a_tag_with_too_many_attributes_is_refused_at_once():
    html = "<div " + " ".join(f"a{i}=1" for i in range(200_000)) + ">gold"
    start = time.perf_counter()
    with pytest.raises(TooDeepError):
        main_text(html)
    assert time.perf_counter() - start < 5
    assert MAX_ATTRIBUTES < 200_000


@pytest.mark.parametrize(
    "html", ["", "<", "</", "<a", "<a b='", "<a b", "<!-- ", "\ud800", "\0", "<" * 10**5, "&amp" * 10**5, "a" * 10**6]
)
def test_total(html):
    text, remark = main_text(html)
    assert isinstance(text, str)
    assert remark is None


def test_bytes_of_the_page_serve_the_guard_as_well():
    html = "<div>" * 3_000 + "淘金"
    assert main_text(html, data=html.encode("gb18030")) == main_text(html) == ("淘金", "deep")
