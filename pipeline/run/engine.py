"""The loop over the stages: skip, run, publish."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import Config
from pipeline.errors import ConfigError, InputError, OutputError
from pipeline.progress import say_kept, stage_progress
from pipeline.run.fingerprint import BENCHMARKS, IGNORED, Inputs, fingerprints, resolve_inputs, versions
from pipeline.run.limits import limits_by_language, read_sensitive_words
from pipeline.run.output import TABLES, Json, Output
from pipeline.run.own_model import check, own_model
from pipeline.schema import STAGES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline.run.work import Work


def run(
    config: Config,
    open_spark: "Callable[[], SparkSession]",
    *,
    until: str | None = None,
    only: str | None = None,
    fresh: bool = False,
) -> None:
    """Brings the output up to date with the config: all stages, those up to `until`, or just `only`.

    Raises ConfigError for inputs that are not there, GuardError where a guard stops the run, OutputError where another run
    holds the output or `only` lacks an earlier stage.
    """
    for stage in (until, only):
        if stage is not None and stage not in STAGES:
            raise ConfigError(f"{stage!r} is no stage; allowed: {', '.join(STAGES)}")
    limits_by_language(config)  # a wrong one is named now, not after hours of reading
    read_sensitive_words(config)
    if config.mixture.tokenizer != "gpt2":
        from pipeline.run.tokenizer import load_tokenizer

        load_tokenizer(config.mixture.tokenizer)
    inputs = resolve_inputs(config)
    output = Output(config.output)
    output.create()
    with output.held():
        if fresh:
            output.clear()
        output.recover()
        wanted = STAGES if until is None else STAGES[: STAGES.index(until) + 1]
        if config.dedup and config.dedup.index:
            from pipeline.run.indexing import add, others

            others(config.dedup.index, output.folder, config.dedup)  # another kind of index is named now, not after hours
            _run_stages(config, inputs, output, open_spark, [only] if only else wanted)
            if (only or wanted[-1]) == STAGES[-1]:
                add(config, output, open_spark)
        else:
            _run_stages(config, inputs, output, open_spark, [only] if only else wanted)


def _run_stages(
    config: Config, inputs: Inputs, output: Output, open_spark: "Callable[[], SparkSession]", wanted: Sequence[str]
) -> None:
    scorer = own_model(config.quality)  # one that is not there is named first
    prints = fingerprints(config, inputs)
    published = output.read_manifest().get("stages", {})
    if "decontaminate" in wanted and published.get("decontaminate", {}).get("fingerprint") != prints["decontaminate"]:
        _check_benchmarks(config, inputs)
    if scorer and "annotate" in wanted and published.get("annotate", {}).get("fingerprint") != prints["annotate"]:
        check(scorer)
    valid = True  # every stage so far is published under its fingerprint
    for stage in STAGES[: STAGES.index(wanted[-1]) + 1]:
        entry = published.get(stage, {})
        valid = valid and entry.get("fingerprint") == prints[stage]
        if valid:
            if stage in wanted:
                say_kept(stage, entry.get("said", ""))
            continue
        if stage not in wanted:
            raise OutputError(f"{wanted[-1]} needs {stage}, which is not done for this config: run {stage} first")
        _run_stage(stage, config, inputs, output, open_spark(), prints[stage])
        published = output.read_manifest()["stages"]
        valid = True


def _check_benchmarks(config: Config, inputs: Inputs) -> None:
    """Names a benchmark that cannot be read now, not after hours of reading a crawl."""
    if config.decontaminate:
        from pipeline.sources.benchmarks import read_items, read_phrases

        paths = {key: [file.path for file in inputs[key]] for key in (BENCHMARKS, IGNORED)}
        for key, read in (
            ("benchmarks", lambda: read_items(paths[BENCHMARKS], config.decontaminate.text_fields)),
            ("ignore", lambda: read_phrases(paths[IGNORED])),
        ):
            try:
                read()
            except InputError as error:
                raise ConfigError(f"decontaminate.{key}: {error}") from None


def _run_stage(
    stage: str, config: Config, inputs: Inputs, output: Output, spark: "SparkSession", fingerprint: str
) -> None:
    from pipeline.run.metrics import shuffled_between, shuffled_by_stage
    from pipeline.run.sealing import seal
    from pipeline.run.work import Work

    said: list[str] = []
    with stage_progress(spark, stage) as say:

        def speak(text: str) -> None:
            said.append(text)
            say(text)

        started, before = time.monotonic(), shuffled_by_stage(spark)
        counts = _step(stage)(Work(stage, config, output, spark, inputs, speak))
        shuffled = shuffled_between(before, shuffled_by_stage(spark))
        entry: Json = {
            "fingerprint": fingerprint,
            "seconds": round(time.monotonic() - started, 2),
            "bytes_written": seal(output.staging(stage), TABLES[stage]),
            "bytes_shuffled": shuffled,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "said": said[-1] if said else "",
            "counts": counts,
        }
        output.publish(stage, entry, {"taojin": versions(), "config": config.model_dump(mode="json")})


def _step(stage: str) -> "Callable[[Work], Json]":
    """The steps are imported when the first one runs: numba and pyspark take their time."""
    from pipeline.run import choosing, decontaminating, ingesting, judging, mixing, reporting

    steps: Mapping[str, Callable[[Work], Json]] = {
        "ingest": ingesting.ingest,
        "train_quality": judging.train_quality,
        "annotate": judging.annotate,
        "verdict": judging.verdict,
        "deduplicate": choosing.deduplicate,
        "decontaminate": decontaminating.decontaminate,
        "mix": mixing.mix,
        "report": reporting.report,
    }
    return steps[stage]


def verify(output: str) -> str:
    """Re-reads what a run published against its lists; what was read, in words. Raises OutputError that names the damage."""
    from pipeline.run.sealing import verify as find_damage

    damaged, n_files, n_bytes = find_damage(Output(output))
    if damaged:
        n = len(damaged)
        raise OutputError("\n".join([*damaged, f"{output}: {n:,} file{'s are' if n > 1 else ' is'} damaged or missing"]))
    return f"{output}: {n_files:,} files, {n_bytes:,} bytes, all as they were written"


def report(output: str) -> None:
    """Renders report/ again from its stored counts."""
    from pipeline.report import Counts, render

    folder = Path(output) / "report"
    try:
        stored = (folder / "report.json").read_bytes()
    except OSError:
        raise OutputError(f"{folder} holds no report.json; `taojin run` makes one") from None
    for name, text in render(Counts.from_json(stored)).items():
        (folder / name).write_text(text, encoding="utf-8")
