"""The pages of articles: first publications, reprints, repeats, and their HTML."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from jinja2 import Environment, FunctionLoader

from pipeline.sample.texts import Article, articles, data_text, table


@dataclass(frozen=True)
class Page:
    """One HTML page before it is encoded.

    `kind` sorts each page into one class, `traits` says what else is special in it; `copy_of` is the URL of the page,
    or the id of the reference document, that this one repeats.
    """

    url: str
    host: str
    kind: str
    language: str
    title: str
    shape: str
    blocks: tuple[str, ...]
    byline: str = ""
    traits: tuple[str, ...] = ()
    copy_of: str = ""
    codec: str = "utf-8"
    meta_charset: str = "utf-8"
    header_charset: str = "utf-8"

    @property
    def main_text(self) -> str:
        """What a perfect extractor gives: the title and the article, without what stands around them."""
        return "\n\n".join((self.title, *self.blocks))


def article_pages() -> list[Page]:
    """Every page that carries an article: first publications, guests in other languages, and copies."""
    plan = table("plan")
    first = {
        slug: _special(_page(articles()[slug], host, "article"), slug, plan)
        for host, slugs in plan["articles"].items()
        for slug in slugs
    }
    guests = [
        _page(articles()[slug], host, "other_language") for host, slugs in plan["guests"].items() for slug in slugs
    ]
    reprints = [_reprint(entry, first[entry["article"]].url) for entry in plan["reprints"]]
    repeats = [_repeat(first[entry["article"]], entry["query"]) for entry in plan["repeats"]]
    copies = [
        replace(
            _page(articles()[entry["article"]], entry["host"], "reference_copy"), copy_of=f"webtext/{entry['article']}"
        )
        for entry in plan["reference_copies"]
    ]
    return [*first.values(), *guests, *reprints, *repeats, *copies]


def article_url(host: str, slug: str) -> str:
    """Where a host publishes an article."""
    return f"https://{host}/{table('plan')['hosts'][host]['path']}/{slug}"


def _page(article: Article, host: str, kind: str) -> Page:
    return Page(
        url=article_url(host, article.slug),
        host=host,
        kind=kind,
        language=article.language,
        title=article.title,
        shape="paragraphs",
        blocks=article.paragraphs,
        byline=_byline(host),
    )


def _byline(host: str) -> str:
    site = table("plan")["hosts"][host]
    return f"文 / {site['author']}" if site["language"] == "zh" else f"By {site['author']}"


def _special(page: Page, slug: str, plan: dict[str, Any]) -> Page:
    """The page re-encoded, compressed or planted, if the plan says so."""
    if slug in plan["encodings"]:
        how = plan["encodings"][slug]
        page = replace(
            page,
            codec=how["codec"],
            meta_charset=how["meta"],
            header_charset=how["header"],
            traits=(*page.traits, how["codec"]),
        )
    if slug in plan["chunked_gzip"]:
        page = replace(page, traits=(*page.traits, "chunked_gzip"))
    for plant in plan["plants"]:
        if plant["article"] == slug:
            blocks = (*page.blocks[: plant["after"]], question(plant["item"]), *page.blocks[plant["after"] :])
            page = replace(page, blocks=blocks, traits=(*page.traits, "planted"))
    return page


def question(item: str) -> str:
    """The question of a benchmark item."""
    [found] = [entry["question"] for items in table("quiz").values() for entry in items if entry["id"] == item]
    return str(found)


def _reprint(entry: dict[str, str], original: str) -> Page:
    """The article on another host, one phrase changed."""
    article = articles()[entry["article"]]
    changed = tuple(paragraph.replace(entry["old"], entry["new"], 1) for paragraph in article.paragraphs)
    page = _page(replace(article, paragraphs=changed), entry["host"], "near_duplicate")
    return replace(page, copy_of=original)


def _repeat(page: Page, query: str) -> Page:
    """The same bytes under another address."""
    return replace(page, url=f"{page.url}?{query}", kind="exact_duplicate", copy_of=page.url)


@cache
def _environment() -> Environment:
    loader = FunctionLoader(lambda name: data_text(f"templates/{name}"))
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)


def render(page: Page) -> str:
    """The page's HTML in the template of its host."""
    site = table("plan")["hosts"][page.host]
    return _environment().get_template(f"{site['template']}.html.j2").render(page=page, site=site)
