"""Wikipedia's dumps: prose out of wikitext, and the same pages from any ranges of a multistream file."""

import bz2
import gzip
from itertools import pairwise
from xml.sax.saxutils import escape

import pytest

from pipeline.schema import COUNTED
from pipeline.sources.mediawiki import page_rows
from pipeline.sources.splits import FilePartition
from pipeline.sources.wikitext import plain_text

HIDDEN = frozenset({"file", "image", "category", "datei"})
SITE = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="en"><siteinfo>
<base>https://en.wikipedia.example/wiki/Main_Page</base><namespaces><namespace key="0" case="first-letter" />
<namespace key="6" case="first-letter">Datei</namespace><namespace key="14" case="first-letter">Category</namespace>
</namespaces></siteinfo>
"""
ARTICLE = """{{Infobox metal|name=Gold}}'''Gold NUMBER''' is [[metal|a metal]]<ref name="a">Smith, {{cite|x}}</ref> found
{{convert|5|km|mi}} deep &ndash; in ''sand''.

== History ==
[[Datei:Pan.jpg|thumb|A [[pan]]]]
{| class="wikitable"
|-
| a || b
|}
It was washed by {{lang|fr|orpailleurs}}.

== References ==
{{reflist}}
[[Category:Metals]]
"""
PROSE = """Gold NUMBER is a metal found
5 km deep – in sand.

History

It was washed by orpailleurs."""


def xml_page(n: int, text: str, ns: int = 0, extra: str = "") -> str:
    return (
        f"<page><title>Gold &amp; {n}</title><ns>{ns}</ns><id>{n}</id>{extra}<revision><id>7</id>"
        f"<timestamp>2026-11-01T00:00:00Z</timestamp><text xml:space='preserve'>{escape(text)}</text></revision></page>\n"
    )


def dump(n_streams: int = 6) -> list[bytes]:
    """Header, streams of three articles, a redirect and a talk page each, footer: as a multistream dump has them."""
    streams = [SITE.encode()]
    for k in range(n_streams):
        first = 10 * k
        pages = [xml_page(first + i, ARTICLE.replace("NUMBER", str(first + i))) for i in range(3)]
        pages.append(xml_page(first + 3, "#REDIRECT [[Gold]]", extra='<redirect title="Gold" />'))
        pages.append(xml_page(first + 4, "talk", ns=1))
        streams.append("".join(pages).encode())
    return [*streams, b"</mediawiki>"]


def told(path, bounds=(0,)):
    """The rows that ranges between `bounds` give, and the pages that they count."""
    parts = [FilePartition(str(path), a, b) for a, b in pairwise([*bounds, None])]
    found = [row for part in parts for row in page_rows(part, "wiki", frozenset({0}))]
    return [row for row in found if row.outcome != COUNTED], sum(row.offset for row in found if row.outcome == COUNTED)


def test_a_page_becomes_prose_and_the_others_are_counted(tmp_path):
    (tmp_path / "enwiki.xml").write_bytes(b"".join(dump(1)))
    rows, n = told(tmp_path / "enwiki.xml")
    assert [row.remark for row in rows] == [None, None, None, "redirect", "namespace"]
    assert n == 5
    assert [row.text for row in rows[:3]] == [PROSE.replace("NUMBER", str(k)) for k in range(3)]
    assert (rows[1].id, rows[1].url) == ("wiki/1", "https://en.wikipedia.example/wiki/Gold_%26_1")
    assert (rows[1].date, rows[1].metadata) == ("2026-11-01T00:00:00Z", {"title": "Gold & 1"})


PACKED = {
    "multistream": lambda parts: b"".join(map(bz2.compress, parts)),
    "one stream": lambda parts: bz2.compress(b"".join(parts)),
    "cut anywhere": lambda parts: b"".join(
        bz2.compress(b"".join(parts)[at : at + 1000]) for at in range(0, len(b"".join(parts)), 1000)
    ),
    "plain": b"".join,
    "gzip": lambda parts: gzip.compress(b"".join(parts)),
}


@pytest.mark.parametrize("pack", PACKED)
def test_any_ranges_give_each_page_once(tmp_path, pack):
    path = tmp_path / "enwiki-pages-articles.xml"
    path.write_bytes(PACKED[pack](dump()))
    plain = tmp_path / "plain"
    plain.write_bytes(b"".join(dump()))
    expected = [(row.id, row.remark, row.text) for row in told(plain)[0]]
    assert len(expected) == 30
    whole = told(path)
    assert [(row.id, row.remark, row.text) for row in whole[0]] == expected
    size = path.stat().st_size
    for step in (137, 1000, size // 2):
        assert told(path, range(0, size, step)) == whole


def test_a_damaged_stream_costs_its_pages_only(tmp_path):
    streams = [bz2.compress(part) for part in dump()]
    middle = len(streams[3]) // 2
    streams[3] = streams[3][:middle] + bytes(20) + streams[3][middle + 20 :]
    (tmp_path / "d.bz2").write_bytes(b"".join(streams))
    rows, n = told(tmp_path / "d.bz2")
    assert n == 25
    assert [row.remark for row in rows].count("corrupt_member") == 1
    assert {row.id for row in rows if row.text} == {f"wiki/{10 * k + i}" for k in (0, 1, 3, 4, 5) for i in range(3)}


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"BZh9 no", bz2.compress(b"<rss>")])
def test_what_is_no_dump_is_told_once(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    rows, n = told(tmp_path / "x", [0, 3] if data else [0])
    assert [row.remark for row in rows if row.remark == "unreadable_input"] == ["unreadable_input"]
    assert n == 0


@pytest.mark.parametrize(("wikitext", "prose"), [
    ("[[:File:Pan.jpg|the pan]] and [[Pan]]s [http://x.example label] http://y.example",
     "the pan and Pans label http://y.example"),
    ("a<br/>b<nowiki>[[c]]</nowiki> <math>x</math> __NOTOC__ {{nowrap|d e}}", "a\nb[[c]] d e"),
    ("-{zh-hans:沙;zh-hant:砂}-和-{金}-", "沙和金"),
    ("== A ==\n=== B ===\ntext\n== C ==\n=== D ===\n", "A\n\nB\n\ntext"),
    ("* one\n* two\n# three", "one\ntwo\nthree"),
    ("", ""), ("{{" * 50, "{{" * 50), ("[[" * 2000, "[[" * 2000),
])  # fmt: skip
def test_wikitext(wikitext, prose):
    assert plain_text(wikitext, HIDDEN) == prose
