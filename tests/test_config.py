"""The config: every default, and one clear message for every mistake."""

import doctest
import json
from pathlib import Path

import pytest

from pipeline import config_errors, config_values
from pipeline.config import Config, load_config, schema_json
from pipeline.errors import ConfigError

GOOD = """\
output: out/corpus
sources:
  crawl: {format: warc, paths: ["crawl/*.warc.gz", "s3://bucket/x.warc.gz"], role: raw}
  books: {format: jsonl, paths: books/, role: reference}
mixture:
  token_budget: 300B
  weights: {crawl: 3, books: 1e-3}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "c.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_defaults_are_the_papers_values(write):
    config = load_config(write(GOOD))
    assert config.seed == 20200528
    assert config.quality.select.model_dump() == {"rule": "pareto", "alpha": 9.0}
    assert config.quality.features.buckets == 2**18
    assert (config.dedup.bands, config.dedup.rows, config.dedup.shingle, config.dedup.min_similarity) == (12, 6, 5, 0.8)
    assert config.mixture.token_budget == 300_000_000_000
    assert config.mixture.weights == {"crawl": 3.0, "books": 0.001}
    assert config.mixture.shard_size == 256_000_000
    assert config.extract.max_record_bytes == 10_000_000
    assert config.filters.recipes == {"default": ("gopher",), "zh": ("zh",)}
    assert config.decontaminate is None


def test_appendix_c_is_the_default_of_decontaminate(write):
    found = load_config(write(GOOD), ["decontaminate.benchmarks=b/*.jsonl"]).decontaminate
    assert (found.ngram, found.window, found.min_fragment, found.max_fragments, found.max_documents) == (
        13, 200, 200, 10, 10,
    )  # fmt: skip
    assert (found.mode, found.fragments, found.chinese, found.ignore, found.text_fields) == ("cut", "join", "words", (), ())


def test_paths_are_relative_to_the_config(write, tmp_path: Path):
    config = load_config(write(GOOD))
    assert config.output == str(tmp_path / "out/corpus")
    assert config.sources["crawl"].paths == (str(tmp_path / "crawl/*.warc.gz"), "s3://bucket/x.warc.gz")
    assert config.sources["books"].paths == (str(tmp_path / "books"),)


def test_a_stored_config_is_read_back_equal(write):
    curve = "mixture.by_quality.crawl=[{min_score: 0, epochs: 0}, {min_score: 0.5, epochs: 3}]"
    config = load_config(write(GOOD), ["filters=none", curve, "language.keep=[en, no]", "mixture.max_epochs={books: 2}"])
    assert Config.model_validate(json.loads(config.model_dump_json())) == config
    assert [step.epochs for step in config.mixture.by_quality["crawl"]] == [0, 3]
    config = load_config(write(GOOD), ["filters=none", "quality=none", "language.keep=[en, no]", "dedup.scope=within"])
    assert (config.filters, config.quality) == (None, None)
    assert Config.model_validate(json.loads(config.model_dump_json())) == config


def test_references_are_preferred_then_raw_sources(write):
    assert load_config(write(GOOD)).dedup.prefer == ("books", "crawl")
    assert load_config(write(GOOD), ["dedup.prefer=[crawl]"]).dedup.prefer == ("crawl", "books")


def test_bands_and_rows_are_settled_whichever_are_given(write):
    for given, banding in {
        "dedup.permutations=128": (18, 7), "dedup.bands=9": (9, 8), "dedup.rows=8": (9, 8),
        "dedup.min_similarity=0.5": (36, 2),
    }.items():  # fmt: skip
        dedup = load_config(write(GOOD), [given]).dedup
        assert dedup.banding == banding and dedup.permutations == banding[0] * banding[1]
    assert load_config(write(GOOD), ["dedup.bands=10", "dedup.rows=1"]).dedup.permutations == 10


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("language.keep=no", ("no",)),  # Norwegian, not false
        ("language.keep=all", "all"),
        ("quality.select=none", "none"),
        ("quality.select.alpha=3", 3.0),
        ("quality.select={rule: threshold, min: 1e-3}", 0.001),
        ("mixture.token_budget=1.5M", 1_500_000),
        ("mixture.token_budget=3e11", 300_000_000_000),
        ("mixture.shard_size=8MiB", 8 * 2**20),
        ("filters.recipes={default: gopher+zh, ja: none}", {"default": ("gopher", "zh"), "ja": ()}),
        ("spark.conf.spark.sql.shuffle.partitions=4", {"spark.sql.shuffle.partitions": "4"}),
        ("spark.conf.spark.eventLog.enabled=true", {"spark.eventLog.enabled": "true"}),
    ],
)
def test_overrides_are_read_as_yaml(write, override: str, value: object):
    config = load_config(write(GOOD), [override])
    select = config.quality.select
    found = (
        config.language.keep, select.rule, getattr(select, "min", None), getattr(select, "alpha", None),
        config.mixture.token_budget, config.mixture.shard_size, config.filters.recipes, config.spark.conf,
    )  # fmt: skip
    assert value in found


# Each: what is wrong, and the message after `c.yaml:`.
WRONG_FILES = {
    "no: [": "1: this is not YAML: expected the node content",
    "a: b: c": "1: this is not YAML: mapping values are not allowed here",
    "output: x\n\tseed: 1": "2: this is not YAML: found character",
    "": " is empty; a config names at least",
    "# nothing\n": " is empty; a config names at least",
    "- a\n- b": "1: the file holds a list; allowed: a mapping",
    "just text": "1: the file holds one value ('just text'); allowed: a mapping",
    GOOD + "seed: 1\nseed: 2\n": "9: seed: given twice, first in line 8; keep one of them",
    "a: &x 1\nb: *x": "1: anchor &x given; allowed: values written out",
    "a: *x": "1: alias *x given; allowed: values written out",
    "a: !!python/object:os.system x": "1: tag tag:yaml.org,2002:python/object:os.system given; allowed: plain values",
    "a: 1\n---\nb: 2": "2: this is not YAML: but found another document",
    "? [a]\n: 1": "1: a key is a list; allowed: a text",
    "a: " + "[" * 30 + "]" * 30: "1: nested 21 deep; allowed: 20",
    GOOD + "dedup:\n  bandz: 1\n": "9: dedup.bandz: unknown key; did you mean bands?",
    GOOD + "token_budget: 1\n": "8: token_budget: unknown key here; did you mean mixture.token_budget?",
    GOOD + "xyz: 1\n": "8: xyz: unknown key; allowed: output, seed, sources",
    GOOD + "dedup:\n": "8: dedup: nothing given; allowed: its keys, or `none`",
    GOOD + "quality: off\n": '8: quality: "off" given; allowed: a mapping with features, model, label, select',
    "output: x\nmixture: {token_budget: 1}\n": "1: sources: is missing; Where documents come from",
    "output: x\nsources: {}\nmixture: {token_budget: 1}": "2: sources: {} given; allowed: at least one",
    "output: x\nmixture: {}\nsources:\n  a b: {}": "4: sources.a b: 'a b' given; allowed: up to 64 letters",
}


@pytest.mark.parametrize(("text", "message"), WRONG_FILES.items())
def test_a_wrong_file_is_named_with_its_line(write, text: str, message: str):
    path = write(text)
    assert f"{path}:{message}" in refused(path)


WRONG_VALUES = {
    "dedup.min_similarity=1.5": "dedup.min_similarity: 1.5 given; allowed: less than or equal to 1",
    "dedup.rows=0": "dedup.rows: 0 given; allowed: greater than or equal to 1",
    "dedup.index=s3://a/b": "dedup.index: 's3://a/b' given; allowed: a folder that every machine mounts",
    "dedup={index: x, scope: within}": "dedup.index: needs scope: across, since other runs have other sources and dumps",
    "dedup.scope=all": 'dedup.scope: "all" given; allowed: across, within or dump',
    "dedup.bands=100": "dedup: 72 permutations are too few for 100; give both bands and rows",
    "dedup.prefer=[books, web]": "dedup.prefer.1: 'web' is no source; allowed: crawl, books",
    "dedup.prefer=[books, books]": "dedup.prefer: a source is named twice",
    "seed=true": "seed: true given; allowed: a valid integer",
    'seed="1"': 'seed: "1" given; allowed: a valid integer',
    "seed=-1": "seed: -1 given; allowed: greater than or equal to 0",
    "language.keep=cn": "language.keep.0: 'cn' given; allowed: all, or codes of fastText's 176 languages; did you mean",
    "language.keep=[en, english]": "language.keep.1: 'english' given; allowed: all",
    "language.keep=[]": "language.keep: an empty list given; allowed: all",
    "language.min_score=.nan": "language.min_score: NaN given; allowed: a finite number",
    "sources.crawl.format=pdf": 'sources.crawl.format: "pdf" given; allowed: warc',
    "sources.crawl.split_at=x": "sources.crawl.split_at: belongs to format text",
    "sources.crawl={format: text, paths: [x], role: raw, split_at: '('}":
        "sources.crawl.split_at: '(' given, which is no regular expression",
    "sources.crawl.paths=[]": "sources.crawl.paths: [] given; allowed: at least one",
    "sources.crawl.paths=3": "sources.crawl.paths: 3 given; allowed: a list",
    "sources.crawl.sample=0": "sources.crawl.sample: 0 given; allowed: greater than 0",
    "sources.crawl.role=": "sources.crawl.role: nothing given; allowed: raw or reference",
    "sources.crawl.of=x": "sources.crawl.of: belongs to format links",
    "sources.books.role=raw": "quality: the classifier needs a source of role reference",
    "mixture.token_budget=1.5": "mixture.token_budget: 1.5 given, which is no whole number",
    "mixture.token_budget=-1": "mixture.token_budget: -1 given; allowed: greater than 0",
    "mixture.token_budget=many": "mixture.token_budget: 'many' given; allowed: a count, as 40000, 40k, 1.5M or 300B",
    "mixture.weights={crawl: 0, books: 0}": "mixture.weights: the weights add up to 0; at least one must be above 0",
    "mixture.weights={crawl: .inf}": "mixture.weights.crawl: Infinity given; allowed: a finite number",
    "mixture.weights={web: 1}": "mixture.weights.web: 'web' is no source; allowed: crawl, books",
    "mixture={token_budget: 1, strategy: unimax}": "mixture.max_epochs: is missing; strategy unimax needs it, as 4",
    "mixture={token_budget: 1, strategy: unimax, weights: {crawl: 1}}": "mixture.weights: strategy unimax makes its own",
    "mixture={token_budget: 1, strategy: temperature}": "mixture.temperature: is missing; a number of at least 1",
    "mixture.temperature=2": "mixture.temperature: belongs to strategy temperature",
    "mixture.temperature=0.5": "mixture.temperature: 0.5 given; allowed: greater than or equal to 1",
    "mixture.max_epochs=0": "mixture.max_epochs: 0 given; allowed: a number above 0, or {source: number}",
    "mixture.max_epochs={web: 2}": "mixture.max_epochs.web: 'web' is no source; allowed: crawl, books",
    "mixture.max_epochs.crawl=x": "mixture.max_epochs.crawl: 'x' given; allowed: a number above 0",
    "mixture.by_quality.crawl=[{min_score: 0.1, epochs: 1}]": "mixture.by_quality.crawl: the first step must begin at",
    "mixture.by_quality.crawl=[{min_score: 0, epochs: 2}, {min_score: 1, epochs: 1}]": "mixture.by_quality.crawl: min_",
    "mixture.by_quality.crawl=[{min_score: 0, epochs: 0}]": "mixture.by_quality.crawl: the last step's epochs must be",
    "mixture.by_quality.web=[{min_score: 0, epochs: 1}]": "mixture.by_quality.web: 'web' is no source",
    "mixture.by_quality.crawl=[{score: 0}]": "mixture.by_quality.crawl.0.min_score: is missing; The step holds from",
    "mixture.validation=10k": 'mixture.validation: "10k" given; allowed: a mapping with token_budget',
    "mixture.validation.token_budget=-3": "mixture.validation.token_budget: -3 given; allowed: greater than or equal to 0",
    "mixture.format=csv": 'mixture.format: "csv" given; allowed: parquet or jsonl.zst',
    "mixture.tokenizer=cl100k": "mixture.tokenizer: 'cl100k' given; allowed: gpt2, cl100k_base, o200k_base, or a",
    "mixture.tokenizer=none.json": "mixture.tokenizer: there is no file ",
    "mixture.token_sample=0": "mixture.token_sample: 0 given; allowed: greater than 0",
    "extract.max_record_bytes=10XB": "extract.max_record_bytes: '10XB' given; allowed: bytes, as 512, 10MB",
    "extract.engine=trafilaturo": 'extract.engine: "trafilaturo" given; allowed: blocks',
    "quality.select={rule: top_fraction}": "quality.select.keep",
    "quality.select={rule: threshold}": "quality.select.min: is missing; Least quality score kept",
    "quality.select={rule: threshold, min: 0.5, alpha: 9}": "quality.select.alpha: unknown key; allowed: rule, min",
    "quality.select.alpha=fitted": 'quality.select.alpha: "fitted" given',
    "filters.recipes={default: gofer}": "filters.recipes.default: 'gofer' given; allowed: gopher, c4, fineweb, zh, none, a",
    "filters.recipes={zh: zh}": "filters.recipes: no `default` given",
    "filters.recipes={default: none, jp: zh}": "filters.recipes.jp: 'jp' given; allowed: default, or a code",
    "filters.limits={n_words: {min: 2, max: 1}}": "filters.limits.n_words: min 2 is above max 1",
    "filters.limits={n_words: {}}": "filters.limits.n_words: no bound given; allowed: min, max or both",
    "spark.conf.foo=1": "spark.conf.foo: 'foo' given; allowed: names of Spark settings",
    "output=": "output: nothing given; allowed: a valid string",
    "decontaminate={ngram: 13}": "decontaminate.benchmarks: is missing; JSONL, CSV, TSV or Parquet files of",
    "decontaminate={benchmarks: b, ngram: 0}": "decontaminate.ngram: 0 given; allowed: auto, or words from 1 to 1000",
    "decontaminate={benchmarks: b, ngram: automatic}": "decontaminate.ngram: 'automatic' given; allowed: auto, or words",
    "decontaminate={benchmarks: b, chinese: jieba}": 'decontaminate.chinese: "jieba" given; allowed: words or characters',
    "seed.x=1": "seed.x: seed is one value (1) without keys; set seed itself",
    "seed": "'seed' given; allowed: key.sub=value",
    "seed=[": "seed: this is not YAML",
}


@pytest.mark.parametrize(("override", "message"), WRONG_VALUES.items())
def test_a_wrong_value_is_named_with_what_is_allowed(write, override: str, message: str):
    path = write(GOOD + "seed: 1\n")
    where = f"{path}:1" if message.startswith("quality: the classifier") else "command line"
    assert f"{where}: {message}" in refused(path, override)


def test_all_problems_are_named_at_once(write):
    path = write(GOOD + "seed: x\ndedup: {bands: 0}\n")
    assert refused(path).splitlines() == [
        f'{path}:8: seed: "x" given; allowed: a valid integer',
        f"{path}:9: dedup.bands: 0 given; allowed: greater than or equal to 1",
    ]


def test_files_that_cannot_be_read(write, tmp_path: Path):
    assert refused(tmp_path / "absent.yaml") == f"{tmp_path}/absent.yaml: there is no such file"
    assert refused(tmp_path) == f"{tmp_path}: this is a folder; give the YAML file in it"
    path = write(b"a: 1\nb: \xff\n")
    assert refused(path) == f"{path}:2: byte 0xff is not UTF-8; save the file as UTF-8"


def test_a_recipe_file_must_exist(write, tmp_path: Path):
    path = write(GOOD)
    assert f"there is no file {tmp_path}/mine.yaml" in refused(path, "filters.recipes={default: gopher+mine.yaml}")
    (tmp_path / "mine.yaml").write_text("{}")
    recipes = load_config(path, ["filters.recipes={default: gopher+mine.yaml}"]).filters.recipes
    assert recipes == {"default": ("gopher", str(tmp_path / "mine.yaml"))}


def test_an_alias_bomb_is_refused_before_it_grows(write):
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert ":1: anchor &a given" in refused(write(bomb))


def test_the_schema_describes_every_key():
    schema = json.loads(schema_json())
    assert schema["title"] == "taojin config"
    undescribed = [
        f"{name}.{key}"
        for name, model in schema["$defs"].items()
        for key, field in model["properties"].items()
        if not field.get("description")
    ]
    assert undescribed == []
    assert {"type": "string", "const": "none"} in schema["properties"]["dedup"]["anyOf"]


@pytest.mark.parametrize("module", [config_values, config_errors])
def test_the_doctests_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


def test_the_recipes_named_are_the_files_there():
    folder = Path(config_values.__file__).parent / "recipes"
    if not folder.is_dir():
        pytest.skip("no recipes are built yet")
    assert sorted(path.stem for path in folder.glob("*.yaml")) == sorted(config_values.RECIPES)
