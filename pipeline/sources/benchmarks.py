"""Benchmark items, and phrases to ignore, read on the driver: all benchmarks together are small beside one crawl file."""

import csv
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any, cast

import pyarrow as pa
import zstandard

from pipeline.errors import InputError
from pipeline.sources.files import inflated
from pipeline.sources.paths import open_input
from pipeline.sources.tables import parquet_rows

ITEMS = pa.schema([("benchmark", pa.string()), ("split", pa.string()), ("id", pa.string()), ("text", pa.string())])

# Where an item's text stands if no field is called `text`, in the order in which a reader meets it. The answer is in the
# choices, or is a letter or a number that leaks nothing.
FOUND_FIELDS = (
    "context", "passage", "article", "premise", "ctx", "story", "instruction", "goal", "question", "query", "problem",
    "prompt", "stem", "sentence", "hypothesis", "choices", "options", "endings", "option1", "option2", "sol1", "sol2",
    "a", "b", "c", "d", "e", "canonical_solution", "solution",
)  # fmt: skip
_ID_FIELDS = ("id", "item_id", "task_id", "question_id", "ind", "idx")
_CHOICES = frozenset("abcde")  # columns of MMLU's and CMMLU's tables; a letter says nothing without a question
_SPLITS = frozenset({"train", "dev", "val", "valid", "validation", "test"})
_DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowException, csv.Error)

Fields = dict[str, Any]


def read_items(paths: Sequence[str], text_fields: Sequence[str] = ()) -> pa.Table:
    """benchmark, split, id, text of every item in JSONL, CSV, TSV or Parquet files (JSONL and CSV also compressed).

    The text is that of `text_fields`, a line each; where none are named, the field `text`, else those of FOUND_FIELDS that
    are there. Without `benchmark` it is the file's name (of a file such as test.parquet, its folder's), without an id
    the row's number. A row that is no item is an InputError: a benchmark that is not read is a leak.
    """
    rows = [row for path in paths for row in _items(path, text_fields)]
    return pa.Table.from_pylist(rows, schema=ITEMS)


def read_phrases(paths: Sequence[str]) -> list[str]:
    """The phrases of files: the field `text` of a table, or the last tab-separated field of each line of a .txt or .tsv."""
    return [phrase for path in paths for phrase in _phrases(path)]


def _items(path: str, text_fields: Sequence[str]) -> Iterator[dict[str, str]]:
    benchmark, split = _names(path)
    n = 0
    for number, place, fields in _rows(path):
        n += 1
        native = (str(fields[name]) for name in _ID_FIELDS if fields.get(name) not in (None, ""))
        yield {
            "benchmark": str(fields.get("benchmark") or benchmark),
            "split": str(fields.get("split") or split),
            "id": next(native, f"{benchmark}/{number}"),
            "text": _text(path, place, fields, text_fields),
        }
    if not n:
        raise InputError(f"{path}: no benchmark item in it")


def _names(path: str) -> tuple[str, str]:
    """Benchmark and split by a file's name.

    >>> _names("data/gsm8k.jsonl.gz"), _names("data/piqa/test-00000-of-00001.parquet")
    (('gsm8k', ''), ('piqa', 'test'))
    """
    *folders, name = path.split("/")
    stem = re.sub(r"-\d{5}-of-\d{5}$", "", name.split(".", 1)[0])
    return (folders[-1], stem) if stem in _SPLITS and folders else (stem, "")


def _text(path: str, place: str, fields: Fields, text_fields: Sequence[str]) -> str:
    by_name = {name.lower(): value for name, value in fields.items()}
    if text_fields:
        given = [fields.get(name) for name in text_fields]
        missing = [name for name, value in zip(text_fields, given, strict=True) if value is None]
        if missing:
            raise _refused(path, place, fields, f"it lacks {missing[0]!r} of decontaminate.text_fields")
    elif isinstance(by_name.get("text"), str) and by_name["text"].strip():
        return str(by_name["text"])
    else:
        given = [by_name[name] for name in FOUND_FIELDS if by_name.get(name) is not None]
        if not by_name.keys() & set(FOUND_FIELDS) - _CHOICES:
            given = []
    text = "\n".join(line for value in given for line in _lines(value))
    if not text.strip():
        raise _refused(path, place, fields, "no text in `text`, nor in `question` and `choices` or their like")
    return text


def _lines(value: Any) -> list[str]:
    """A field's texts; of choices given as {text: [...], label: [...]}, as ARC has them, the texts."""
    if isinstance(value, dict):
        value = value.get("text", list(value.values()))
    return [line for one in value for line in _lines(one)] if isinstance(value, list) else [str(value)]


def _refused(path: str, place: str, fields: Fields, why: str) -> InputError:
    names = ", ".join(sorted(map(str, fields))) or "none"
    return InputError(
        f"{path}, {place}: no benchmark item: {why}; its fields: {names}; name the fields in decontaminate.text_fields"
    )


def _rows(path: str) -> Iterator[tuple[int, str, Fields]]:
    """Number from 1, place and fields of each row of a file; the last suffix that is no compression's says its format."""
    try:
        with open_input(path) as stream:
            if path.lower().endswith(".parquet"):
                for number, _, fields in parquet_rows(stream):
                    yield number + 1, f"row {number + 1}", fields
            elif match := re.search(r"\.([ct])sv(\.\w+)?$", path.lower()):
                yield from _table_rows(inflated(stream), "," if match[1] == "c" else "\t")
            else:
                yield from _json_rows(path, inflated(stream))
    except _DAMAGE as error:
        raise InputError(f"{path}: the benchmark cannot be read: {error}") from None


def _table_rows(stream: IO[bytes], delimiter: str) -> Iterator[tuple[int, str, Fields]]:
    lines = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
    for number, fields in enumerate(csv.DictReader(lines, delimiter=delimiter), 1):
        yield number, f"row {number}", {name: value for name, value in fields.items() if name}


def _json_rows(path: str, stream: IO[bytes]) -> Iterator[tuple[int, str, Fields]]:
    for number, line in enumerate(io.BufferedReader(cast("io.RawIOBase", stream)), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise InputError(
                f"{path}, line {number}: no benchmark item; allowed: a JSON object with `text`, or `question` and `choices`"
            )
        yield number, f"line {number}", fields


def _phrases(path: str) -> Iterator[str]:
    if re.search(r"\.(txt|tsv)(\.\w+)?$", path.lower()):
        try:
            with open_input(path) as stream:
                for line in io.TextIOWrapper(inflated(stream), "utf-8-sig", "replace"):
                    yield line.rstrip("\n").rsplit("\t", 1)[-1]
        except _DAMAGE as error:
            raise InputError(f"{path}: the phrases cannot be read: {error}") from None
        return
    for _, place, fields in _rows(path):
        if not isinstance(fields.get("text"), str):
            raise InputError(f"{path}, {place}: no field `text`; it has: {', '.join(sorted(map(str, fields))) or 'none'}")
        yield fields["text"]

