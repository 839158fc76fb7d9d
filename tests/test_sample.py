"""The sample: warcio reads it, its bytes repeat, and its truths hold."""

import doctest
import gzip
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from resiliparse.extract.html2text import extract_plain_text
from ruamel.yaml import YAML
from warcio.archiveiterator import ArchiveIterator

import pipeline.sample.captures
import pipeline.sample.noise
from pipeline.sample import duplicate_groups, truth, write_sample
from pipeline.sample.captures import captures, pages
from pipeline.sample.pages import question
from pipeline.sample.texts import articles, table
from pipeline.sample.write import references

FIRST, SECOND = "SAMPLE-2024-22-00000.warc.gz", "SAMPLE-2024-22-00001.warc.gz"
PAGE_KINDS = {
    "article": 34, "near_duplicate": 12, "exact_duplicate": 5, "reference_copy": 1, "other_language": 6,
    "spam": 76, "listing": 24, "index": 11, "error_page": 10,
}  # fmt: skip
WORD = re.compile(r"[㐀-鿿]|[^\W_㐀-鿿]+")


def grams(text: str, n: int) -> set[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return {tuple(words[start : start + n]) for start in range(len(words) - n + 1)}


def jaccard(left: str, right: str) -> float:
    a, b = grams(left, 5), grams(right, 5)
    return len(a & b) / len(a | b)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    assert write_sample(folder) == folder / "sample.yaml"
    return folder


def read_records(path: Path) -> list[tuple[Any, bytes]]:
    """Every record with its block or HTTP payload as stored; a digest that does not verify raises."""
    with path.open("rb") as stream:
        return [(record, record.raw_stream.read()) for record in ArchiveIterator(stream, check_digests="raise")]


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def payload(folder: Path, url: str) -> tuple[Any, bytes]:
    [found] = [
        (record, data)
        for name in (FIRST, SECOND)
        for record, data in read_records(folder / "crawl" / name)
        if record.rec_type == "response" and record.rec_headers["WARC-Target-URI"] == url
    ]
    return found


def test_warcio_reads_every_record_and_all_digests_verify(folder: Path) -> None:
    first, second = (
        Counter(record.rec_type for record, _ in read_records(folder / "crawl" / name)) for name in (FIRST, SECOND)
    )
    assert first == {"warcinfo": 1, "request": 93, "response": 93, "metadata": 1}
    assert second == {"warcinfo": 1, "request": 94, "response": 94, "revisit": 1}


def test_a_changed_byte_breaks_a_digest(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / FIRST
    broken.write_bytes(gzip.decompress((folder / "crawl" / FIRST).read_bytes()).replace(b"<h1>", b"<h2>", 1))
    with pytest.raises(Exception, match="digest"):
        read_records(broken)


def test_each_record_is_a_gzip_member_of_its_own(folder: Path) -> None:
    data = (folder / "crawl" / FIRST).read_bytes()
    offsets = [match.start() for match in re.finditer(rb"\x1f\x8b\x08\x00\x00\x00\x00\x00", data)]
    assert len(offsets) == 188
    assert gzip.decompress(data[offsets[5] : offsets[6]]).startswith(b"WARC/1.0\r\n")


def test_record_ids_are_unique(folder: Path) -> None:
    names = [*(folder / "crawl").glob("*.gz")]
    ids = [record.rec_headers["WARC-Record-ID"] for name in names for record, _ in read_records(name)]
    assert len(ids) == len(set(ids))


def test_a_second_write_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for cached in (articles, captures, pages, table):
        cached.cache_clear()
    write_sample(tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 8
    assert all((folder / path).read_bytes() == (tmp_path / path).read_bytes() for path in files)


def test_truth_counts_every_response_once(folder: Path) -> None:
    found = truth()
    assert {kind: len(found[kind]) for kind in PAGE_KINDS} == PAGE_KINDS
    others = ("not_ok", "robots", "image")
    assert [len(found[kind]) for kind in others] == [6, 1, 1]
    stored = [
        record.rec_headers["WARC-Target-URI"]
        for name in (FIRST, SECOND)
        for record, _ in read_records(folder / "crawl" / name)
        if record.rec_type == "response"
    ]
    assert sorted(stored) == sorted(url for kind in (*PAGE_KINDS, *others) for url in found[kind])


def test_every_page_of_the_first_file_has_a_conversion(folder: Path) -> None:
    responses = {record.rec_headers["WARC-Record-ID"]: record for record, _ in read_records(folder / "crawl" / FIRST)}
    wet = [
        (record, data)
        for record, data in read_records(folder / "crawl" / "SAMPLE-2024-22-00000.warc.wet.gz")
        if record.rec_type == "conversion"
    ]
    for record, data in wet:
        response = responses[record.rec_headers["WARC-Refers-To"]]
        assert response.rec_headers["WARC-Target-URI"] == record.rec_headers["WARC-Target-URI"]
        assert len(data.decode()) > 20
    html = [
        record
        for record in responses.values()
        if record.rec_type == "response"
        and record.http_headers.get_statuscode() == "200"
        and record.http_headers["Content-Type"].startswith("text/html")
    ]
    assert len(wet) == len(html)


def test_the_revisit_names_its_original(folder: Path) -> None:
    [revisit] = [r for r, _ in read_records(folder / "crawl" / SECOND) if r.rec_type == "revisit"]
    original, _ = payload(folder, truth()["revisit"][0])
    assert revisit.rec_headers["WARC-Refers-To"] == original.rec_headers["WARC-Record-ID"]
    assert revisit.rec_headers["WARC-Payload-Digest"] == original.rec_headers["WARC-Payload-Digest"]


def test_the_gb18030_page_is_declared_gb2312_in_meta_only(folder: Path) -> None:
    record, body = payload(folder, truth()["gb18030"][0])
    assert record.http_headers["Content-Type"] == "text/html"
    assert b"charset=gb2312" in body
    assert "方喆" in body.decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        body.decode("gb2312")


def test_the_big5_page_is_declared_in_the_header_only(folder: Path) -> None:
    record, body = payload(folder, truth()["big5"][0])
    assert record.http_headers["Content-Type"] == "text/html; charset=big5"
    assert b"charset" not in body
    assert "巷口的糖水鋪" in body.decode("big5")


def test_the_chunked_page_unpacks(folder: Path) -> None:
    url = truth()["chunked_gzip"][0]
    with_decoding = []
    for name in (FIRST, SECOND):
        with (folder / "crawl" / name).open("rb") as stream:
            with_decoding += [
                record.content_stream().read()
                for record in ArchiveIterator(stream)
                if record.rec_type == "response" and record.rec_headers["WARC-Target-URI"] == url
            ]
    assert "Looking after a bicycle chain" in with_decoding[0].decode()
    assert re.match(rb"[0-9a-f]+\r\n\x1f\x8b", payload(folder, url)[1])


def extracted() -> dict[str, str]:
    return {
        capture.url: extract_plain_text(capture.response.html, main_content=True, alt_texts=False)
        for capture in captures()
        if capture.response.html
    }


def test_duplicates_are_those_declared_and_no_others() -> None:
    texts = extracted() | {f"webtext/{row['id']}": row["text"] for row in references()["webtext"]}
    declared = {frozenset(pair) for group in duplicate_groups() for pair in combinations(group, 2)}
    assert len(declared) == 18
    shingles = {name: grams(text, 5) for name, text in texts.items()}
    found = {
        frozenset((a, b)): len(shingles[a] & shingles[b]) / len(shingles[a] | shingles[b])
        for a, b in combinations(shingles, 2)
    }
    assert min(found[pair] for pair in declared) > 0.85
    assert max(similarity for pair, similarity in found.items() if pair not in declared) < 0.6


def test_reprints_differ_and_repeats_do_not() -> None:
    by_url = {page.url: page for page in pages()}
    for page in by_url.values():
        if page.kind == "near_duplicate":
            assert 0.85 < jaccard(page.main_text, by_url[page.copy_of].main_text) < 1
    bodies = {capture.url: capture.response.body for capture in captures()}
    for url in truth()["exact_duplicate"]:
        assert bodies[url] == bodies[url.partition("?")[0]]


def test_only_the_planted_pages_share_13_grams_with_the_benchmark(folder: Path) -> None:
    items = read_jsonl(folder / "benchmarks" / "quiz.jsonl.gz")
    benchmark = set().union(*(grams(item["text"], 13) for item in items))
    curated = {f"{source}/{row['id']}": row["text"] for source, rows in references().items() for row in rows}
    texts = {page.url: page.main_text for page in pages()} | curated
    assert sorted(name for name, text in texts.items() if grams(text, 13) & benchmark) == truth()["planted"]


def test_planted_pages_leave_two_fragments() -> None:
    """200 characters around the question are cut; on both sides at least 200 stay, also in extracted text."""
    for url, item in zip(truth()["planted"], ("cork", "stone-in-bowl"), strict=True):
        before, after = extracted()[url].split(question(item))
        assert len(before) >= 400, url
        assert len(after) >= 400, url


def test_benchmark_items_are_long_enough_to_hold_13_grams(folder: Path) -> None:
    items = read_jsonl(folder / "benchmarks" / "quiz.jsonl.gz")
    assert Counter(item["lang"] for item in items) == {"en": 20, "zh": 10}
    assert set(items[0]) == {"benchmark", "split", "id", "text", "question", "choices", "answer", "lang"}
    assert len({item["id"] for item in items}) == 30
    for item in items:
        assert len(WORD.findall(item["question"])) >= (15 if item["lang"] == "en" else 25), item["id"]
        assert item["text"].startswith(item["question"])


def test_every_article_is_used_in_exactly_one_role() -> None:
    plan = table("plan")
    used = [slug for languages in plan["references"].values() for slugs in languages.values() for slug in slugs]
    used += [slug for book in plan["books"] for slug in book["chapters"]]
    used += [slug for role in ("articles", "guests") for slugs in plan[role].values() for slug in slugs]
    assert sorted(used) == sorted(articles())


def test_both_roles_have_enough_documents_of_both_languages() -> None:
    texts = [row["text"] for rows in references().values() for row in rows]
    assert Counter("zh" if len(re.findall(r"[㐀-鿿]", text)) > 100 else "en" for text in texts) == {"en": 16, "zh": 12}
    assert Counter(page.language for page in pages() if page.kind == "article") == {"en": 20, "zh": 14}


def test_curated_files_hold_id_and_text(folder: Path) -> None:
    sources = ("webtext", "wikipedia", "books")
    rows = {source: read_jsonl(folder / "curated" / f"{source}.jsonl.gz") for source in sources}
    assert {source: len(found) for source, found in rows.items()} == {"webtext": 13, "wikipedia": 12, "books": 3}
    assert rows["books"][0]["id"] == "boatyard-year"
    assert rows["webtext"][6]["text"].startswith("Three kinds of fog\n\nAnyone who lives on this coast")


@pytest.mark.parametrize("module", [pipeline.sample.captures, pipeline.sample.noise])
def test_the_docstrings_examples_hold(module: Any) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_config_is_the_one_in_configs_and_its_paths_exist(folder: Path) -> None:
    config = (folder / "sample.yaml").read_bytes()
    assert config == (Path(__file__).resolve().parents[1] / "configs" / "sample.yaml").read_bytes()
    parsed = YAML(typ="safe").load(config)
    assert sorted(parsed["sources"]) == sorted(parsed["mixture"]["weights"]) == sorted(parsed["dedup"]["prefer"])
    paths = [path for source in parsed["sources"].values() for path in source["paths"]]
    found = {path: len([*folder.glob(path)]) for path in paths + parsed["decontaminate"]["benchmarks"]}
    assert found == {
        "crawl/*.warc.gz": 2, "curated/webtext.jsonl.gz": 1, "curated/books.jsonl.gz": 1,
        "curated/wikipedia.jsonl.gz": 1, "benchmarks/*.jsonl.gz": 1,
    }  # fmt: skip
