"""The sample's readable data: articles and YAML tables that lie beside this module, in a folder or in a zip."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML


@dataclass(frozen=True)
class Article:
    """One article: `articles/<language>/<slug>.md`, a `# ` title line and paragraphs of one line each."""

    slug: str
    language: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """Title and paragraphs, a blank line between."""
        return "\n\n".join((self.title, *self.paragraphs))


def data_text(path: str) -> str:
    """The text of a data file, `path` relative to this folder."""
    return files(__package__).joinpath(path).read_text(encoding="utf-8")


@cache
def table(name: str) -> Any:
    """A YAML file of this folder: `plan`, `noise` or `quiz`. Callers do not change it."""
    return YAML(typ="safe", pure=True).load(data_text(f"{name}.yaml"))


@cache
def articles() -> dict[str, Article]:
    """Every article by its slug."""
    folders = {language: files(__package__).joinpath("articles", language) for language in ("en", "zh", "other")}
    found = [
        _article(entry.name.removesuffix(".md"), language, entry.read_text(encoding="utf-8"))
        for language, folder in folders.items()
        for entry in folder.iterdir()
        if entry.name.endswith(".md")
    ]
    return {article.slug: article for article in sorted(found, key=lambda article: article.slug)}


def _article(slug: str, folder: str, markdown: str) -> Article:
    title, *paragraphs = markdown.strip().split("\n\n")
    language = slug.partition("-")[0] if folder == "other" else folder
    return Article(slug, language, title.removeprefix("# "), tuple(paragraphs))
