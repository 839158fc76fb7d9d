"""Books: from text files and EPUBs, in the spine's order, without what stands around them."""

import gzip
import zipfile
from pathlib import Path

import pytest

from pipeline.kernels.books import unwrapped, without_gutenberg
from pipeline.schema import COUNTED
from pipeline.sources.books import book_reader

EMMA = """CHAPTER I

Emma Woodhouse, handsome, clever, and rich, with a comfortable
home and happy disposition, seemed to unite.
"""
GUTENBERG = [
    ("The Project Gutenberg eBook of Emma\n\nTitle: Emma\n\n*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\n"
     "Produced by An Anonymous Volunteer\n\n", "\n\n*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***\nLicence text"),
    ("*** START OF THIS PROJECT GUTENBERG EBOOK EMMA ***\n",
     "\nEnd of the Project Gutenberg EBook of Emma, by Jane Austen\n\n"
     "*** END OF THIS PROJECT GUTENBERG EBOOK EMMA ***\n"),
    ("**Welcome To The World of Free Plain Vanilla Electronic Texts**\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN "
     "ETEXTS*Ver.04.29.93*END*\n", "\nEnd of Project Gutenberg's Etext of Emma\n"),
    ("", ""),
]  # fmt: skip


def read(folder: Path, path: Path, kind: str = "text", **options: str):
    reader = book_reader({"paths": "[]", "origin": "books"} | options, kind)
    reader.files = reader.files._replace(folder=f"{folder}/")
    rows = list(reader.rows(str(path)))
    return [row for row in rows if row.outcome != COUNTED], {row.id: row.offset for row in rows if row.outcome == COUNTED}


@pytest.mark.parametrize(("header", "licence"), GUTENBERG)
def test_gutenbergs_header_and_licence_go(header, licence):
    body = EMMA * 400
    assert without_gutenberg(header + body + licence) == body.strip()


def test_a_mark_inside_the_book_is_the_books():
    story = EMMA * 400
    told = f"{story}\n*** START OF THE PROJECT GUTENBERG EBOOK ***\n{story}"
    assert without_gutenberg(told) == told.strip()


def test_wrapped_sentences_run_on_and_verse_stays():
    verse = "The sun is gone,\nthe moon is wan,\nand I sing on.\n"
    text = unwrapped(f"{EMMA * 3}\n{verse}")
    assert text.count("with a comfortable home and happy disposition, seemed to unite.") == 3
    assert text.endswith("The sun is gone,\nthe moon is wan,\nand I sing on.")
    for as_it_is in ("", "one line", "x" * 500 + "\n" + "y" * 500, "山不在高有仙则名\n水不在深有龙则灵"):
        assert unwrapped(as_it_is) == as_it_is


def test_a_parted_file_without_a_piece_is_told(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    rows, counts = read(tmp_path, tmp_path / "empty.txt", split_at="^---$")
    assert [(row.remark, row.metadata) for row in rows] == [("unreadable_input", {"detail": "it holds no piece"})]
    assert counts == {}


def test_a_file_is_a_document_or_a_rejection(tmp_path):
    (tmp_path / "emma.txt.gz").write_bytes(gzip.compress(EMMA.replace("\n", "\r\n").encode()))
    (tmp_path / "gb.txt").write_bytes("淘金的人在河边。".encode("gb18030") * 20)
    (tmp_path / "blank.txt").write_bytes(b" \n")
    (row,), counts = read(tmp_path, tmp_path / "emma.txt.gz")
    assert row.text.startswith("CHAPTER I\n\nEmma Woodhouse, handsome, clever, and rich, with a comfortable home and")
    assert row.id.startswith("books/emma.txt.gz#")
    assert counts == {"file": 1}
    assert read(tmp_path, tmp_path / "gb.txt")[0][0].text == "淘金的人在河边。" * 20
    assert [row.remark for row in read(tmp_path, tmp_path / "blank.txt")[0]] == ["no_text"]
    assert [row.remark for row in read(tmp_path, tmp_path / "none.txt")[0]] == ["unreadable_input"]


@pytest.mark.parametrize(("pattern", "pieces"), [
    ("<end>", ["one\ntwo", "three", "four"]),
    (r"^(?=t)", ["one", "two<end>", "three<end>four<end>"]),
    ("nowhere", ["one\ntwo<end>\nthree<end>four<end>"]),
])  # fmt: skip
def test_a_file_parted_at_a_pattern(tmp_path, pattern, pieces):
    (tmp_path / "t.txt").write_text("one\ntwo<end>\nthree<end>four<end>\n")
    rows, counts = read(tmp_path, tmp_path / "t.txt", split_at=pattern)
    assert [row.text for row in rows] == pieces
    assert counts == {"piece": len(pieces)}
    assert len({row.id for row in rows}) == len(pieces)


PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>Gold</dc:title><dc:creator>A. B.</dc:creator><dc:identifier>urn:x</dc:identifier></metadata>
<manifest>
<item id="b2" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<item id="b1" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="cp" href="text/copyright.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="text/nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="ad" href="text/extra.xhtml" media-type="application/xhtml+xml"/>
<item id="en" href="text/end.xhtml" media-type="application/xhtml+xml"/>
</manifest>
<spine><itemref idref="cp"/><itemref idref="nav"/><itemref idref="b1"/><itemref idref="ad" linear="no"/>
<itemref idref="b2"/><itemref idref="en"/></spine>GUIDE</package>"""
GUIDE = """<guide><reference type="copyright-page" href="text/copyright.xhtml"/>
<reference type="index" href="text/end.xhtml"/></guide>"""
NAV = """<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body><nav>LINKS</nav></body></html>"""
LANDMARKS = """<a epub:type="bodymatter" href="one.xhtml#x">Begin</a><a epub:type="index" href="end.xhtml">I</a>"""
CONTAINER = """<container><rootfiles><rootfile full-path="OEBPS/p.opf"/></rootfiles></container>"""


def epub(path: Path, *, marks: str = "landmarks", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An EPUB whose files stand in another order than its spine; `marks`: how it says what is around the book."""
    pages = {
        "two": ("Chapter 2", "The second day."), "one": ("Chapter 1", "The first day."),
        "copyright": ("Copyright", "All rights reserved."), "extra": ("Also by", "Buy more."), "end": ("Index", "pan, 3"),
    }  # fmt: skip
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OEBPS/p.opf", PACKAGE.replace("GUIDE", GUIDE if marks == "guide" else ""))
        archive.writestr("OEBPS/text/nav.xhtml", NAV.replace("LINKS", LANDMARKS if marks == "landmarks" else ""))
        for name, (title, text) in pages.items():
            archive.writestr(f"OEBPS/text/{name}.xhtml", f"<html><body><h1>{title}</h1><p>{text}</p></body></html>")
    return path


@pytest.mark.parametrize("marks", ["landmarks", "guide"])
def test_an_epub_in_the_spines_order_without_front_matter(tmp_path, marks):
    (row,), counts = read(tmp_path, epub(tmp_path / "g.epub", marks=marks), "epub")
    assert row.text == "Chapter 1\n\nThe first day.\n\nChapter 2\n\nThe second day."
    assert row.metadata == {"title": "Gold", "creator": "A. B.", "identifier": "urn:x"}
    assert counts == {"file": 1}


def test_an_epub_without_marks_goes_by_names(tmp_path):
    (row,), _ = read(tmp_path, epub(tmp_path / "g.epub", marks="none"), "epub")
    assert "All rights" not in row.text
    assert row.text.startswith("Chapter 1")


def test_what_is_no_epub_is_counted(tmp_path):
    whole = epub(tmp_path / "g.epub").read_bytes()
    stored = epub(tmp_path / "s.epub", method=zipfile.ZIP_STORED).read_bytes()
    bomb = tmp_path / "bomb.epub"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", b" " * 50_000_000)
    broken = {"cut": whole[:-300], "text": b"no zip at all", "crc": stored.replace(b"The first day", b"The fourth da")}
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        assert [row.remark for row in read(tmp_path, tmp_path / name, "epub")[0]] == ["unreadable_input"], name
    assert [row.remark for row in read(tmp_path, bomb, "epub")[0]] == ["too_large"]
