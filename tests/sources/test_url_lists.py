"""Lists of hosts, URLs and words: what they name is rejected before it is extracted, and nothing else."""

import gzip

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.run import run
from pipeline.sources.url_lists import is_listed, read_lists
from tests.path import manifest, rows
from tests.sources.archives import good, members


@pytest.fixture
def lists(tmp_path):
    """A folder as UT1's archive unpacks: categories with domains, urls and expressions."""
    folder = tmp_path / "blacklists" / "gamble"
    folder.mkdir(parents=True)
    (folder / "domains").write_text("bets.example\nwww.dice.example.\n10.0.0.7\n# nothing\n\n")
    (folder / "urls.gz").write_bytes(gzip.compress(b"pan.example/cards/\nhttp://m.example/?q=1\n"))
    (folder / "expressions").write_text("gold|sand\n")
    (folder / "words.txt").write_text("Casino\n赌场\n")
    return folder


URLS = {
    "http://bets.example/": True, "https://www.bets.example/x": True, "http://a.b.bets.example:8080/": True,
    "http://dice.example": True, "http://10.0.0.7/x": True, "http://mybets.example/": False, "http://example/": False,
    "https://www.pan.example/cards?utm_source=x": True, "http://pan.example/cards/2": False, "http://m.example/?q=1": True,
    "http://m.example/": False, "http://x.example/the-CASINO.html": True, "http://x.example/casinos": False,
    "http://x.example/赌场": True, "http://gold.example/sand": False, "": False, "urn:x": False, "http://[": False,
}  # fmt: skip


def test_what_is_named_and_what_is_not(lists):
    hashes = read_lists(map(str, sorted(lists.iterdir())))
    assert {url: is_listed(url, hashes) for url in URLS} == URLS
    assert len(hashes) == 7
    assert not any(is_listed(url, np.zeros(0, np.uint64)) for url in URLS)
    with pytest.raises(ConfigError, match="gone cannot be read"):
        read_lists([str(lists / "gone")])


def test_listed_captures_are_rejected_with_their_reason(spark, lists, tmp_path):
    (tmp_path / "c.warc.gz").write_bytes(members(*map(good, range(6))))
    (lists / "urls2").write_text("gold.example:8080/3\nhttps://gold.example:8080/4/\n")
    (tmp_path / "config.yaml").write_text("""
output: out
sources: {crawl: {format: warc, paths: [c.warc.gz], role: raw}}
extract: {url_lists: blacklists}
quality: none
mixture: {token_budget: 1000}
""")
    run(load_config(tmp_path / "config.yaml"), lambda: spark, until="ingest")
    assert {row["url"][-2:] for row in rows(tmp_path / "out", "rejected") if row["reason"] == "url_list"} == {"/3", "/4"}
    counts = manifest(tmp_path / "out")["stages"]["ingest"]["counts"]
    assert (counts["documents"], counts["rejected"]) == ({"crawl": 4}, {"crawl": {"url_list": 2}})
