"""Recipes: what they hold, how they join, and what a wrong one is told."""

import gzip
import json
import math
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import ConfigError
from pipeline.kernels.chinese import words
from pipeline.kernels.metrics import METRICS, Counted, measure
from pipeline.kernels.text import units
from pipeline.recipes import Limit, load_recipe, recipe_names, with_overrides

DATA = Path(os.environ.get("TAOJIN_TEST_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")


def drop_reasons(texts: list[str], limits: tuple[Limit, ...]) -> list[str | None]:
    column = pa.array(texts, pa.large_string())
    measured = measure(column, units(column), Counted(np.diff(words(column, "zh")[1].bounds)))
    reasons: list[str | None] = []
    for i in range(len(texts)):
        broken = []
        for limit in limits:
            value = measured[limit.metric][i].item()
            low = -math.inf if limit.min is None else limit.min
            high = math.inf if limit.max is None else limit.max
            breaks = {f"{limit.metric}_min": value < low, f"{limit.metric}_max": value > high}
            broken += [reason for reason in limit.reasons() if breaks[reason]]
        reasons.append(broken[0] if broken else None)
    return reasons


def test_gopher_has_the_papers_limits() -> None:
    limits = {limit.metric: (limit.min, limit.max) for limit in load_recipe("gopher")}
    assert limits == {
        "word_count": (50, 100_000),
        "mean_word_length": (3, 10),
        "hash_word_ratio": (None, 0.1),
        "ellipsis_word_ratio": (None, 0.1),
        "bullet_line_fraction": (None, 0.9),
        "ellipsis_line_fraction": (None, 0.3),
        "alphabetic_word_fraction": (0.8, None),
        "stop_word_count": (2, None),
        "duplicate_line_fraction": (None, 0.3),
        "duplicate_paragraph_fraction": (None, 0.3),
        "duplicate_line_character_fraction": (None, 0.2),
        "duplicate_paragraph_character_fraction": (None, 0.2),
        "top_2gram_character_fraction": (None, 0.2),
        "top_3gram_character_fraction": (None, 0.18),
        "top_4gram_character_fraction": (None, 0.16),
        "duplicate_5gram_character_fraction": (None, 0.15),
        "duplicate_6gram_character_fraction": (None, 0.14),
        "duplicate_7gram_character_fraction": (None, 0.13),
        "duplicate_8gram_character_fraction": (None, 0.12),
        "duplicate_9gram_character_fraction": (None, 0.11),
        "duplicate_10gram_character_fraction": (None, 0.1),
    }


def test_c4_and_fineweb_have_the_papers_limits() -> None:
    limits = {limit.metric: (limit.min, limit.max) for limit in (*load_recipe("c4"), *load_recipe("fineweb"))}
    assert limits == {
        "lorem_ipsum_count": (None, 0),
        "curly_bracket_count": (None, 0),
        "sentence_count": (5, None),
        "terminal_punctuation_line_fraction": (0.12, None),
        "short_line_fraction": (None, 0.67),
        "duplicate_line_character_fraction": (None, 0.1),
        "line_feed_word_ratio": (None, 0.3),
    }
    union = {limit.metric: limit for limit in load_recipe("gopher+c4+fineweb")}
    assert union.keys() == {limit.metric for limit in load_recipe("gopher")} | limits.keys()
    assert union["duplicate_line_character_fraction"].max == 0.1  # the stricter of both


@pytest.mark.parametrize("name", recipe_names())
def test_every_limit_of_a_shipped_recipe_has_a_source(name: str) -> None:
    limits = load_recipe(name)
    assert all(limit.source and limit.metric in METRICS and limit.reasons() for limit in limits)
    assert (name == "none") == (limits == ())


def test_order_is_the_files(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("stop_word_count: {min: 2}\nword_count: {max: 1e5, min: 50, source: a paper}\n", "utf-8")
    limits = load_recipe(str(path))
    assert limits == (Limit("stop_word_count", 2), Limit("word_count", 50, 100_000, "a paper"))
    assert limits[1].reasons() == ("word_count_min", "word_count_max")


def test_a_union_takes_the_stricter_bound(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("han_fraction: {max: 0.1}\nword_count: {min: 20, max: 500, source: own}\n", "utf-8")
    joined = load_recipe(f"gopher + {path}")
    assert joined[0] == Limit("word_count", 50, 500, "Rae et al. 2021, A.1.1; own")
    assert joined[1:-1] == load_recipe("gopher")[1:]
    assert joined[-1] == Limit("han_fraction", max=0.1)
    assert load_recipe("none+gopher") == load_recipe("gopher+gopher") == load_recipe("gopher")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("gofer", "recipe 'gofer' is not known; the nearest is gopher"),
        ("gopher+", "recipe '' is not known"),
        ("missing.yaml", "recipe missing.yaml cannot be read"),
    ],
)
def test_unknown_recipes_are_refused(recipe: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_recipe(recipe)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("word_cuont: {min: 1}", "'word_cuont' is not a metric; the nearest is word_count"),
        ("no: {min: 1}", "'no' is not a metric"),
        ("word_count: {mim: 1}", "word_count.mim is not known; the nearest is min"),
        ("word_count: 5", "word_count needs {min: …, max: …, source: …}, not int"),
        ("word_count: {}", "word_count has neither min nor max"),
        ("word_count: {min: yes please}", "word_count.min is a finite number, not 'yes please'"),
        ("word_count: {min: true}", "word_count.min is a finite number, not True"),
        ("word_count: {min: .nan}", "word_count.min is a finite number, not nan"),
        ("word_count: {min: null}", "word_count.min is a finite number, not NoneType"),
        ("word_count: {min: 1, source: 3}", "word_count.source is text, not int"),
        ("word_count: {min: 9, max: 1}", "word_count has min 9 above max 1"),
        ("word_count: {min: 1}\nword_count: {min: 2}", "duplicate key"),
        ("- word_count", "a recipe maps metrics to limits, not list"),
        ("word_count: {min: 1", "is not YAML that can be read"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nword_count: {min: *b}", "'a' is not a metric"),
        ("word_count: {min: !!python/object/apply:os.getcwd []}", "is not YAML that can be read"),
    ],
)
def test_wrong_recipes_are_told_where_and_what(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(ConfigError) as error:
        load_recipe(str(path))
    assert message in str(error.value)
    assert "own.yaml" in str(error.value)


def test_an_empty_recipe_has_no_limits(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("# nothing\n", "utf-8")
    assert load_recipe(str(path)) == ()


def test_overrides() -> None:
    limits = (Limit("word_count", 50, 100, "a paper"), Limit("stop_word_count", 2, source="a paper"))
    changed = with_overrides(
        limits, {"word_count": {"max": 500}, "stop_word_count": {"min": None}, "han_fraction": {"min": 0.3}}
    )
    assert changed == (Limit("word_count", 50, 500, "a paper; config"), Limit("han_fraction", min=0.3, source="config"))
    assert with_overrides(limits, {}) == limits
    with pytest.raises(ConfigError, match="min 200 above max 100"):
        with_overrides(limits, {"word_count": {"min": 200}})
    with pytest.raises(ConfigError, match=r"filters\.limits: 'word_cnt' is not a metric; the nearest is word_count"):
        with_overrides(limits, {"word_cnt": {"min": 200}})


def test_gopher_drops_what_it_should() -> None:
    prose = (
        "The river bends here, and the miners who came with the first snow have left their pans on the stones to be "
        "found by anyone. Each spring somebody walks up from town, fills one with gravel, swirls it until nothing but "
        "black sand remains, and swears that a speck of yellow winked at him before it sank."
    )
    texts = [prose, "Short.", prose + "\n" + "\n".join(["Buy now"] * 30), prose.replace("e", "e #"), "buy gold " * 60]
    assert drop_reasons(texts, load_recipe("gopher")) == [
        None,
        "word_count_min",
        "duplicate_line_fraction_max",
        "hash_word_ratio_max",
        "stop_word_count_min",
    ]


@pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")
@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ("gopher", "webtext_en_abc_news"),
        ("gopher", "webtext_en_brown"),
        ("gopher", "wiki_en_wikitext2"),
        ("gopher", "speeches_en_inaugural"),
        ("zh", "wiki_zh_cmrc2018"),
        ("zh", "wiki_zhtw_drcd"),
        ("zh", "books_zh_classics"),
    ],
)
def test_trusted_text_passes(recipe: str, name: str) -> None:
    with gzip.open(DATA / "curated" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line in stream]
    reasons = drop_reasons(texts, load_recipe(recipe))
    assert np.mean([reason is None for reason in reasons]) >= 0.9
