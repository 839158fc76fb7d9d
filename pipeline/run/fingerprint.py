"""What a stage's result depends on, as one hash."""

import hashlib
import json
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.kernels.fasttext_quality import file_hash
from pipeline.schema import STAGES
from pipeline.sources.paths import Input, listed, resolve
from pipeline.sources.storage import Storage

Inputs = dict[str, list[Input]]  # by source; the files of decontaminate under names that no source can have
BENCHMARKS, IGNORED = "benchmarks of decontaminate", "phrases that decontaminate ignores"
URL_LISTS = "lists of URLs of extract"


def resolve_inputs(config: Config) -> Inputs:
    """The files of each source and of the benchmarks; raises ConfigError for a pattern that matches nothing."""
    inputs: Inputs = {}
    for name, source in config.sources.items():
        files = _resolve(f"sources.{name}.paths", source.paths, source.storage_options)
        if source.base and not is_index(files):
            files = _listed(f"sources.{name}.paths", files, source.base, source.storage_options)
        elif any(file.path.endswith((".paths", ".paths.gz")) for file in files):
            raise ConfigError(f"sources.{name}.paths: a list of paths given; add `base:`, as https://data.commoncrawl.org/")
        inputs[name] = files[: source.limit] if source.limit else files
    if config.extract.url_lists:
        inputs[URL_LISTS] = _resolve("extract.url_lists", config.extract.url_lists)
    if config.decontaminate:
        inputs[BENCHMARKS] = _resolve("decontaminate.benchmarks", config.decontaminate.benchmarks)
        inputs[IGNORED] = _resolve("decontaminate.ignore", config.decontaminate.ignore)
    return inputs


def is_index(files: list[Input]) -> bool:
    """Whether lists are Parquet: rows of Common Crawl's columnar index, each a capture."""
    return bool(files) and all(file.path.endswith(".parquet") for file in files)


def _resolve(key: str, patterns: Any, storage: Storage | None = None) -> list[Input]:
    try:
        return resolve(list(patterns), Path.cwd(), storage)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def _listed(key: str, lists: list[Input], base: str, storage: Storage) -> list[Input]:
    try:
        return listed(lists, base, storage)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def versions() -> dict[str, str]:
    """Versions that a result can depend on."""
    packages = ("pyspark", "numpy", "pyarrow", "scikit-learn", "resiliparse", "rjieba")
    found = {"taojin": __version__, "python": platform.python_version()}
    for name in packages:
        with suppress(PackageNotFoundError):  # rjieba may be missing, and a cluster may ship a package otherwise
            found[name] = version(name)
    return found


def fingerprints(config: Config, inputs: Inputs) -> dict[str, str]:
    """A hash for each stage, which covers those of the stages before it."""
    parts = _dependencies(config.model_dump(mode="json"), inputs)
    found, previous = {}, ""
    for stage in STAGES:
        text = json.dumps([__version__, stage, previous, parts[stage]], sort_keys=True)
        found[stage] = previous = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def _dependencies(config: dict[str, Any], inputs: Inputs) -> dict[str, Any]:
    files = {name: [[file.path, file.size, file.modified] for file in given] for name, given in inputs.items()}
    searched = [files.get(name) for name in (BENCHMARKS, IGNORED)]
    sources = config["sources"]
    roles = {name: source["role"] for name, source in sources.items()}
    dedup, seed = config["dedup"] or {}, config["seed"]
    quality = config["quality"] or {}
    owned = _own_model(quality)
    sensitive = [Path(path).read_text(encoding="utf-8") for path in config["annotate"]["sensitive_words"]]
    read = {
        name: [{key: given for key, given in source.items() if key not in ("role", "paths", "limit")}, files[name]]
        for name, source in sources.items()
    }
    sampled = any(one["sample"] < 1 for one in sources.values())
    return {
        "ingest": [read, config["extract"], files.get(URL_LISTS), seed if sampled else None],
        "train_quality": [roles, quality.get("features"), config["language"], seed, config["annotate"], "model" in owned],
        "annotate": [
            dedup.get("shingle"), dedup.get("permutations"), config["annotate"], sensitive, owned,
        ],
        "verdict": [roles, config["filters"], _recipe_files(config["filters"]), quality.get("select")],
        "deduplicate": [dedup],
        "decontaminate": [config["decontaminate"], *searched, *_tokens(config["mixture"])],
        "mix": [config["mixture"]],
        "report": [config],
    }


def _own_model(quality: dict[str, Any]) -> dict[str, str]:
    """The bytes and the label of a quality model of the user's, not its place."""
    path = quality.get("model")
    return {"model": file_hash(path), "label": quality["label"]} if path else {}


def _tokens(mixture: dict[str, Any]) -> list[Any]:
    """How tokens are counted, with the text of a tokenizer that is a file of the user's."""
    named = mixture["tokenizer"]
    return [Path(named).read_text(encoding="utf-8") if Path(named).is_file() else named, mixture["token_sample"]]


def _recipe_files(filters: dict[str, Any] | None) -> list[str]:
    """The texts of recipes that are files of the user's."""
    names = {name for given in (filters or {}).get("recipes", {}).values() for name in given}
    return [Path(name).read_text(encoding="utf-8") for name in sorted(names) if Path(name).is_file()]
