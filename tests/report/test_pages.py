"""The four files: figures present, accounts marked, parts that are missing said, the same bytes twice."""

import re
from dataclasses import fields, replace

import pytest

from pipeline.errors import InputError
from pipeline.report import Counts, render

REQUIRED = {"taojin_version", "output", "seed", "finished"}
EMPTY = Counts(taojin_version="0.1.0", output="out/empty", seed=1, finished="2026-05-28")


def test_files_have_the_names_of_the_contract(counts):
    assert list(render(counts)) == ["index.html", "report.md", "report.json", "mixture.tex"]


@pytest.mark.parametrize("page", ["index.html", "report.md"])
def test_figures_are_there(counts, page):
    text = render(counts)[page]
    for figure in ("19,082 of 73,803 documents are kept (25.9 %): 70.8 % en, 29.2 % zh.",  # by hand from the funnel
                   "38,952 rows and 19.6 M tokens, 97.9 % of the 20.0 M asked",
                   "books: 14.1 % realised for 15.8 % normalised; 14.1 % is reachable",
                   "Seen most often: wikipedia, 3.0 times.",
                   "101 %", "27.3 M", "−414 k", "17,940", "65.6 %", "0.971", "1,702 clusters", "14,042", "6 min 52 s",
                   "the miners of the river",
                   "common_crawl", "河流"):  # fmt: skip
        assert figure in text.replace("\n", " "), figure


@pytest.mark.parametrize("page", ["index.html", "report.md"])
def test_what_is_seen_by_quality_and_what_is_held_out_is_there(counts, page):
    text = re.sub(r"[\s|*]+", " ", re.sub("<[^>]+>", " ", render(counts)[page]))
    assert "webtext 0.8 1,150 929 k 2.5 3.25 M 3.25 M 3.5" in text
    assert "webtext unscored 8 1.00 k 1 1.44 k 1.43 k 1.4" in text
    assert "books 31.7 k 0 0" in text
    assert "In corpus/validation: 118,990 tokens in 61 rows, 141 kB." in text


def test_short_figures_have_the_exact_one_behind_them(counts):
    assert '<td class="number " title="27,310,442"><bdi>27.3 M</bdi></td>' in render(counts)["index.html"]


def test_together_counts_sources_that_a_stage_leaves_alone(counts):
    """filters: common_crawl's 27,351 and what language left of the references; language: books, though it skips it."""
    funnel = tuple(row for row in counts.funnel if (row.stage, row.source) != ("language", "books"))
    for rows in (counts.funnel, funnel):
        text = render(replace(counts, funnel=rows))["report.md"]
        line = next(line for line in text.splitlines() if line.startswith("| together     | 73,803"))
        assert f"| {41_623 + 2_279 + 412 + 9_875:,} |" in re.sub(" +", " ", line)
        assert f"| {27_351 + 2_279 + 412 + 9_875:,} |" in re.sub(" +", " ", line)


def test_balance_is_marked(counts):
    page = render(counts)["index.html"]
    assert "All 18 accounts balance" in page
    assert "✗" not in page
    assert "number bad" not in page.split('id="sources"')[0]


@pytest.mark.parametrize(("lost", "said"), [(3, "3 documents missing"), (-2, "2 documents too many")])
def test_unbalanced_account_is_red_and_named(counts, lost, said):
    wrong = replace(counts.funnel[4], kept=counts.funnel[4].kept - lost)
    pages = render(replace(counts, funnel=(*counts.funnel[:4], wrong, *counts.funnel[5:])))
    assert f"1 of 18 accounts does not balance: language of common_crawl: {said}." in pages["index.html"]
    assert '<a href="#funnel" class="bad">✗' in pages["index.html"]
    assert re.search(r'<td class="number bad" title="language: [^"]+"><bdi>✗</bdi>', pages["index.html"])
    assert "✗" in pages["report.md"]


def test_paper_stands_beside_ours_only_where_names_match(counts):
    pages = render(counts)
    assert "GPT-3, table 2.2" in pages["index.html"]
    assert "12 + 55 B" in pages["mixture.tex"]
    assert counts.mixture is not None
    others = tuple(replace(row, source=f"source {k}") for k, row in enumerate(counts.mixture.rows))
    pages = render(replace(counts, mixture=replace(counts.mixture, rows=others)))
    assert all("GPT-3, table 2.2" not in page and "410 B" not in page for page in pages.values())


def test_printed_weights_are_not_mended(counts):
    table = [line for line in render(counts)["mixture.tex"].splitlines() if line.startswith(("common", "together"))]
    assert table[0].startswith(
        r"common\_crawl & 6,741 & 27.3 M & 60 \% & 59.4 \% & 60.7 \% & 0.44 & 410 B & 60 \% & 0.44"
    )
    assert table[1].startswith(r"together & 19,082 & 33.1 M & 101 \% & 100.0 \%")


def test_ratios_are_shown_as_given(counts):
    assert counts.mixture is not None
    rows = tuple(replace(row, asked_weight=w) for row, w in zip(counts.mixture.rows, (6, 2, 1.5, 0.5), strict=True))
    tex = render(replace(counts, mixture=replace(counts.mixture, rows=rows)))["mixture.tex"]
    assert "& 27.3 M & 6 & 59.4" in tex
    assert "& 33.1 M & 10 & 100.0" in tex


def test_missing_parts_are_said(counts):
    pages = render(EMPTY)
    for said in (
        "No mixture was drawn",
        "No stage has counted documents yet",
        "No quality classifier was trained",
        "Duplicates were not looked for",
        "No benchmark was searched for",
        "No languages were counted",
    ):
        assert said in pages["index.html"]
        assert said in pages["report.md"]
    assert "<svg" not in pages["index.html"]
    assert "No mixture was drawn" in pages["mixture.tex"]


@pytest.mark.parametrize("part", [field.name for field in fields(Counts) if field.name not in REQUIRED])
def test_any_part_may_be_missing_and_any_may_stand_alone(counts, part):
    render(replace(counts, **{part: getattr(EMPTY, part)}))
    render(replace(EMPTY, **{part: getattr(counts, part)}))


def test_run_in_which_nothing_survives(counts):
    """Every figure 0: no division, no picture of nothing."""
    assert counts.mixture is not None
    funnel = tuple(replace(row, documents_in=0, kept=0, dropped={}) for row in counts.funnel)
    rows = tuple(
        replace(row, tokens=0, documents=0, realised_tokens=0, realised_weight=None) for row in counts.mixture.rows
    )
    quality = tuple(replace(one, histogram=replace(one.histogram, raw=(0,) * 20, kept=(0,) * 20, references=(0,) * 20),
                            auc=float("nan")) for one in counts.quality)  # fmt: skip
    mixture = replace(counts.mixture, token_budget=0, rows=rows)
    pages = render(replace(counts, funnel=funnel, mixture=mixture, quality=quality))
    assert "No documents were read." in pages["index.html"]
    assert not re.search(r"\bnan\b|\binf\b", pages["report.md"])


def test_json_is_the_counts(counts):
    text = render(counts)["report.json"]
    again = Counts.from_json(text)
    assert again == counts
    assert again.to_json() == text
    assert "淘金" in text


def test_not_a_number_is_null(counts):
    quality = (replace(counts.quality[0], auc=float("nan")),)
    assert Counts.from_json(replace(counts, quality=quality).to_json()).quality[0].auc is None


@pytest.mark.parametrize(("was", "now", "said"), [
    ('"kept": 61204', '"kept": "many"', "funnel.0.kept"),
    ('"seed": 20200528,\n  "finished"', '"finished"', "seed"),
    ("{", "", "the file"),
])  # fmt: skip
def test_damaged_json_is_named(counts, was, now, said):
    text = counts.to_json()
    assert was in text
    with pytest.raises(InputError, match=rf"report\.json cannot be read: {re.escape(said)}:"):
        Counts.from_json(text.replace(was, now, 1))


def test_same_counts_give_the_same_bytes(counts):
    assert render(counts) == render(Counts.from_json(counts.to_json()))


def test_markdown_fits_a_terminal(counts):
    from pipeline.report.untrusted import terminal_width

    text = render(counts)["report.md"].split("## Config")[0]
    assert max(map(terminal_width, text.splitlines())) <= 100
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) > 10
    for table in tables:
        assert len({terminal_width(line) for line in table.splitlines()}) == 1, table


def test_items_found_are_named_with_their_places(counts):
    page, markdown = render(counts)["index.html"], render(counts)["report.md"]
    for text in (page, markdown):
        assert "https://quiz.example/stars" in text and "12,040–12,130" in text
    assert re.search(r"\| mmlu +\| test +\| 14,042 \| +66 \| +12 \| .*\| +1 % \| +3 \| +9 \|", markdown)


def test_what_others_link_is_told_apart(counts):
    for like, said in ((2_220, "2,220 of the near duplicates (99.6 %)"), (2_228, "Every near duplicate is as like")):
        text = render(replace(counts, duplicates=replace(counts.duplicates, near_like=like)))["report.md"]
        assert said in text
        assert ("others through documents between them" in text.replace("\n", " ")) == (like == 2_220)


def test_samples_open_under_their_reason(counts):
    page = render(counts)["index.html"]
    few_words = page.split("too_few_words</bdi>")[1].split("</details>")[0]
    assert "Your cart is empty." in few_words
    assert "<bdi>common_crawl</bdi> 9,412" in few_words
    assert "三粒金子" in page.split("A few of the documents kept")[1].split("</details>")[0]
