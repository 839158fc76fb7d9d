"""Benchmark items, read on the driver: all benchmarks together are small beside one crawl file."""

import gzip
import json
from collections.abc import Iterator, Sequence

import fsspec
import pyarrow as pa

from pipeline.errors import InputError

ITEMS = pa.schema([("benchmark", pa.string()), ("split", pa.string()), ("id", pa.string()), ("text", pa.string())])


def read_items(paths: Sequence[str]) -> pa.Table:
    """benchmark, split, id, text of every item in JSONL files (plain or .gz).

    Without `text` it is the question and the choices, a line each; without `benchmark` the file's name; without `id` the
    line's number. A line that is no item is an InputError: a benchmark that is not read is a leak.
    """
    rows = [row for path in paths for row in _items(path)]
    return pa.Table.from_pylist(rows, schema=ITEMS)


def _items(path: str) -> Iterator[dict[str, str]]:
    name = path.rsplit("/", 1)[-1].split(".", 1)[0]
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            text = item.get("text") or "\n".join([item["question"], *map(str, item.get("choices", []))])
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                f"{path}, line {number}: no benchmark item; allowed: a JSON object with `text`, or `question` and `choices`"
            ) from None
        yield {
            "benchmark": str(item.get("benchmark", name)),
            "split": str(item.get("split", "")),
            "id": str(item.get("id", f"{name}/{number}")),
            "text": text,
        }


def _lines(path: str) -> Iterator[str]:
    try:
        with fsspec.open(path, "rb", compression="infer") as stream:
            for line in stream:
                yield line.decode("utf-8", "replace")
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the benchmark cannot be read: {error}") from None
