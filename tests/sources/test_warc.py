"""From a record to a row: which become documents, with what in them, and why the others do not."""

import gzip
import zlib

import brotli
import pytest
import zstandard

from pipeline.sources.warc import Reading, WarcReader, file_rows
from tests.sources.archives import (
    PARAGRAPH,
    assert_balanced,
    counts,
    good,
    http_response,
    members,
    outcome,
    page,
    read_bytes,
    read_rows,
    record,
)

TEXT = f"Page 1. {PARAGRAPH}".strip()


def one(folder, block: bytes, *fields: str, kind: str = "response", **options):
    """The row of a file's only record."""
    rows = read_bytes(folder, members(record(block, 1, *fields, kind=kind)), **options)
    assert_balanced(rows)
    (row,) = (row for row in rows if row.outcome != "counted")
    return row


def test_every_column_of_a_document(tmp_path):
    row = one(tmp_path, http_response(page(1)))
    assert row._asdict() == {
        "outcome": "document",
        "id": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "url": "http://Gold.example:8080/1",
        "dump": "CC-MAIN-20261122",
        "date": "2026-11-22T10:00:00Z",
        "text": TEXT,
        "file": str(tmp_path / "CC-MAIN-20261122-00000.warc.gz"),
        "offset": 0,
        "length": (tmp_path / "CC-MAIN-20261122-00000.warc.gz").stat().st_size,
        "remark": None,
        "metadata": None,
    }


def test_batch_holds_language_hash_and_host(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(members(good(1), record(b"", 2, kind="revisit"), record(b"x", 3, kind="request")))
    (batch,) = WarcReader({"paths": f'["{path}"]', "origin": "cc"}).read(
        WarcReader({"path": str(path)}).partitions()[0]
    )
    document, rejection, *counted = batch.to_pylist()
    assert (document["language"], document["host"], document["origin"]) == ("en", "gold.example", "cc")
    assert 0.5 < document["language_score"] <= 1.0
    assert len(document["text_hash"]) == 32
    assert (rejection["remark"], rejection["language"], rejection["text_hash"]) == ("revisit", None, None)
    assert [(row["id"], row["offset"]) for row in counted] == [("request", 1), ("response", 1), ("revisit", 1)]


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (http_response(page(1), status="HTTP/1.1 404 Not Found"), "http_status"),
        (http_response(page(1), status="HTTP/1.1 301"), "http_status"),
        (http_response(b"%PDF-1.7", content_type="application/pdf"), "not_html"),
        (http_response(b"%PDF-1.7 <p>"), "not_html"),
        (http_response(b'{"a": 1}', content_type=""), "not_html"),
        (http_response(b"<html><body><script>x()</script></body></html>"), "no_text"),
        (http_response(b""), "no_text"),
        (http_response(b"<p>  \n\xc2\xa0 </p>"), "no_text"),
        (b"", "not_html"),
        (b"HTTP/1.1 200 OK", "not_html"),
        (b"\x00\xff\xfe junk", "not_html"),
        (http_response(b"\xff\xff\0\xfe gold", "Content-Encoding: br"), "bad_content_encoding"),
        (http_response(b"<div " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x"), "too_deep"),
    ],
)
def test_responses_that_give_no_document(tmp_path, block, reason):
    row = one(tmp_path, block)
    assert (row.outcome, row.remark, row.text) == ("rejected", reason, None)
    assert row.id == "urn:uuid:00000000-0000-4000-8000-000000000001"
    assert row.url == "http://Gold.example:8080/1"


BODY = page(1)


@pytest.mark.parametrize(
    "block",
    [
        http_response(BODY),
        http_response(BODY, status="HTTP/2 200"),
        http_response(BODY, status="HTTP/1.0 200"),
        http_response(BODY, status="HTTP/1.1  200 Okay then"),
        http_response(BODY, content_type="application/xhtml+xml"),
        http_response(BODY, content_type="TEXT/HTML; Charset=nonsense"),
        http_response(BODY, content_type=""),
        http_response(BODY).replace(b"\r\n", b"\n"),
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + BODY,  # no empty line
        BODY,  # no HTTP at all
        http_response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), "Transfer-Encoding: chunked"),
        http_response(b"10;x=y\r\n%s\r\n%X\r\n%s\r\n0\r\n\r\n" % (BODY[:16], len(BODY) - 16, BODY[16:]),
                      "Transfer-Encoding: Chunked"),
        http_response(BODY, "Transfer-Encoding: chunked"),  # a lie
        http_response(b"FFFFFFFFFFFFFFFF\r\n" + BODY, "Transfer-Encoding: chunked"),
        http_response(gzip.compress(BODY), "Content-Encoding: gzip"),
        http_response(gzip.compress(BODY)),  # not declared
        http_response(gzip.compress(gzip.compress(BODY)), "Content-Encoding: gzip"),
        http_response(gzip.compress(BODY) + b"trailing junk", "Content-Encoding: x-gzip"),
        http_response(gzip.compress(BODY[:100]) + gzip.compress(BODY[100:]), "Content-Encoding: gzip"),
        http_response(BODY, "Content-Encoding: gzip"),  # a lie
        http_response(zlib.compress(BODY), "Content-Encoding: deflate"),
        http_response(zlib.compress(BODY)[2:-4], "Content-Encoding: deflate"),  # without the zlib frame
        http_response(BODY, "Content-Encoding: deflate"),
        http_response(brotli.compress(BODY), "Content-Encoding: br"),
        http_response(BODY, "Content-Encoding: br"),
        http_response(zstandard.compress(BODY), "Content-Encoding: zstd"),
        http_response(brotli.compress(gzip.compress(BODY)), "Content-Encoding: gzip, br"),
        http_response(BODY, "Content-Encoding: utf-8"),
        http_response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(gzip.compress(BODY)), gzip.compress(BODY)),
                      "Transfer-Encoding: chunked", "Content-Encoding: gzip"),
    ],
)  # fmt: skip
def test_a_page_is_found_however_it_is_wrapped(tmp_path, block):
    row = one(tmp_path, block)
    assert (row.outcome, row.text, row.remark) == ("document", TEXT, None)


def test_a_body_damaged_half_way_keeps_its_beginning(tmp_path):
    body = b"<html><body><p>" + b" ".join(b"grain %d of gold" % n for n in range(20_000)) + b"</p></body></html>"
    squeezed = bytearray(gzip.compress(body))
    squeezed[len(squeezed) // 2 : len(squeezed) // 2 + 20] = b"\xff" * 20
    row = one(tmp_path, http_response(bytes(squeezed), "Content-Encoding: gzip"))
    assert row.text.startswith("grain 0 of gold grain 1 of gold")
    assert len(row.text) > 50_000


@pytest.mark.parametrize(
    ("kind", "content_type", "expected"),
    [
        ("resource", "text/html; charset=utf-8", "document"), ("resource", "text/css", "not_html"),
        ("resource", "", "not_html"), ("revisit", "message/http", "revisit"), ("conversion", "text/plain", "not_html"),
    ],
)  # fmt: skip
def test_other_records_that_may_hold_text(tmp_path, kind, content_type, expected):
    row = one(tmp_path, BODY, f"Content-Type: {content_type}", kind=kind)
    assert (row.remark or row.outcome) == expected


def test_wet_takes_the_text_of_conversion_records(tmp_path):
    path = tmp_path / "CC-MAIN-20261122-00000.warc.wet.gz"
    text = "淘金 is washing gold.\r\nA grain at a time."
    path.write_bytes(
        members(
            record(b"Software: x", 0, kind="warcinfo"),
            record(text.encode(), 1, "Content-Type: text/plain", kind="conversion"),
            record(b" \n", 2, "Content-Type: text/plain", kind="conversion"),
            record(b"{}", 3, "Content-Type: application/json", kind="conversion"),
            good(4),
        )
    )
    rows = list(file_rows(str(path), Reading("cc", f"{tmp_path}/", "blocks", 10_000_000, wet=True)))
    assert outcome(rows) == ["1", "no_text 2", "not_html 3", "4"]
    assert rows[0].text == text
    assert (rows[0].url, rows[0].dump) == ("http://Gold.example:8080/1", "CC-MAIN-20261122")
    assert_balanced(rows)
    assert outcome(read_rows(path)) == ["not_html 1", "not_html 2", "not_html 3", "4"]


@pytest.mark.parametrize("kind", ["request", "warcinfo", "metadata", "continuation", "unknown"])
def test_records_that_are_only_counted(tmp_path, kind):
    rows = read_bytes(tmp_path, members(record(BODY, 1, kind=kind), good(2)))
    assert outcome(rows) == ["2"]
    assert counts(rows) == {kind: 1, "response": 1}


def test_a_damaged_request_is_told_without_upsetting_the_accounts(tmp_path):
    rows = read_bytes(tmp_path, good(0) + record(b"GET /", 1, kind="request", length=90_000) + good(2))
    assert outcome(rows) == ["0", "damaged_other", "2"]
    assert_balanced(rows)


def test_truncated_captures_are_kept_with_a_remark(tmp_path):
    row = one(tmp_path, http_response(BODY[:-30]), "WARC-Truncated: length")
    assert (row.outcome, row.remark) == ("document", "truncated")


def test_text_that_utf8_cannot_hold_is_mended(tmp_path):
    row = one(tmp_path, http_response(b"<p>gold &#xD800; in \0 the sand \xed\xa0\x80 of rivers</p>"))
    row.text.encode()
    assert "\0" not in row.text
    assert "gold" in row.text
    assert "of rivers" in row.text


def test_a_record_without_id_is_named_by_file_and_text(tmp_path):
    (tmp_path / "b").mkdir()
    data = good(1).replace(b"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000001>\r\n", b"")
    (row, _) = read_bytes(tmp_path, members(data), "x.warc.gz")
    # sha256 of the text, by another program
    import hashlib

    assert row.id == f"cc/x.warc.gz#{hashlib.sha256(TEXT.encode()).hexdigest()[:16]}"


def test_target_uri_in_angle_brackets(tmp_path):
    data = good(1).replace(b"http://Gold.example:8080/1", b"<http://Gold.example/1>")
    assert read_bytes(tmp_path, members(data))[0].url == "http://Gold.example/1"


def test_engine_whole_page_keeps_menus(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(members(record(http_response(b"<nav><a href=/>Home</a></nav><p>" + PARAGRAPH.encode()), 1)))
    assert "Home" not in read_rows(path)[0].text
    assert "Home" in read_rows(path, engine="whole_page")[0].text
    with pytest.raises(ValueError, match="nonsense"):
        WarcReader({"paths": "[]", "engine": "nonsense"})


def test_a_page_on_which_a_parser_fails_costs_that_page(tmp_path, monkeypatch):
    def failing(html: str, engine: str, data: bytes | None) -> tuple[str, str | None]:
        if "Page 1." in html:
            raise RuntimeError("no such node")
        return html, None

    monkeypatch.setattr("pipeline.sources.warc.main_text", failing)
    rows = read_bytes(tmp_path, members(good(0), good(1), good(2)))
    assert outcome(rows) == ["0", "extract_failed 1", "2"]
    assert rows[1].metadata == {"detail": "RuntimeError: no such node"}


def test_poison_pages_leave_their_neighbours_as_they_are(tmp_path):
    poison = [
        b"<div>" * 1_000_000 + b"gold",
        b"<div " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">gold",
        b"<" * 1_000_000,
        b"&amp" * 500_000,
        b"<p>" + b"x" * 4_000_000,
    ]
    data = [good(n) for n in range(20)] + [record(http_response(body), 100 + i) for i, body in enumerate(poison)]
    rows = read_bytes(tmp_path, members(*data, good(20)))
    told = outcome(rows)
    assert told[:20] == [str(n) for n in range(20)]
    assert told[-1] == "20"
    assert told[21] == "too_deep 101"
    assert [row.remark for row in rows if row.id and row.id.endswith("100")] == ["deep"]
    assert_balanced(rows)
