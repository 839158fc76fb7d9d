"""The sample as files: WARC, WET, JSONL and the config."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.sample import records
from pipeline.sample.captures import Capture, captures, revisited
from pipeline.sample.texts import articles, data_text, table

BLANK = "\n\n"


def write_sample(folder: Path) -> Path:
    """Write the sample into `folder`, which is made if need be, and return the path of its config.

    Raises OSError where the folder cannot be written.
    """
    contents = {
        **_crawl_files(),
        **{f"curated/{source}.jsonl.gz": _jsonl(rows) for source, rows in references().items()},
        "benchmarks/quiz.jsonl.gz": _jsonl(benchmark_items()),
        "sample.yaml": data_text("sample.yaml").encode(),
    }
    for path, data in contents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder / "sample.yaml"


def references() -> dict[str, list[dict[str, str]]]:
    """The curated documents of each source: id, text, and what the source knows besides."""
    plan = table("plan")
    rows = {
        source: [
            {"id": slug, "title": articles()[slug].title, "text": articles()[slug].text}
            for slugs in languages.values()
            for slug in slugs
        ]
        for source, languages in plan["references"].items()
    }
    return rows | {"books": [_book(entry) for entry in plan["books"]]}


def benchmark_items() -> list[dict[str, Any]]:
    """The quiz in the columns of a benchmark file; `text` is the question and its choices, a line each."""
    return [_item(entry, language) for language, entries in table("quiz").items() for entry in entries]


def _book(entry: dict[str, Any]) -> dict[str, str]:
    text = BLANK.join(articles()[slug].text for slug in entry["chapters"])
    return {"id": entry["id"], "author": entry["author"], "text": text}


def _item(entry: dict[str, Any], language: str) -> dict[str, Any]:
    choices = [f"{letter}. {choice}" for letter, choice in zip("ABCD", entry["choices"], strict=True)]
    return {
        "benchmark": "quiz",
        "split": "test",
        "id": f"quiz/{language}/{entry['id']}",
        "text": "\n".join([entry["question"], *choices]),
        "question": entry["question"],
        "choices": entry["choices"],
        "answer": entry["answer"],
        "lang": language,
    }


def _jsonl(rows: Iterable[dict[str, Any]]) -> bytes:
    return records.gzip_member("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def _crawl_files() -> dict[str, bytes]:
    """Two WARC files, which share the captures in halves, and the WET twin of the first."""
    half = len(captures()) // 2
    first, second = captures()[:half], captures()[half:]
    names = [f"{records.CRAWL}-0000{n}.warc" for n in range(2)]
    url, date = revisited()
    [original] = [capture for capture in captures() if capture.url == url]
    return {
        f"crawl/{names[0]}.gz": b"".join([*_warc(f"{names[0]}.gz", first), records.metadata(first[0])]),
        f"crawl/{names[0]}.wet.gz": b"".join(_wet(f"{names[0]}.wet.gz", first)),
        f"crawl/{names[1]}.gz": b"".join([*_warc(f"{names[1]}.gz", second), records.revisit(original, date)]),
    }


def _warc(filename: str, part: tuple[Capture, ...]) -> Iterator[bytes]:
    yield records.warcinfo(filename, part[0].date)
    for capture in part:
        yield records.request(capture)
        yield records.response(capture)


def _wet(filename: str, part: tuple[Capture, ...]) -> Iterator[bytes]:
    yield records.warcinfo(filename, part[0].date)
    yield from (records.conversion(capture) for capture in part if capture.response.html)
