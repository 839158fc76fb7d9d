"""Processor seconds of annotate's kernels beside bare extraction of the same pages: metrics, quality score, signature.

usage: bench_annotate.py FILE.warc.gz …        the bound is 0.5 of extraction, and 60 MB of text a second for the metrics
"""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text

from pipeline.kernels.charset import decode
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.language import identify
from pipeline.kernels.metrics import measure
from pipeline.kernels.quality import Fit
from pipeline.kernels.text import units
from pipeline.stages import annotate as stage

BATCH = 512
POLICIES = {
    "pii: count": Policy(pii="count"),
    "pii: mask": Policy(pii="mask"),
    "lines: c4": Policy(lines="c4"),
    "chinese: simplify": Policy(chinese="simplify"),
}
T = TypeVar("T")


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def read(paths: list[str]) -> list[str]:
    found = []
    for path in paths:
        with open(path, "rb") as stream:  # noqa: PTH123 - FastWARC takes a file
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                headers = record.http_headers
                if headers and headers.status_code == 200 and "html" in (record.http_content_type or ""):
                    body = record.reader.read(1_000_000)
                    if not body.startswith(b"\x1f\x8b"):
                        found.append(decode(body, record.http_charset)[0])
    return found


def batches(texts: list[str]) -> list[pa.RecordBatch]:
    languages = [language for language, _ in identify(texts)]
    columns = {
        "id": pa.array(map(str, range(len(texts)))), "part": pa.array(np.zeros(len(texts), np.int32)),
        "language": pa.array(languages), "text": pa.array(texts),
    }  # fmt: skip
    batch = pa.record_batch(columns)
    return [batch.slice(k, BATCH) for k in range(0, len(batch), BATCH)]


def main(paths: list[str]) -> None:
    pages = read(paths)
    extraction, texts = seconds(lambda: [extract_plain_text(page, main_content=True) for page in pages])
    rows = batches(texts)
    n_bytes = sum(len(text.encode()) for text in texts)
    print(f"{len(pages):,} pages, {n_bytes / 1e6:.0f} MB of text; bare extraction {extraction:.2f} s")
    weights = np.random.default_rng(1).normal(size=2**18).astype(np.float32)
    model = {language: Fit(weights, 0.0) for language in ("en", "zh")}

    def line(label: str, work: Callable[[pa.RecordBatch], object]) -> None:
        work(rows[0])  # compiled before the clock runs
        taken = min(seconds(lambda: [work(batch) for batch in rows])[0] for _ in range(3))
        print(f"{label:34} {taken:6.2f} s {n_bytes / taken / 1e6:7.0f} MB/s   {taken / extraction:5.2f} of extraction")

    line("units and metrics", lambda batch: measure(batch["text"], units(batch["text"])))
    line("all of annotate", lambda batch: stage._measure(batch, model, stage.Settings(5, 72)))
    line("all of annotate, no model", lambda batch: stage._measure(batch, {}, stage.Settings(5, 72)))
    for name, policy in POLICIES.items():
        line(name, lambda batch, policy=policy: edited(
            batch["text"], find_edits(batch["text"], batch["language"], policy)[0]
        ))  # fmt: skip
    chinese = sum(pc.sum(pc.equal(batch["language"], "zh")).as_py() for batch in rows)
    print(f"{chinese:,} of the pages are Chinese")


if __name__ == "__main__":
    main(sys.argv[1:])
