"""Recipes: the limits that filter a language, one YAML page each, every limit with its source.

A recipe maps metrics (kernels.metrics) to bounds, both inclusive, in the order in which they are tried:

    word_count: {min: 50, max: 100_000, source: "Rae et al. 2021, A.1.1"}

The first broken bound is a document's drop reason: `word_count_min` or `word_count_max`.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ConfigError
from pipeline.kernels.metrics import METRICS


@dataclass(frozen=True)
class Limit:
    """A document passes where min <= metric <= max; a bound that is None is not there."""

    metric: str
    min: float | None = None
    max: float | None = None
    source: str = ""

    def reasons(self) -> tuple[str, ...]:
        """The drop reasons that this limit can give, in the order in which they are tried.

        >>> Limit("word_count", min=50).reasons()
        ('word_count_min',)
        """
        bounds = (("min", self.min), ("max", self.max))
        return tuple(f"{self.metric}_{side}" for side, bound in bounds if bound is not None)


def recipe_names() -> tuple[str, ...]:
    """The recipes that taojin ships, and `none`."""
    return (*sorted(entry.name[:-5] for entry in files(__name__).iterdir() if entry.name.endswith(".yaml")), "none")


def load_recipe(name_or_path: str) -> tuple[Limit, ...]:
    """The limits of a shipped recipe, of a YAML file, of several joined by `+`, or of `none`.

    >>> load_recipe("none"), load_recipe("gopher")[0]
    ((), Limit(metric='word_count', min=50, max=100000, source='Rae et al. 2021, A.1.1'))
    """
    if Path(name_or_path).is_file():
        return _load_one(name_or_path)
    limits: tuple[Limit, ...] = ()
    for part in name_or_path.split("+"):
        limits = _union(limits, _load_one(part.strip()), name_or_path)
    return limits


def with_overrides(limits: Iterable[Limit], overrides: Mapping[str, Mapping[str, float | None]]) -> tuple[Limit, ...]:
    """The limits with the bounds that a config sets itself: {metric: {min: …, max: …}}. A bound of None takes one away;
    a metric that the recipe does not limit comes last.

    >>> with_overrides([Limit("word_count", 50, 100, "a paper")], {"word_count": {"max": None}})
    (Limit(metric='word_count', min=50, max=None, source='a paper; config'),)
    """
    by_metric = {limit.metric: limit for limit in limits}
    for metric, bounds in overrides.items():
        given = _limit(metric, {**bounds, "source": "config"}, "filters.limits", may_be_null=True)
        old = by_metric.get(metric, Limit(metric))
        sides = {side: getattr(given, side) for side in ("min", "max") if side in bounds}
        by_metric[metric] = _checked(replace(old, **sides, source=_join(old.source, "config")), "filters.limits")
    return tuple(limit for limit in by_metric.values() if limit.reasons())


def _load_one(name: str) -> tuple[Limit, ...]:
    if name == "none":
        return ()
    if name in recipe_names():
        return _parse((files(__name__) / f"{name}.yaml").read_text("utf-8"), f"recipe {name}")
    if not name.endswith((".yaml", ".yml")):
        raise ConfigError(f"recipe {name!r} is not known{_nearest(name, recipe_names())}, or give a .yaml file")
    try:
        text = Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"recipe {name} cannot be read: {error}") from error
    return _parse(text, name)


def _parse(text: str, where: str) -> tuple[Limit, ...]:
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ConfigError(f"{where} is not YAML that can be read: {error}") from error
    if content is None:
        return ()
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: a recipe maps metrics to limits, not {type(content).__name__}")
    return tuple(_limit(metric, bounds, where) for metric, bounds in content.items())


def _limit(metric: object, bounds: object, where: str, *, may_be_null: bool = False) -> Limit:
    if not isinstance(metric, str) or metric not in METRICS:
        raise ConfigError(f"{where}: {metric!r} is not a metric{_nearest(str(metric), METRICS)}")
    if not isinstance(bounds, Mapping):
        raise ConfigError(f"{where}: {metric} needs {{min: …, max: …, source: …}}, not {type(bounds).__name__}")
    for key, value in bounds.items():
        if key not in ("min", "max", "source"):
            raise ConfigError(f"{where}: {metric}.{key} is not known{_nearest(str(key), ('min', 'max', 'source'))}")
        if key == "source":
            if not isinstance(value, str):
                raise ConfigError(f"{where}: {metric}.source is text, not {type(value).__name__}")
        elif not (_is_number(value) or (value is None and may_be_null)):
            shown = repr(value) if isinstance(value, (str, float, bool)) else type(value).__name__
            raise ConfigError(f"{where}: {metric}.{key} is a finite number, not {shown}")
    limit = Limit(metric, bounds.get("min"), bounds.get("max"), bounds.get("source", ""))
    if not (limit.reasons() or may_be_null):
        raise ConfigError(f"{where}: {metric} has neither min nor max")
    return _checked(limit, where)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _checked(limit: Limit, where: str) -> Limit:
    if limit.min is not None and limit.max is not None and limit.min > limit.max:
        raise ConfigError(f"{where}: {limit.metric} has min {limit.min} above max {limit.max}: nothing could pass")
    return limit


def _union(ours: tuple[Limit, ...], theirs: tuple[Limit, ...], where: str) -> tuple[Limit, ...]:
    """Both recipes' limits; where both limit a metric, the stricter bounds."""
    by_metric = {limit.metric: limit for limit in ours}
    for limit in theirs:
        old = by_metric.get(limit.metric, Limit(limit.metric))
        mins = [bound for bound in (old.min, limit.min) if bound is not None]
        maxes = [bound for bound in (old.max, limit.max) if bound is not None]
        both = Limit(limit.metric, max(mins, default=None), min(maxes, default=None), _join(old.source, limit.source))
        by_metric[limit.metric] = _checked(both, where)
    return tuple(by_metric.values())


def _join(*sources: str) -> str:
    return "; ".join(dict.fromkeys(source for source in sources if source))


def _nearest(given: str, known: Iterable[str]) -> str:
    """`: did you mean …?`, or what is known where nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return f"; the nearest is {near[0]}" if near else f"; known are {', '.join(names)}"
