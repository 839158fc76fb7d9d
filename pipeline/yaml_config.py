"""YAML as plain data, with the place (`FILE:LINE`) of every key, so that a message can point at it.

YAML 1.2 by ruamel.yaml: `no` is a text (Norwegian), `1e-3` a number. What could surprise is refused with its line: a
key given twice, anchors and aliases (a few lines of them expand to gigabytes), tags (they name objects to build).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.errors import ConfigError

Location = tuple[str | int, ...]  # ("sources", "books", "paths", 0)

MAX_DEPTH = 20
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null")}


@dataclass(frozen=True)
class Document:
    """`data` as read; `places` says where each key of it stands: `FILE:LINE`, or `command line`."""

    data: dict[str, Any]
    places: dict[Location, str] = field(default_factory=dict)

    def place(self, location: Location) -> str:
        """Where the key stands or, if it is not there, the nearest one that should hold it."""
        while location not in self.places:
            location = location[:-1]
        return self.places[location]


def read_document(path: Path) -> Document:
    """The mapping in a YAML file."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; give the YAML file in it") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise ConfigError(f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None
    places: dict[Location, str] = {(): f"{path}:1"}
    data = _parse(text, str(path), places)
    if data is None:
        raise ConfigError(f"{path}: is empty; a config names at least `output`, `sources` and `mixture`")
    if not isinstance(data, dict):
        raise ConfigError(f"{path}:1: the file holds {_kind(data)}; allowed: a mapping, `key: value`")
    return Document(data, places)


def override(document: Document, text: str) -> None:
    """Sets one key in place from `key.sub=value`; the value is read as YAML."""
    name, equals, value = text.partition("=")
    keys = name.strip().split(".")
    if keys[:2] == ["spark", "conf"]:  # Spark's own names hold dots
        keys[2:] = [".".join(keys[2:])] if keys[2:] else []
    if not equals or not all(keys):
        raise ConfigError(f"command line: {text!r} given; allowed: key.sub=value")
    here = document.data
    for depth, key in enumerate(keys[:-1]):
        here = here.setdefault(key, {})
        if not isinstance(here, dict):
            holder = ".".join(keys[: depth + 1])
            raise ConfigError(f"command line: {name}: {holder} is {_kind(here)} without keys; set {holder} itself")
        document.places.setdefault(tuple(keys[: depth + 1]), "command line")
    location = tuple(keys)
    for old in [old for old in document.places if old[: len(location)] == location]:
        del document.places[old]
    inner: dict[Location, str] = {}
    here[keys[-1]] = _parse(value, "command line", inner, name)
    document.places[location] = "command line"
    document.places.update({location + key: "command line" for key in inner})


def _parse(text: str, file: str, places: dict[Location, str], key: str = "") -> Any:
    """Plain data of a YAML text; fills `places`. `file` and `key` only name it in messages."""
    try:
        _refuse_surprises(YAML(typ="safe", pure=True).parse(text), file)
        node = YAML(typ="safe", pure=True).compose(text)
        return None if node is None else _plain(node, (), file, places)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"this is not YAML: {error.problem or error.context}"
        raise ConfigError(_at(file, mark.line if mark else 0, key, message)) from None
    except YAMLError as error:  # a character that YAML forbids
        raise ConfigError(_at(file, 0, key, f"this is not YAML: {error}".replace("\n", " "))) from None


def _at(file: str, line: int, key: str, message: str) -> str:
    return f"{file}: {key}: {message}" if key else f"{file}:{line + 1}: {message}"


def _refuse_surprises(events: Iterator[Any], file: str) -> None:
    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ConfigError(f"{file}:{line}: nested {depth} deep; allowed: {MAX_DEPTH}")
        if isinstance(event, AliasEvent):
            raise ConfigError(f"{file}:{line}: alias *{event.anchor} given; allowed: values written out")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            raise ConfigError(f"{file}:{line}: anchor &{event.anchor} given; allowed: values written out")
        if getattr(event, "tag", None) is not None:
            raise ConfigError(f"{file}:{line}: tag {event.tag} given; allowed: plain values, no tags")


def _plain(node: Node, location: Location, file: str, places: dict[Location, str]) -> Any:
    places.setdefault(location, f"{file}:{node.start_mark.line + 1}")
    if isinstance(node, SequenceNode):
        return [_plain(item, (*location, i), file, places) for i, item in enumerate(node.value)]
    if isinstance(node, MappingNode):
        return _plain_mapping(node, location, file, places)
    if node.tag not in _SCALARS:  # a text; ruamel's dates are taken as the text they are
        return node.value
    try:
        return YAML(typ="safe", pure=True).constructor.construct_object(node)
    except ValueError as error:
        raise ConfigError(f"{places[location]}: {node.value[:40]!r} given: {error}") from None


def _plain_mapping(node: MappingNode, location: Location, file: str, places: dict[Location, str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            raise ConfigError(f"{file}:{line}: a key is {_kind(key_node.value)}; allowed: a text")
        key = str(key_node.value)
        if key in out:
            dotted = ".".join(map(str, (*location, key)))
            raise ConfigError(f"{file}:{line}: {dotted}: given twice, first in line {lines[key]}; keep one of them")
        places[(*location, key)] = f"{file}:{line}"
        lines[key] = line
        out[key] = _plain(value_node, (*location, key), file, places)
    return out


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"one value ({value!r:.60})"
