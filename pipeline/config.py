"""The config: typed, frozen, every default the paper's value where it has one.

"The paper" is Brown et al. 2020, "Language Models are Few-Shot Learners"; its sections stand beside the values. The
text below a key is what `taojin schema` shows in an editor, and what a message says of a key that is missing.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from pipeline import config_values as value
from pipeline.config_errors import explain
from pipeline.config_sources import Annotate, Extract, Language, Section, Source
from pipeline.config_values import refusal
from pipeline.errors import ConfigError
from pipeline.kernels.banding import best_bands
from pipeline.yaml_config import override, read_document

OFF_SWITCHED = ("filters", "quality", "dedup", "decontaminate")


class Limit(Section):
    min: float | None = None
    """Least value kept."""
    max: float | None = None
    """Greatest value kept."""

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise refusal("no bound given; allowed: min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refusal(f"min {self.min:g} is above max {self.max:g}, so nothing could pass")
        return self


class Filters(Section):
    recipes: dict[value.LanguageKey, value.Recipe] = {"default": ("gopher",), "zh": ("zh",)}
    """The limits for a language: gopher | c4 | fineweb | zh | none | a YAML file, or several joined by `+`. GPT-3: none."""
    limits: dict[str, Limit] = {}
    """Limits over those of the recipes: {metric: {min: , max: }}."""

    @field_validator("recipes")
    @classmethod
    def _default_there(cls, recipes: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if "default" not in recipes:
            raise refusal("no `default` given; say what holds for all other languages, as `default: none`")
        return recipes


class Features(Section):
    buckets: Annotated[int, Field(ge=2, le=2**24)] = 2**18
    """Of hashed words. A.1: raw counts of Spark's HashingTF, which has 2^18; here their square roots, scaled to length 1."""


class Pareto(Section):
    rule: Literal["pareto"] = "pareto"
    """Keep iff a Pareto draw exceeds 1 - score (A.1)."""
    alpha: value.Alpha = 9.0
    """9 in A.1: P(keep | score) = (2 - score)^-alpha. The Pile used 3. fit: for each language the alpha, up to 30, at which
    the kept raw documents' scores are nearest to the references', by Wasserstein-1 distance on what is held out."""


class Threshold(Section):
    rule: Literal["threshold"] = "threshold"
    """Keep iff score >= min."""
    min: value.Share
    """Least quality score kept, in [0, 1]."""


class TopFraction(Section):
    rule: Literal["top_fraction"] = "top_fraction"
    """Keep the best of each language."""
    keep: Annotated[float, Field(gt=0, le=1)]
    """Share of the scored raw documents that reach the rule, exactly; ties by the text's hash."""


class NoSelection(Section):
    rule: Literal["none"] = "none"
    """Score every document, drop none for its score."""


Rule = Annotated[Pareto | Threshold | TopFraction | NoSelection, Field(discriminator="rule")]


class Quality(Section):
    features: Features = Features()
    """What the classifier sees of a document."""
    model: value.InputPath | None = None
    """A fastText classifier of your own instead (DCLM's way), for every language; nothing is trained then."""
    label: Annotated[str, Field(min_length=1)] = "__label__hq"
    """The label of `model` whose probability is the score; DCLM's models call it __label__hq, and the other __label__cc."""
    select: Annotated[Rule, value.bare_rule_or(Rule)] = Pareto()
    """{rule: pareto, alpha: 9 | fit} | {rule: threshold, min: 0.5} | {rule: top_fraction, keep: 0.3} | {rule: none}."""

    @model_validator(mode="after")
    def _alpha_of_references(self) -> Self:
        if self.model is not None and isinstance(self.select, Pareto) and self.select.alpha == "fit":
            raise refusal("fit needs the classifier that the run trains, but `model` is given; a number", "select.alpha")
        return self


class Recurring(Section):
    unit: Literal["line", "paragraph"] = "line"
    """What recurs; a paragraph ends at a blank line. Equal are those of equal words, numbers aside."""
    within: Literal["host", "source"] = "host"
    """Among the pages of a host, or all documents that a source read. Documents of raw sources only."""
    max_documents: Annotated[int, Field(ge=1)] = 10
    """What stands in more documents goes from all of them. CCNet and C4: 1, within the source, with keep_first."""
    keep_first: bool = False
    """One document, by hash, keeps it."""
    min_words: Annotated[int, Field(ge=1)] = 5
    """Shorter ones stay: headings (See also) and commands recur rightly. CCNet and C4: 1."""


class Dedup(Section):
    shingle: Annotated[int, Field(ge=1, le=100)] = 5
    """Words a shingle; the paper does not say, 5 is customary (Lee et al. 2022, The Pile)."""
    min_similarity: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Least Jaccard similarity of near duplicates."""
    permutations: Annotated[int, Field(ge=1, le=4096)] = 72
    """Values of a signature; where bands and rows are both given, their product."""
    bands: Annotated[int, Field(ge=1, le=4096)] | None = None
    """More bands are looser: 12 x 6 makes 97 % of pairs at 0.8 candidates. A.2's 10 hashes: 10 bands of 1 row."""
    rows: Annotated[int, Field(ge=1, le=4096)] | None = None
    """More rows are stricter. Bands and rows left out: the strictest that find 97 % of pairs at min_similarity (12 x 6)."""
    verify: Literal["exact", "signature", "none"] = "exact"
    """How a candidate pair's similarity is checked: exact Jaccard, signatures (cheaper) or not at all."""
    urls: bool = True
    """Documents of equal URL are one, if they have a date: `prefer` decides, then the newest capture stays."""
    scope: Literal["across", "within", "dump"] = "across"
    """across all sources, within each, or within each dump: A.2 does within, and WebText across; FineWeb: dump."""
    prefer: value.Names = ()
    """Who keeps a document that sources share; left out: references in the config's order, then raw sources."""
    index: value.InputPath | None = None
    """A folder of other runs' signatures, whose documents go before this run's; a run adds its own as its last step."""
    recurring: Recurring | None = None
    """Takes lines or paragraphs out that recur in many documents: {} for {unit: line, within: host, max_documents: 10}."""

    @model_validator(mode="after")
    def _banded(self) -> Self:
        """Settles bands, rows and permutations, whichever were given."""
        if self.bands and self.rows:
            bands, rows = self.bands, self.rows
        elif self.bands or self.rows:
            given = self.bands or self.rows or 1
            other = self.permutations // given
            if not other:
                raise refusal(f"{self.permutations} permutations are too few for {given}; give both bands and rows")
            bands, rows = (given, other) if self.bands else (other, given)
        else:
            bands, rows = best_bands(self.min_similarity, self.permutations)
        for key, n in (("bands", bands), ("rows", rows), ("permutations", bands * rows)):
            object.__setattr__(self, key, n)  # the model is frozen for all others
        return self

    @model_validator(mode="after")
    def _index_of_all_sources(self) -> Self:
        if self.index is not None and "://" in self.index:
            raise refusal(f"{self.index!r} given; allowed: a folder that every machine mounts", "index")
        if self.index is not None and self.scope != "across":
            raise refusal("needs scope: across, since other runs have other sources and dumps", "index")
        return self

    @property
    def banding(self) -> tuple[int, int]:
        """Bands and rows, which are settled."""
        return self.bands or 1, self.rows or 1


class Decontaminate(Section):
    benchmarks: value.InputPaths
    """JSONL, CSV, TSV or Parquet files of benchmark items (benchmark, split, id, text) that must not be in the corpus."""
    text_fields: value.Names = ()
    """The fields of an item's text; left out: `text`, else `question`, `choices` and their like."""
    ngram: value.Ngram = 13
    """Words of a collision (C: 13); auto: the 5th percentile of a benchmark's item lengths, from 8 to 13 (C's later N)."""
    chinese: Literal["words", "characters"] = "words"
    """words: Chinese n-grams are of jieba's words, 1.5 characters each at most; characters: a character is a word."""
    ignore: value.OptionalPaths = ()
    """Files of phrases that are no leaks, as an earlier run's ignored_ngrams/."""
    window: Annotated[int, Field(ge=0)] = 200
    """Characters removed on each side of a collision (C: 200)."""
    min_fragment: Annotated[int, Field(ge=0)] = 200
    """Characters of the shortest piece kept (C: 200)."""
    max_fragments: Annotated[int, Field(ge=1)] = 10
    """A document in more pieces is dropped (C: 10)."""
    max_documents: Annotated[int, Field(ge=1)] = 10
    """n-grams in more documents are common phrases, not leaks (C: 10)."""
    mode: Literal["cut", "drop", "report"] = "cut"
    """cut the window out (C), drop the document (GPT-2's way), or only report."""
    fragments: Literal["join", "split"] = "join"
    """join: one text, blank line between; split: a document a piece (C)."""


class QualityStep(Section):
    min_score: value.Share
    """The step holds from this quality score on, up to the next step's."""
    epochs: Annotated[float, Field(ge=0)]
    """How often such documents are seen, beside those of the other steps; 0: never."""


class Validation(Section):
    token_budget: value.CountOrNone = 0
    """Tokens held out, written to corpus/validation and never trained on; 0: none."""


class Mixture(Section):
    token_budget: value.Count
    """How many tokens the corpus shall have, as 300B (table 2.2: 300 billion) or 40k."""
    strategy: Literal["weights", "proportional", "temperature", "unimax"] = "weights"
    """weights: as given below (table 2.2); proportional: as the sources hold tokens; temperature; unimax: equal shares up to
    max_epochs, the rest to the others (Chung et al. 2023)."""
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Each source's share of the tokens, normalised (table 2.2); left out: proportional to what the sources hold."""
    temperature: Annotated[float, Field(ge=1)] | None = None
    """For strategy temperature: weights follow tokens^(1 / temperature); 1 is proportional, more is nearer to equal."""
    max_epochs: value.Epochs = None
    """How often a source may be seen at most (table 2.2: up to 3.4): a number for all, or {source: number}."""
    by_quality: dict[str, tuple[QualityStep, ...]] = {}
    """{source: [{min_score: 0, epochs: 1}, {min_score: 0.9, epochs: 3}]}: within a source, good documents are seen more
    often; its weight stays, max_epochs caps each step. Documents without a score count as a step of 1 epoch."""
    tokenizer: value.Tokenizer = "gpt2"
    """Whose tokens are counted: gpt2 (2.1: GPT-2's byte-pair encoding) | cl100k_base | o200k_base | a tokenizer.json."""
    token_sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the documents whose tokens are counted; below 1 those of the others are estimated from their length, and
    the report says how far off that may be."""
    shard_size: value.Size = 256_000_000
    """Bytes of an output file."""
    format: Literal["parquet", "jsonl.zst"] = "parquet"
    """parquet | jsonl.zst: of the output files; jsonl.zst holds a JSON object of the same columns in each line."""
    validation: Validation = Validation()
    """A held-out split: equal texts and whole clusters of duplicates are on one side of it."""

    @field_validator("by_quality", mode="before")
    @classmethod
    def _steps(cls, given: object) -> object:
        return {name: value.as_tuple(steps) for name, steps in given.items()} if isinstance(given, dict) else given

    @field_validator("by_quality")
    @classmethod
    def _rising(cls, curves: dict[str, tuple[QualityStep, ...]]) -> dict[str, tuple[QualityStep, ...]]:
        for name, steps in curves.items():
            if not steps or steps[0].min_score != 0:
                raise refusal("the first step must begin at min_score 0", name)
            for before, after in pairwise(steps):
                if not (before.min_score < after.min_score and before.epochs <= after.epochs):
                    raise refusal("min_score must rise from step to step, and epochs must not fall", name)
            if not steps[-1].epochs > 0:
                raise refusal("the last step's epochs must be above 0", name)
        return curves

    @model_validator(mode="after")
    def _strategy_has_its_keys(self) -> Self:
        if self.weights is not None and self.strategy != "weights":
            raise refusal(f"strategy {self.strategy} makes its own weights; leave weights out", "weights")
        if (self.temperature is None) == (self.strategy == "temperature"):
            said = "is missing; a number of at least 1" if self.temperature is None else "belongs to strategy temperature"
            raise refusal(said, "temperature")
        if self.strategy == "unimax" and self.max_epochs is None:
            raise refusal("is missing; strategy unimax needs it, as 4", "max_epochs")
        return self


class Guards(Section):
    max_unreadable_inputs: value.Share = 0.01
    """Share of the input files that may be unreadable; one file always may."""
    min_kept_documents: Annotated[int, Field(ge=0)] = 1
    """Fewer kept documents stop the run."""


class Spark(Section):
    master: Annotated[str, Field(min_length=1)] = "local[*]"
    """For local use; under spark-submit its own settings win."""
    conf: dict[value.SparkKey, value.SparkValue] = {}
    """Any Spark settings, for local use."""


class Config(Section):
    output: value.InputPath
    """The folder to write: local, or a URL."""
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 20200528
    """Of all draws; the default is the day on which the paper appeared."""
    sources: Annotated[dict[value.SourceName, Source], Field(min_length=1)]
    """Where documents come from: {name: {format, paths, role}}."""
    extract: Extract = Extract()
    language: Language = Language()
    annotate: Annotate = Annotate()
    """What is edited in a text before it is measured, and what is counted beyond the metrics; the defaults do neither."""
    filters: Annotated[Filters | None, value.off_or(Filters)] = Filters()
    """Rules on metrics, or `none`."""
    quality: Annotated[Quality | None, value.off_or(Quality)] = Quality()
    """The classifier and its rule (A.1), or `none`."""
    dedup: Annotated[Dedup | None, value.off_or(Dedup)] = Dedup()
    """Exact and fuzzy deduplication (A.2), or `none`."""
    decontaminate: Annotated[Decontaminate | None, value.off_or(Decontaminate)] = None
    """Removal of benchmark items (C), or `none`; left out: none, since there are no benchmarks to look for."""
    mixture: Mixture
    """How many tokens, and from which source: {token_budget: 300B, weights: {name: share}}."""
    guards: Guards = Guards()
    spark: Spark = Spark()

    @field_validator("sources")
    @classmethod
    def _links_of_sources(cls, sources: dict[str, Source]) -> dict[str, Source]:
        pages = [name for name, source in sources.items() if source.format != "links"]
        for name, source in sources.items():
            if source.of is not None and source.of not in pages:
                allowed = ", ".join(pages) or "a source that reads pages; none is given"
                raise refusal(f"{source.of!r} is no source of pages; allowed: {allowed}", f"{name}.of")
        return sources

    @field_validator("quality")
    @classmethod
    def _learnable(cls, quality: Quality | None, info: ValidationInfo) -> Quality | None:
        roles = {source.role for source in info.data.get("sources", {}).values()}
        if quality and quality.model is None and roles and len(roles) == 1:
            lacking = "reference" if roles == {"raw"} else "raw"
            raise refusal(f"the classifier needs a source of role {lacking}; add one, or write `quality: none`")
        return quality

    @field_validator("dedup")
    @classmethod
    def _prefer_all(cls, dedup: Dedup | None, info: ValidationInfo) -> Dedup | None:
        """Completes `prefer`: the sources it leaves out follow, references first."""
        sources: dict[str, Source] = info.data.get("sources", {})
        if dedup is None or not sources:
            return dedup
        for position, name in enumerate(dedup.prefer):
            if name not in sources:
                raise refusal(f"{name!r} is no source; allowed: {', '.join(sources)}", f"prefer.{position}")
        if len(set(dedup.prefer)) < len(dedup.prefer):
            raise refusal("a source is named twice", "prefer")
        references_first = sorted(sources, key=lambda name: sources[name].role != "reference")
        return dedup.model_copy(update={"prefer": tuple(dict.fromkeys((*dedup.prefer, *references_first)))})

    @field_validator("mixture")
    @classmethod
    def _weights_of_sources(cls, mixture: Mixture, info: ValidationInfo) -> Mixture:
        sources = info.data.get("sources")
        if not sources:
            return mixture
        caps = mixture.max_epochs if isinstance(mixture.max_epochs, dict) else {}
        for key, named in (("weights", mixture.weights), ("max_epochs", caps), ("by_quality", mixture.by_quality)):
            for name in named or ():
                if name not in sources:
                    raise refusal(f"{name!r} is no source; allowed: {', '.join(sources)}", f"{key}.{name}")
        if mixture.weights is not None and not sum(mixture.weights.values()) > 0:
            raise refusal("the weights add up to 0; at least one must be above 0", "weights")
        if mixture.by_quality and info.data.get("quality") is None:
            raise refusal("quality is none, so no document has a score", "by_quality")
        return mixture


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> Config:
    """The config in a YAML file, with `key.sub=value` set over it; relative paths are taken from the file's folder."""
    document = read_document(Path(path))
    for text in overrides:
        override(document, text)
    for key in OFF_SWITCHED:
        if key in document.data and document.data[key] is None:
            message = f"nothing given; allowed: its keys, or `none` to switch it off (leave {key} out for its defaults)"
            raise ConfigError(f"{document.place((key,))}: {key}: {message}")
    try:
        return Config.model_validate(document.data, context={"folder": Path(path).absolute().parent})
    except ValidationError as error:
        raise ConfigError(explain(error, document, Config)) from None


def schema_json() -> str:
    """The config's JSON Schema, which `taojin schema` prints."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Config.model_json_schema()
    return json.dumps(schema | {"title": "taojin config"}, indent=2, ensure_ascii=False)
