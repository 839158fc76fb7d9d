"""Books and a Wikipedia dump through the stage: documents whose accounts balance."""

import bz2

from pipeline.config import load_config
from pipeline.run import run
from tests.path import manifest, rows, table
from tests.sources.test_books import EMMA, epub
from tests.sources.test_mediawiki import dump

CONFIG = """
output: out
sources:
  books: {format: text, paths: [books/*.txt], role: reference}
  poems: {format: text, paths: [poems.txt], split_at: "^---$", role: reference}
  novels: {format: epub, paths: [novels/], role: reference}
  wikipedia: {format: mediawiki, paths: [enwiki-*.xml.bz2], namespaces: [0, 1], role: reference}
extract: {split_size: 500}
quality: none
mixture: {token_budget: 1000}
"""


def test_books_and_a_dump_become_documents(spark, tmp_path):
    for folder in ("books", "novels"):
        (tmp_path / folder).mkdir()
    (tmp_path / "books" / "emma.txt").write_text(EMMA)
    (tmp_path / "books" / "blank.txt").write_text("\n")
    (tmp_path / "poems.txt").write_text("The sun is gone.\n---\nThe moon is wan.\n")
    epub(tmp_path / "novels" / "gold.epub")
    (tmp_path / "novels" / "broken.epub").write_bytes(b"PK")
    dumped = b"".join(map(bz2.compress, dump()))
    (tmp_path / "enwiki-20261101-pages-articles-multistream.xml.bz2").write_bytes(dumped)
    (tmp_path / "config.yaml").write_text(CONFIG)
    run(load_config(tmp_path / "config.yaml"), lambda: spark, until="ingest")
    output = tmp_path / "out"
    counts = manifest(output)["stages"]["ingest"]["counts"]
    assert counts["documents"] == {"books": 1, "poems": 2, "novels": 1, "wikipedia": 24}
    assert counts["records"] == {
        "books": {"file": 2}, "poems": {"piece": 2}, "novels": {"file": 1}, "wikipedia": {"page": 30},
    }  # fmt: skip
    assert counts["unreadable"] == {"books": 0, "poems": 0, "novels": 1, "wikipedia": 0}
    assert counts["rejected"] == {
        "books": {"no_text": 1}, "poems": {}, "novels": {"unreadable_input": 1}, "wikipedia": {"redirect": 6},
    }  # fmt: skip
    for one in counts["accounts"]:
        assert one["documents_in"] == one["kept"] + sum(one["dropped"].values()), one
    documents = table(output, "documents").to_pylist()
    assert len({row["part"] for row in documents if row["origin"] == "wikipedia"}) > 2  # the dump was shared
    assert len({row["id"] for row in documents}) == len(documents) == 28
    assert {row["reason"] for row in rows(output, "rejected")} == {"no_text", "unreadable_input", "redirect"}
