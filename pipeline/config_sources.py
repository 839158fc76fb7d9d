"""The config's sections on what is read and how: sources, extraction, languages, edits (pipeline.config holds the rest)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline import config_values as value
from pipeline.config_values import refusal


class Section(BaseModel):
    """What every part of the config has in common: frozen, strict (no "1" for 1), unknown keys and NaN refused."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False,
        validate_default=True, use_attribute_docstrings=True,
    )  # fmt: skip


class Source(Section):
    format: Literal["warc", "wet", "jsonl", "parquet", "text", "epub", "mediawiki", "links"]
    """How its documents are stored: warc | wet | jsonl | parquet (a column `text`) | text (a file a document) | epub |
    mediawiki (a dump of pages) | links (url and score: pages of another source)."""
    paths: value.InputPaths
    """Files, globs or folders; relative to the config file."""
    role: Literal["raw", "reference"]
    """raw: filtered by rules and classifier, and its negatives; reference: trusted, its positives (2.2 and A.1)."""
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """A hashed share of the documents, for a first trial."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """At most so many files, the first by name."""
    base: value.InputPath | None = None
    """The folder or URL below which lies what the files in `paths` list: Common Crawl's warc.paths.gz, or Parquet rows of
    its columnar index, of which only the captures are read."""
    storage_options: Annotated[dict[str, Any], Field(exclude=True, repr=False)] = {}
    """fsspec's options for URLs: {anon: true}, {requester_pays: true}, {endpoint_url: …}, {key: …, secret: …}; never written
    down. Left out, S3's own environment variables and files hold."""
    of: str | None = None
    """For format links: the source whose pages are linked to, and which this source then counts (GPT-2's WebText)."""
    min_score: float | None = None
    """For format links: the least sum of the scores of a page's links; left out: 3, WebText's karma."""

    split_at: value.Pattern | None = None
    """For format text: a regular expression; where it matches in a line, the file is parted into documents."""
    namespaces: tuple[int, ...] | None = None
    """For format mediawiki: the namespaces whose pages are read; left out: [0], articles."""

    @field_validator("namespaces", mode="before")
    @classmethod
    def _numbers(cls, given: object) -> object:
        return tuple(given) if isinstance(given, list) else given

    @model_validator(mode="after")
    def _keys_of_the_format(self) -> Self:
        if self.format == "links" and self.of is None:
            raise refusal("is missing; the source whose pages the links lead to, as common_crawl", "of")
        for key, owner in {"of": "links", "min_score": "links", "split_at": "text", "namespaces": "mediawiki"}.items():
            if self.format != owner and getattr(self, key) is not None:
                raise refusal(f"belongs to format {owner}", key)
        return self


class Extract(Section):
    engine: Literal["blocks", "resiliparse", "trafilatura", "whole_page"] = "blocks"
    """blocks: the blocks of a page that read as main text; resiliparse: all it takes for content; trafilatura: a seventh as
    fast; whole_page: all visible text."""
    url_lists: value.OptionalPaths = ()
    """Files or folders (UT1's) of hosts, URLs and words, one a line: a captured page that one names is rejected unread."""
    max_record_bytes: value.Size = 10_000_000
    """A record with a longer body, as stored or as decoded, is rejected and counted."""
    split_size: value.Size | None = None
    """Bytes of a large WARC or WET file that one task reads; left out: 32 MiB, more for a source of over 10,000 ranges."""


class Language(Section):
    keep: value.Languages = "all"
    """`all`, or language codes of fastText's lid.176, as [en, zh]. The paper keeps all."""
    min_score: value.Share = 0.5
    """Least probability with which fastText must name one of the languages to keep."""


class Annotate(Section):
    pii: Literal["none", "count", "mask"] = "none"
    """count e-mail and public IP addresses, telephone and Chinese identity numbers, or mask them as |||EMAIL_ADDRESS|||."""
    lines: Literal["keep", "c4", "fineweb"] = "keep"
    """c4: take out the lines that C4 takes out (Raffel et al. 2020); fineweb: the same without the rule on punctuation."""
    chinese: Literal["keep", "simplify"] = "keep"
    """simplify: traditional Chinese characters become simplified ones (OpenCC)."""
    sensitive_words: value.OptionalPaths = ()
    """Files of words and phrases, one a line, for the metric sensitive_word_fraction; filters.limits sets its limit."""
