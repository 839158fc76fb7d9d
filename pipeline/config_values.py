"""How single values of the config are read: sizes, counts, paths, languages, recipes. Each a type for a field.

Paths are made absolute against the folder of the config file, which the loader passes as the validation context; a
model that is built without one (a stored config, say) keeps its paths as they are.
"""

import difflib
import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

TOKENIZERS = ("gpt2", "cl100k_base", "o200k_base")
RECIPES = ("gopher", "c4", "fineweb", "zh")  # the files of pipeline/recipes

# The 176 labels of fastText's lid.176 (Joulin et al. 2016), so that `cn` or `jp` is refused before a run finds nothing.
LANGUAGES = frozenset(
    """af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy
    da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy
    ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min
    mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm
    ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep
    vi vls vo wa war wuu xal xmf yi yo yue zh""".split()  # noqa: SIM905 - a page of quotes reads worse
)
_COUNTRY_NOT_LANGUAGE = {"cn": "zh", "jp": "ja", "kr": "ko", "gr": "el", "dk": "da", "cz": "cs", "se": "sv", "ua": "uk"}

_BYTES = {"b": 1} | {
    prefix + unit: base**power
    for power, prefix in enumerate("kmgt", start=1)
    for unit, base in (("b", 1000), ("ib", 1024))
}
_NUMBERS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def refusal(message: str, below: str = "") -> PydanticCustomError:
    """A complete message about a value; `below` is the key under the field that it is about."""
    return PydanticCustomError("taojin", "{message}", {"message": message, "below": below})


def _number(value: object, units: dict[str, int], what: str) -> object:
    """The whole number that a text with a unit, or a float such as 3e11, stands for; anything else as it is."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", value.strip())
        if not match or match[2].lower() not in {"", *units}:
            raise refusal(f"{value!r} given; allowed: {what}")
        exact = Decimal(match[1]) * units.get(match[2].lower(), 1)
    elif isinstance(value, float) and abs(value) < 2**63:
        exact = Decimal(value)
    else:
        return value
    if exact != exact.to_integral_value():
        raise refusal(f"{value!r} given, which is no whole number; allowed: {what}")
    return int(exact)


def read_size(value: object) -> object:
    """Bytes.

    >>> read_size("10MB"), read_size("1.5 KiB"), read_size(512)
    (10000000, 1536, 512)
    """
    return _number(value, _BYTES, "bytes, as 512, 10MB (10 x 10^6) or 10MiB (10 x 2^20)")


def read_count(value: object) -> object:
    """A count.

    >>> read_count("300B"), read_count("40k"), read_count(3e11)
    (300000000000, 40000, 300000000000)
    """
    return _number(value, _NUMBERS, "a count, as 40000, 40k, 1.5M or 300B")


def as_tuple(value: object) -> object:
    """One text stands for a list of it; pydantic's strict tuples take no lists."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def off_if_none(value: object) -> object:
    """The text `none` switches a section off."""
    return None if value == "none" else value


def bare_rule(value: object) -> object:
    """`select: none` for `select: {rule: none}`; the paper's rule where none is named."""
    if isinstance(value, str):
        return {"rule": value}
    return {"rule": "pareto"} | value if isinstance(value, dict) else value


def read_epochs(value: object) -> object:
    """A limit on epochs, or one a source; said in one message, where pydantic would say one a possible type."""
    limits = value if isinstance(value, dict) else {"": value}
    for name, limit in limits.items():
        number = isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit < float("inf")
        if not number and value is not None:
            given = "nothing" if limit is None else repr(limit)
            raise refusal(f"{given} given; allowed: a number above 0, or {{source: number}}", str(name))
    return value


def _spark_value(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def resolve_path(path: str, info: ValidationInfo) -> str:
    """Absolute: against the config's folder if relative; URLs as they are."""
    if not path or "\0" in path:
        raise refusal(f"{path!r} given; allowed: a path or a URL")
    if _URL.match(path) or not info.context:
        return path
    return os.path.abspath(Path(info.context["folder"], Path(path).expanduser()))  # noqa: PTH100 - keeps globs, reads nothing


def _languages(value: object) -> object:
    """`all`, or codes of lid.176."""
    codes = as_tuple(value)
    if value == "all" or not isinstance(codes, tuple):
        return value
    if not codes:
        raise refusal("an empty list given; allowed: all, or language codes such as [en, zh]")
    for position, code in enumerate(codes):
        if not isinstance(code, str) or code not in LANGUAGES:
            near = [_COUNTRY_NOT_LANGUAGE[code]] if code in _COUNTRY_NOT_LANGUAGE else []
            near = near or difflib.get_close_matches(str(code), LANGUAGES, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise refusal(f"{code!r} given; allowed: all, or codes of fastText's 176 languages{hint}", str(position))
    return codes


def _recipe(value: object, info: ValidationInfo) -> object:
    """`none`, a name, a YAML file, or several joined by `+`: the tuple of names and absolute paths."""
    parts = value.split("+") if isinstance(value, str) else value
    if parts in (["none"], []):
        return ()
    if not isinstance(parts, list | tuple):
        return value
    return tuple(_recipe_part(str(part).strip(), info) for part in parts)


def _recipe_part(part: str, info: ValidationInfo) -> str:
    allowed = f"allowed: {', '.join(RECIPES)}, none, a YAML file, or several joined by +"
    if part.endswith((".yaml", ".yml")):
        path = resolve_path(part, info)
        if info.context and not _URL.match(path) and not Path(path).is_file():
            raise refusal(f"there is no file {path}; {allowed}")
        return path
    if part not in RECIPES:
        raise refusal(f"{part!r} given; {allowed}")
    return part


def _tokenizer(value: object, info: ValidationInfo) -> object:
    """A name, or the absolute path of a tokenizer.json."""
    if not isinstance(value, str) or value in TOKENIZERS:
        return value
    allowed = f"allowed: {', '.join(TOKENIZERS)}, or a tokenizer.json"
    if not value.endswith(".json"):
        raise refusal(f"{value!r} given; {allowed}")
    path = resolve_path(value, info)
    if info.context and not Path(path).is_file():
        raise refusal(f"there is no file {path}; {allowed}")
    return path


def _spark_key(key: str) -> str:
    if not key.startswith("spark."):
        raise refusal(f"{key!r} given; allowed: names of Spark settings, which start with `spark.`")
    return key


def _source_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise refusal(f"{name!r} given; allowed: up to 64 letters, digits, _ and -, since it names a folder")
    return name


def _language_key(code: str) -> str:
    if code != "default" and code not in LANGUAGES:
        raise refusal(f"{code!r} given; allowed: default, or a code of fastText's 176 languages")
    return code


def _ngram(value: object) -> object:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000):
        raise refusal(f"{value!r} given; allowed: auto, or words from 1 to 1000")
    return value


def _alpha(value: object) -> object:
    if value == "fit" or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0):
        return value if isinstance(value, str) else float(value)
    raise refusal(f"{json.dumps(value, default=str)} given; allowed: a number greater than 0, as 9, or fit")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise refusal(f"{value!r} given, which is no regular expression: {error}") from None
    return value


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
Size = Annotated[int, Field(gt=0, lt=2**63), BeforeValidator(read_size, json_schema_input_type=int | str)]
Count = Annotated[int, Field(gt=0, lt=2**63), BeforeValidator(read_count, json_schema_input_type=int | str)]
CountOrNone = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(read_count, json_schema_input_type=int | str)]
Epochs = Annotated[
    float | dict[str, float] | None,
    BeforeValidator(
        read_epochs,
        json_schema_input_type=Annotated[float, Field(gt=0)] | dict[str, Annotated[float, Field(gt=0)]] | None,
    ),
]
InputPath = Annotated[str, BeforeValidator(lambda v, info: resolve_path(v, info) if isinstance(v, str) else v)]
InputPaths = Annotated[
    tuple[InputPath, ...], Field(min_length=1), BeforeValidator(as_tuple, json_schema_input_type=str | list[str])
]
OptionalPaths = Annotated[
    tuple[InputPath, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])
]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])]
Languages = Annotated[
    Literal["all"] | tuple[str, ...], BeforeValidator(_languages, json_schema_input_type=str | list[str])
]
LanguageKey = Annotated[str, BeforeValidator(_language_key)]
Recipe = Annotated[tuple[str, ...], BeforeValidator(_recipe, json_schema_input_type=str)]
Tokenizer = Annotated[str, BeforeValidator(_tokenizer)]
SourceName = Annotated[str, BeforeValidator(_source_name)]
SparkKey = Annotated[str, BeforeValidator(_spark_key)]
SparkValue = Annotated[str, BeforeValidator(_spark_value, json_schema_input_type=str | int | float | bool)]
Ngram = Annotated[int | Literal["auto"], BeforeValidator(_ngram)]
Alpha = Annotated[float | Literal["fit"], BeforeValidator(_alpha)]
Share = Annotated[float, Field(ge=0, le=1)]


def bare_rule_or(rules: Any) -> Any:
    """Reads a bare rule name; the JSON Schema says so."""
    return BeforeValidator(bare_rule, json_schema_input_type=rules | str)


def off_or(section: Any) -> Any:
    """Reads `none` as switched off; the JSON Schema says so."""
    return BeforeValidator(off_if_none, json_schema_input_type=section | Literal["none"] | None)
