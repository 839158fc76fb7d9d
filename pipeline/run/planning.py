"""A forecast of a run, from its first stages over a little of every input.

The first megabytes of a few files of each source are copied to a temporary folder, and the stages up to the verdict run
over them. What they keep is scaled by the share of the bytes that was read. So the forecast knows the rules and the
classifier; it does not know what the corpus holds twice, which so little hardly shows.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.config import Config, Guards
from pipeline.config_sources import Source
from pipeline.kernels.banding import candidate_chance
from pipeline.kernels.mixture import SourcePlan, plan
from pipeline.kernels.quality import keep_chance
from pipeline.kernels.tokens import Tokenizer, count_tokens
from pipeline.report.forecast import Forecast, SourceForecast
from pipeline.report.numerals import byte_size
from pipeline.run.engine import run
from pipeline.run.fingerprint import is_index, resolve_inputs
from pipeline.run.ingesting import own_options
from pipeline.run.mixing import strategy_weights
from pipeline.run.output import Json, Output
from pipeline.run.tokenizer import load_tokenizer
from pipeline.sources.paths import Input, open_input
from pipeline.sources.read import read_here

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READ_BYTES = 16_000_000  # of a source, as stored
READ_FILES = 4
WHOLE = (".epub", ".zip")  # the first half of such a file is none
SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
MANY_EPOCHS = 4  # repeated text is worth less and less beyond (Muennighoff et al. 2023, section 5)
# Processor time of all stages after ingest: some 80 s for the 0.13 GB of text of four WARC files and curated texts.
TEXT_SECONDS_A_GB = 600.0
BYTES_A_TOKEN = 4.0  # of the corpus' text; only its size on disk is reckoned by it
SCRATCH = 0.6  # bytes that the shuffle of a byte of the corpus' text takes


class Part(NamedTuple):
    """What was read of the sources, and what came of it; everything by source."""

    bytes: Mapping[str, int]  # of all its files, as stored
    share: Mapping[str, float]  # of them, that was read
    seen: Mapping[tuple[str, str], "Seen"]
    text_bytes: Mapping[str, int]
    stored: Mapping[str, int]  # bytes in documents/
    seconds: Mapping[str, float]  # processor time of reading
    counts: Json  # of the stages
    tokenizer: str


class Seen(NamedTuple):
    """What was found of one source in the part that was read."""

    documents: int = 0
    kept: float = 0.0  # the quality rule's chances, added up
    tokens: float = 0.0  # of the kept
    squares: float = 0.0  # of each document's `tokens`: what their error comes from


def forecast(config: Config, open_spark: "Callable[[], SparkSession]") -> Forecast:
    """What a run of `config` would find and make; leaves nothing behind. Raises ConfigError as `run` does."""
    inputs = resolve_inputs(config)
    tokenizer = load_tokenizer(config.mixture.tokenizer)
    with TemporaryDirectory(prefix="taojin-plan-") as temporary:
        folder = Path(temporary)
        parts = {name: _peek(source, inputs[name], folder / "inputs" / name) for name, source in config.sources.items()}
        sizes = {name: size for name, (_, size) in parts.items()}
        read = {name: files for name, (files, _) in parts.items()}
        seconds = {name: _ingest_seconds(config, name, files) for name, files in read.items()}
        run(_small(config, read, folder), open_spark, until="verdict")
        output = folder / "output"
        stages = Output(str(output)).read_manifest()["stages"]
        seen, text_bytes = _seen(config, output, tokenizer)
        part = Part(
            sizes, {name: sum(file.size for file in files) / max(1, sizes[name]) for name, files in read.items()}, seen,
            text_bytes,
            {name: _folder_bytes(output / "documents" / f"origin={name}") for name in config.sources}, seconds,
            {stage: entry["counts"] for stage, entry in stages.items()}, tokenizer.name,
        )  # fmt: skip
    return _reckoned(config, part)


def _peek(source: Source, files: list[Input], folder: Path) -> tuple[list[Input], int]:
    """Copies of the first bytes of READ_FILES files, evenly spaced, READ_BYTES together; and the bytes of all files."""
    folder.mkdir(parents=True)
    n = min(READ_FILES, len(files))
    copies, size = [], 0
    for k in range(n):
        file = files[k * len(files) // n]
        copy = folder / f"{k}-{Path(file.path).name}"
        with open_input(file.path, source.storage_options) as stored:
            size += stored.seek(0, os.SEEK_END)
            stored.seek(0)
            if file.path.endswith(".parquet"):
                _copy_rows(stored, copy, READ_BYTES // n)
            else:
                with copy.open("wb") as target:
                    target.write(stored.read(-1 if file.path.endswith(WHOLE) else READ_BYTES // n))
        copies.append(Input(str(copy), copy.stat().st_size, ""))
    known = [file.size for file in files]
    return copies, sum(known) if all(known) else size * len(files) // n  # files behind a list of paths have no size


def _copy_rows(source: object, copy: Path, room: int) -> None:
    """The first rows of a Parquet file, about `room` bytes as stored."""
    file = pq.ParquetFile(source)
    stored = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)) or 1
    rows = max(1, min(file.metadata.num_rows, room * file.metadata.num_rows // stored))
    with pq.ParquetWriter(copy, file.schema_arrow) as writer:
        for batch in file.iter_batches(min(rows, 1000)):
            writer.write_batch(batch.slice(0, rows))
            rows -= batch.num_rows
            if rows <= 0:
                break


def _ingest_seconds(config: Config, name: str, files: list[Input]) -> float:
    """Processor time of reading the part, in this process."""
    source, extract = config.sources[name], config.extract
    if source.format == "links":
        return 0.0
    started = time.process_time()
    for _ in read_here(source.format, name, files, extract.engine, extract.max_record_bytes, own_options(source, files)):
        pass
    return time.process_time() - started


def _small(config: Config, read: Mapping[str, list[Input]], folder: Path) -> Config:
    """The config over the parts, without guards: nothing that so little shows stops a forecast."""
    sources = {
        name: source.model_copy(
            update={"paths": tuple(file.path for file in read[name]), "sample": 1.0, "limit": None}
            | ({} if is_index(read[name]) else {"base": None})
        )
        for name, source in config.sources.items()
    }
    guards = Guards(max_unreadable_inputs=1.0, min_kept_documents=0)
    return config.model_copy(
        update={"sources": sources, "output": str(folder / "output"), "guards": guards, "decontaminate": None}
    )


def _seen(config: Config, output: Path, tokenizer: Tokenizer) -> tuple[dict[tuple[str, str], Seen], dict[str, int]]:
    """(origin, source) -> what was found, each document weighing its chance to be kept; and origin -> bytes of text."""
    verdicts = ds.dataset(output / "verdicts").to_table(columns=["id", "origin", "source", "kept", "stage"]).to_pydict()
    annotations = ds.dataset(output / "annotations").to_table(columns=["id", "quality_score"]).to_pydict()
    score = dict(zip(annotations["id"], annotations["quality_score"], strict=True))
    weight = {
        key: _chance(config, config.sources[origin].role, kept, stage, score.get(key, np.nan))
        for key, origin, kept, stage in zip(*(verdicts[k] for k in ("id", "origin", "kept", "stage")), strict=True)
    }
    tokens: dict[str, int] = {}
    text_bytes = dict.fromkeys(config.sources, 0)
    documents = ds.dataset(output / "documents", partitioning="hive")
    for batch in documents.to_batches(columns=["id", "text", "origin"], batch_size=512):
        rows = batch.filter(pa.array([weight.get(key, 0.0) > 0 for key in batch["id"].to_pylist()]))
        tokens |= dict(zip(rows["id"].to_pylist(), count_tokens(rows["text"], tokenizer).tolist(), strict=True))
        for origin, size in zip(batch["origin"].to_pylist(), pc.binary_length(batch["text"]).to_pylist(), strict=True):
            text_bytes[origin] += size
    found: dict[tuple[str, str], Seen] = {}
    for key, origin, source in zip(verdicts["id"], verdicts["origin"], verdicts["source"], strict=True):
        before, mine = found.get((origin, source), Seen()), weight[key] * tokens.get(key, 0)
        found[origin, source] = Seen(
            before.documents + 1, before.kept + weight[key], before.tokens + mine, before.squares + mine * mine
        )
    return found, text_bytes


def _chance(config: Config, role: str, kept: bool, stage: str | None, score: float) -> float:
    """That the document passes language, rules and the quality rule: a Pareto draw counts by its chance, not its luck."""
    select = config.quality and config.quality.select
    if stage in ("language", "filters"):
        return 0.0
    if select and select.rule == "pareto" and role == "raw" and not np.isnan(score):
        alpha = select.alpha if isinstance(select.alpha, float) else 9.0
        return float(keep_chance(np.array([score]), alpha)[0])
    return float(kept)


def _reckoned(config: Config, part: Part) -> Forecast:
    """The part, scaled to the whole, and the mixture planned over it."""
    scale = {
        name: source.sample / part.share[name] if part.share[name] else 0.0 for name, source in config.sources.items()
    }
    sums = {name: _whole(name, part.seen, scale) for name in config.sources}
    documents = {name: round(one.kept) for name, one in sums.items()}
    tokens = {name: round(one.tokens) for name, one in sums.items()}
    mixture = config.mixture
    plans = plan(strategy_weights(mixture, tokens), mixture.token_budget, tokens, documents, mixture.max_epochs)
    rows = tuple(
        SourceForecast(
            one.source, part.bytes[one.source], part.share[one.source],
            sums[one.source].documents, one.documents, one.tokens,
            sqrt(sums[one.source].squares) / one.tokens if one.tokens else 0.0, float(one.normalised_weight),
            float(one.epochs_asked), float(one.epochs), float(one.reachable_weight),
        )
        for one in plans
    )  # fmt: skip
    corpus_tokens = sum(one.reachable_quota for one in plans)
    text_bytes = sum(part.text_bytes[name] * scale[name] for name in scale)
    documents_bytes = sum(part.stored[name] * scale[name] for name in scale)
    of_text = documents_bytes / text_bytes if text_bytes else 1.0
    corpus_text = corpus_tokens * BYTES_A_TOKEN
    disk = documents_bytes + corpus_text * (of_text + SCRATCH)
    seconds = sum(part.seconds[name] * scale[name] for name in scale) + text_bytes / 1e9 * TEXT_SECONDS_A_GB
    free = shutil.disk_usage(_existing(Path(config.output.removeprefix("file://")))).free
    dedup = config.dedup
    return Forecast(
        mixture.token_budget, part.tokenizer, rows, corpus_tokens, round(corpus_text * of_text), round(disk), free,
        seconds / 3600,
        f"{dedup.bands} bands of {dedup.rows} rows" if dedup else "",
        {s: candidate_chance(s, *dedup.banding) for s in SIMILARITIES} if dedup else {},
        tuple(_problems(config, part, plans, disk, free)),
    )  # fmt: skip


def _whole(source: str, seen: Mapping[tuple[str, str], Seen], scale: Mapping[str, float]) -> Seen:
    """What all files hold of a source, whichever sources read it."""
    mine = [(one, scale[origin]) for (origin, counted_by), one in seen.items() if counted_by == source]
    return Seen(
        round(sum(one.documents * k for one, k in mine)), sum(one.kept * k for one, k in mine),
        sum(one.tokens * k for one, k in mine), sum(one.squares * k * max(0.0, k - 1) for one, k in mine),
    )  # fmt: skip


def _problems(config: Config, part: Part, plans: Sequence[SourcePlan], disk: float, free: int) -> Iterator[str]:
    """What cannot be, in numbers; then what can, and should not."""
    for one in plans:
        if one.note:
            yield one.note
        elif config.mixture.max_epochs is None and one.epochs > MANY_EPOCHS:
            yield (
                f"{one.source} would be seen {float(one.epochs):.1f} times; over {MANY_EPOCHS} epochs teach little more "
                f"(max_epochs: {MANY_EPOCHS} caps them)"
            )
    if disk > free:
        yield f"the disk of {config.output} has {byte_size(free)} free, {byte_size(round(disk))} are needed"
    for name, n in part.counts["ingest"]["unreadable"].items():
        if n:
            yield f"{name}: {n} of the {part.counts['ingest']['files'][name]} files looked at could not be read"
    for card in part.counts["train_quality"]["languages"]:
        if not card["fitted"]:
            yield (
                f"{card['language']}: {card['references']} references and {card['raw']} raw documents were read, too few "
                "for a classifier; the more a run reads the likelier it has one"
            )


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.absolute().parents) if parent.exists())
