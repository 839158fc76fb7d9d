"""WebText's rule: links summed by URL, the pages they lead to counted by the source of links, every account balanced."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.accounts import funnel
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.kernels.urls import url_key
from pipeline.run import run
from pipeline.sources.links import links
from tests.path import manifest, rows

SPELLINGS = [
    "http://gold.example/pan/",
    "https://www.gold.example/pan",
    "HTTP://GOLD.example:80/pan?utm_campaign=x",
    "https://gold.example:443/p%61n/#washing",
    "//user@gold.example/pan?",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_one_key_for_every_spelling_of_a_page(url):
    assert url_key(url) == "gold.example/pan"


@pytest.mark.parametrize("url", [
    "http://gold.example/PAN", "http://gold.example:8080/pan", "http://m.gold.example/pan", "http://gold.example/pan?p=1",
    "http://gold.example/pan/2", "http://gold.example/pan%2520",
])  # fmt: skip
def test_other_pages_have_other_keys(url):
    assert url_key(url) not in ("", "gold.example/pan")


@pytest.mark.parametrize("url", ["", "pan", "mailto:a@b.example", "ftp://gold.example/x", "http://[::1", "http://a:b/", "http:///x"])
def test_what_is_no_page_has_no_key(url):
    assert url_key(url) == ""


def test_a_chinese_host_and_path():
    host = "淘金.example".encode("idna").decode()
    assert url_key("http://淘金.example/沙?金=1") == f"{host}/%E6%B2%99?%E9%87%91=1" == url_key(f"http://{host}/沙?金=1")


LINES = [
    '{"url": "http://gold.example/a", "score": 2}', '{"url": "http://gold.example/a/", "score": 1.5}', "",
    "http://gold.example/b 7", "http://gold.example/c", "no link at all", '{"url": 3}', '{"url"', "http://x.example/ nan",
]  # fmt: skip


def test_lines_of_every_kind_and_what_is_none(tmp_path):
    (tmp_path / "l.gz").write_bytes(gzip.compress("\n".join(LINES).encode()))
    found = list(links(str(tmp_path / "l.gz")))
    good = [(url, score) for url, score, _, reason in found if reason is None]
    assert good == [("gold.example/a", 2), ("gold.example/a", 1.5), ("gold.example/b", 7), ("gold.example/c", 1)]
    assert [reason for *_, reason in found if reason] == ["bad_link"] * 4
    pq.write_table(pa.table({"score": [4], "url": ["http://gold.example/d"]}), tmp_path / "l.parquet")
    assert list(links(str(tmp_path / "l.parquet"))) == [("gold.example/d", 4, 0, None)]
    assert [reason for *_, reason in links(str(tmp_path / "none"))] == ["unreadable_input"]


CONFIG = """
output: out
sources:
  readers: {format: links, paths: [readers.txt], of: crawl, role: reference}
  others: {format: links, paths: [others.jsonl], of: crawl, min_score: 1, role: raw}
  crawl: {format: jsonl, paths: [crawl.jsonl], role: raw}
  books: {format: jsonl, paths: [books.jsonl], role: reference}
language: {min_score: 0}
filters: {recipes: {default: none, zh: none}, limits: {word_count: {min: 1000}}}
quality: none
mixture: {token_budget: 1000}
"""


@pytest.fixture(scope="module")
def webtext(spark, tmp_path_factory):
    """Ten pages, of which readers link to 0 (twice), 1 and 2, and others to 2 and 3; page 4 has a captured twin."""
    folder = tmp_path_factory.mktemp("webtext")
    pages = [{"id": n, "url": f"https://www.gold.example/{n}/", "text": f"Page {n} of gold and sand."} for n in range(10)]
    pages.append({"id": "4b", "url": "http://gold.example/4", "text": "Page 4 of gold, seen again."})
    (folder / "crawl.jsonl").write_text("\n".join(map(json.dumps, pages)))
    (folder / "books.jsonl").write_text(json.dumps({"id": 0, "url": "http://gold.example/1", "text": "A book."}))
    scores = ((0, 1), (0, 2), (1, 3), (2, 3), (4, 3))
    readers = ["gold.example/9", *(f"http://gold.example/{n}?utm_source=r {k}" for n, k in scores)]
    (folder / "readers.txt").write_text("\n".join([*readers, "http://gold.example/5 2.9", "http://gold.example/gone 99"]))
    (folder / "others.jsonl").write_text("\n".join(json.dumps({"url": f"http://gold.example/{n}"}) for n in (2, 3)))
    (folder / "config.yaml").write_text(CONFIG)
    run(load_config(folder / "config.yaml"), lambda: spark, until="deduplicate")
    return folder / "out"


def test_linked_pages_move_and_the_first_list_counts_them(webtext):
    claims = {row["id"]: (row["origin"], row["source"]) for row in rows(webtext, "claims")}
    by_readers = {f"crawl/{n}" for n in ("0", "1", "2", "4", "4b")}
    assert claims == dict.fromkeys(by_readers, ("crawl", "readers")) | {"crawl/3": ("crawl", "others")}
    verdicts = {row["id"]: row for row in rows(webtext, "verdicts")}
    assert {one: row["source"] for one, row in verdicts.items() if one in claims} == {k: v for k, (_, v) in claims.items()}
    assert {row["source"] for one, row in verdicts.items() if one not in claims} == {"crawl", "books"}
    # rules are for raw sources: a page that a trusted source counts passes them
    assert {one for one, row in verdicts.items() if row["kept"]} == by_readers | {"books/0"}


def test_accounts_of_moved_pages_balance(webtext):
    counts = manifest(webtext)["stages"]["ingest"]["counts"]
    accounts = {one["source"]: one for one in counts["accounts"]}
    assert (accounts["crawl"]["documents_in"], accounts["crawl"]["kept"]) == (11, 5)
    assert accounts["crawl"]["dropped"] == {"claimed": 6}
    assert (accounts["readers"]["documents_in"], accounts["readers"]["kept"]) == (6, 5)
    assert accounts["readers"]["dropped"] == {"bad_link": 1}
    assert counts["links"]["readers"] == {"links": 7, "urls": 5, "documents": {"crawl": 5}}
    final = manifest(webtext)["stages"]["deduplicate"]["counts"]
    order = ("language", "filters", "deduplicate")
    found = funnel(counts["documents"], counts["claimed"], final["dropped"], final["kept"], order)
    assert all(one.balanced for one in found)


@pytest.mark.parametrize(("change", "says"), [
    ("sources.readers.of=shelf", "'shelf' is no source of pages; allowed: crawl, books"),
    ("sources.readers.of=others", "'others' is no source of pages"),
    ("sources.crawl.min_score=3", "belongs to format links"),
    ("sources.readers={format: links, paths: [x], role: raw}", "of: is missing"),
])  # fmt: skip
def test_a_wrong_rule_is_named(tmp_path, change, says):
    (tmp_path / "config.yaml").write_text(CONFIG)
    with pytest.raises(ConfigError, match=says):
        load_config(tmp_path / "config.yaml", [change])
