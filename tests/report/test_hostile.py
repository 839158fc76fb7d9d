"""Text of the web is shown and never obeyed, in every field that can hold it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pipeline.report import Counts, render
from pipeline.report.finding_counts import Collision, IgnoredNgram, LargestCluster, RecurringText
from pipeline.report.latex import escape
from pipeline.report.score_counts import Sample

HOSTILE = [
    "<script>document.title='taken'</script>",
    "</style></svg></title><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    '" onmouseover="document.title=\'taken\'" x="',
    "' onfocus='document.title=1' autofocus='",
    "javascript:document.title='taken'",
    "{{ 7 * 7 }}{% raw %}",
    '=HYPERLINK("https://evil.example")',
    "\x1b]52;c;ZXZpbA==\x07",
    "invoice\u202egpj.exe\u2066",
    "a|b|c\n| --- |\n# heading",
    "[click](javascript:alert(1)) `code` *bold* <b>",
    r"\input{/etc/passwd} $x^2$ 100% & # _ ~",
    "lone \ud800 surrogate \x00 nul",
    "https://a.example/" + "x" * 100_000,
]


def everywhere(counts: Counts, text: str) -> Counts:
    """The text in every field that a source, a page, a benchmark or a config can fill."""
    assert counts.mixture and counts.duplicates
    sample = (Sample(text, text, text, text),)
    return replace(
        counts,
        taojin_version=text, output=text, finished=text, config={text: [text]},
        sources=tuple(replace(row, name=text, format=text, role=text, records={text: 1}, rejected={text: 1})
                      for row in counts.sources),
        funnel=tuple(replace(row, source=text, dropped={text: row.documents_in - row.kept}) for row in counts.funnel),
        mixture=replace(counts.mixture, tokenizer=text, strategy=text,
                        validation=replace(counts.mixture.validation,
                                           rows=tuple(replace(row, source=text, note=text)
                                                      for row in counts.mixture.validation.rows)),
                        rows=tuple(replace(row, source=text, note=text) for row in counts.mixture.rows)),
        languages=tuple(replace(row, source=text, language=text) for row in counts.languages),
        quality=tuple(replace(one, language=text, rule=text, strongest_words=(text,), warnings=(text,))
                      for one in counts.quality),
        duplicates=replace(counts.duplicates, largest=(LargestCluster(text, 2, text, text),),
                           recurring=(RecurringText(2, text),),
                           by_source=(replace(counts.duplicates.by_source[0], kept_source=text, removed_source=text),)),
        contamination=tuple(replace(row, benchmark=text, split=text) for row in counts.contamination),
        collisions=(Collision(text, text, text, text, text, 0, 9), Collision(text, text, text, text, "", 0, 9)),
        ignored_ngrams=(IgnoredNgram(text, 11),),
        stages=tuple(replace(row, stage=text) for row in counts.stages),
        warnings=(text,), samples={"kept": sample, text: sample}, rejection_reasons={text: text},
    )  # fmt: skip


class Seen(HTMLParser):
    """What a browser would act on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_page_obeys_nothing(counts, text):
    plain, hostile = (Seen(render(everywhere(counts, one))["index.html"]) for one in ("harmless", text))
    links = {"a", "use"}  # a URL that is an honest one is a link; matplotlib reuses glyphs and markers
    assert set(hostile.tags) - links == set(plain.tags) - links
    assert "script" not in hostile.tags
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    for name, value in hostile.attributes:
        if name in {"href", "src", "xlink:href", "action"}:
            assert value.startswith(("#", "http://", "https://", "data:,")), value
    assert not [value for name, value in hostile.attributes if name == "href" and len(value) > 2_000]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_files_hold_no_unseen_characters_and_can_be_written(counts, text):
    pages = render(everywhere(counts, text))
    for name, page in pages.items():
        page.encode("utf-8")
        if name != "report.json":
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page), name
            assert len(page) < 400_000, name
    assert Counts.from_json(pages["report.json"]).to_json() == pages["report.json"]


def test_page_shows_what_it_does_not_obey(counts):
    page = Seen(render(everywhere(counts, "a\u202eb\x1b<i>c"))["index.html"])
    assert "a[U+202E]b[U+001B]<i>c" in page.text


def test_policy_forbids_scripts_and_the_network(counts):
    page = render(counts)["index.html"]
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; " in page
    assert not re.findall(r"<script|<link(?! rel=\"icon\" href=\"data:,\")|<iframe|<img|@import|url\((?!#)", page)


def test_only_honest_addresses_are_links(counts):
    good = ["https://good.example/a?b=1&c=2", "HTTPS://UPPER.example/", "http://heliu.example/淘金"]
    bad = [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://bank.example@evil.example/",
        "https://a.example/\u202egpj",
        "https://a.example/" + "x" * 5_000,
    ]
    samples = {"kept": tuple(Sample("id", url, "text") for url in good + bad)}
    kept = (
        render(replace(counts, samples=samples))["index.html"]
        .split("A few of the documents kept")[1]
        .split("</details>")[0]
    )
    links = [value for name, value in Seen(kept).attributes if name == "href"]
    assert links == good


def test_long_url_is_cut_in_the_middle(counts):
    url = "https://long.example/start/" + "x" * 100_000 + "/end.html"
    page = render(replace(counts, samples={"kept": (Sample("id", url, "text"),)}))["index.html"]
    assert "https://long.example/start/xx" in page
    assert "xx/end.html" in page
    assert "x" * 200 not in page


def test_markdown_tables_keep_their_columns(counts):
    text = render(everywhere(counts, "a|b\n| c |"))["report.md"]
    table = text.split("### Weights and epochs\n\n")[1].split("\n\n")[0].splitlines()
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert r"a\|b \| c \|" in table[2]


def test_latex_means_itself():
    assert escape(r"\input{x} 5% _^~#&$") == (
        r"\textbackslash{}input\{x\} 5\% \_\textasciicircum{}\textasciitilde{}\#\&\$"
    )


def test_latex_has_one_line_a_row_and_no_command_of_its_data(counts):
    hostile = "\\end{tabular}\n\\input{/etc/passwd}\\\\"
    tex = render(everywhere(counts, hostile))["mixture.tex"]
    assert len(tex.splitlines()) == len(render(everywhere(counts, "harmless"))["mixture.tex"].splitlines())
    body = [line for line in tex.splitlines() if not line.startswith("%")]
    assert sum(r"\input" in line for line in body) == 0
    assert sum(r"\end{tabular}" in line for line in body) == 1
