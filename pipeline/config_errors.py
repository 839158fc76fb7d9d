"""What is wrong with a config, a line a problem: `FILE:LINE: key.sub: what was given; what is allowed`."""

import difflib
import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.yaml_config import Document, Location

# What the contract names and a later version builds. `*` is any name.
PLANNED_VALUES: dict[Location, tuple[str, ...]] = {}
PLANNED_KEYS: tuple[Location, ...] = ()


Known = dict[Location, str]  # a key and what it means


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> str:
    """Every problem, in the order in which the model has its keys."""
    known = dict(known_keys(model))
    return "\n".join(dict.fromkeys(_line(problem, document, known) for problem in error.errors(include_url=False)))


def known_keys(kind: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """All keys below a model with their descriptions, as pydantic locates them: `*` for any name.

    >>> class Inner(BaseModel):
    ...     size: int
    >>> class Outer(BaseModel):
    ...     one: Inner | None
    ...     many: dict[str, Inner]
    >>> [".".join(map(str, key)) for key, _ in known_keys(Outer)]
    ['one', 'one.size', 'many', 'many.*.size']
    """
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if "rule" in kind.model_fields:
            at = (*at, *get_args(kind.model_fields["rule"].annotation))
        for name, field in kind.model_fields.items():
            yield (*at, name), " ".join((field.description or "").split())
            yield from known_keys(field.annotation, (*at, name))
    elif get_origin(kind) is dict:
        yield from known_keys(get_args(kind)[1], (*at, "*"))
    else:
        below = (*at, "*") if get_origin(kind) is tuple else at  # the position in a list
        for part in get_args(kind):
            yield from known_keys(part, below)


def _line(problem: ErrorDetails, document: Document, known: Known) -> str:
    found = problem["loc"]
    shown = _shown(found)
    if below := problem.get("ctx", {}).get("below"):
        shown += tuple(int(key) if key.isdigit() else key for key in below.split("."))
    what = _what(problem, found, known)
    return f"{document.place(shown)}: {'.'.join(map(str, shown))}: {what}" if shown else f"{document.place(())}: {what}"


def _what(problem: ErrorDetails, found: Location, known: Known) -> str:
    value = problem["input"]
    match problem["type"]:
        case "taojin":
            return str(problem["ctx"]["message"])
        case "extra_forbidden":
            return _unknown_key(found, known)
        case "missing":
            return f"is missing; {known.get(_starred(found, known), '')}".rstrip("; ")
        case "model_type" | "dict_type" | "union_tag_not_found" | "model_attributes_type":
            keys = _children(found, known)
            return f"{_given(value)} given; allowed: a mapping" + (f" with {', '.join(keys)}" if keys else "")
        case "union_tag_invalid":
            given, allowed = problem["ctx"]["tag"], problem["ctx"]["expected_tags"].replace("'", "")
            return f"{given} given{_planned(given, found)}; allowed: {allowed}"
        case "too_short":
            return f"{_given(value)} given; allowed: at least one"
        case "tuple_type":
            return f"{_given(value)} given; allowed: a list"
        case _:
            expected = problem["msg"].removeprefix("Input should be ").replace("'", "")
            return f"{_given(value)} given{_planned(value, found)}; allowed: {expected}"


def _unknown_key(found: Location, known: Known) -> str:
    key = str(found[-1])
    planned = next((plan for plan in PLANNED_KEYS if _matches(plan, found)), None)
    siblings = _children(found[:-1], known)
    allowed = f"allowed: {', '.join(siblings)}"
    if planned:
        return f"this key is planned, not built yet; {allowed}"
    if near := difflib.get_close_matches(key, siblings, 1):
        return f"unknown key; did you mean {near[0]}? {allowed}"
    elsewhere = [_shown(place) for place in known if place[-1] == key and _shown(place) != _shown(found)]
    if elsewhere:
        return f"unknown key here; did you mean {'.'.join(map(str, elsewhere[0]))}? {allowed}"
    return f"unknown key; {allowed}"


def _children(found: Location, known: Known) -> list[str]:
    """The keys allowed just below; a choice of rules shows the keys of them all."""
    depths = (len(found) + 1, len(found) + 2) if found == ("quality", "select") else (len(found) + 1,)
    keys = (place[-1] for place in known if len(place) in depths and _matches(place[: len(found)], found))
    return list(dict.fromkeys(str(key) for key in keys if key != "*"))


def _starred(found: Location, known: Known) -> Location:
    return next((place for place in known if _matches(place, found)), found)


def _matches(pattern: Location, found: Location) -> bool:
    return len(pattern) == len(found) and all(a in ("*", b) for a, b in zip(pattern, found, strict=True))


def _shown(location: Location) -> Location:
    """As the user writes it: without the rule that pydantic names, and its mark for a mapping's key."""
    if location[:2] == ("quality", "select"):
        location = location[:2] + location[3:]
    return location[:-1] if location[-1:] == ("[key]",) else location


def _planned(value: object, found: Location) -> str:
    for place, values in PLANNED_VALUES.items():
        if _matches(place, _shown(found)) and value in values:
            return ", which is planned, not built yet"
    return ""


def _given(value: object) -> str:
    """As it would stand in YAML, cut."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
