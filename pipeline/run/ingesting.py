"""The step of `ingest`: sources in, documents/ and rejected/ out."""

from collections import Counter

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.accounts import Account, check
from pipeline.errors import GuardError
from pipeline.run.output import Json
from pipeline.run.work import Work
from pipeline.schema import COUNTED, DOCUMENT, REJECTED
from pipeline.sources.documents import part_files
from pipeline.sources.read import read
from pipeline.sources.reasons import FILE_REASONS, STRETCH_REASONS
from pipeline.stages import ingest as stage

# Records that give a document or a row of rejected/ each; of other types only the number is kept.
COUNTED_TYPES = ("response", "resource", "revisit", "conversion", "row")


def ingest(work: Work) -> Json:
    """One write of everything read, by outcome; then the narrow tables from it."""
    config = work.config
    frames = [
        stage.sampled(
            read(work.spark, one.format, name, work.inputs[name], config.extract.engine, config.extract.max_record_bytes),
            one.sample,
            config.seed,
        )
        for name, one in config.sources.items()
    ]
    ingested = work.write_partitioned("ingested", stage.ingest(frames), ["outcome", "origin"])
    rejected = stage.rejections(ingested.where(F.col("outcome") == REJECTED))
    repeated = work.checkpoint("repeated", stage.repeated(ingested.where(F.col("outcome") == DOCUMENT)))
    written = work.folder / "ingested" / f"outcome={DOCUMENT}"
    if not repeated.isEmpty():
        rejected = rejected.unionByName(stage.repetitions(repeated))
        n_parts = max(part_files(str(written))) + 1
        single = stage.without(ingested.where(F.col("outcome") == DOCUMENT).drop("outcome"), repeated, n_parts)
        work.write_partitioned("single", single, ["origin"])
        written = work.folder / "single"
    work.write("rejected", rejected, narrow=True)
    documents = work.folder / "documents"
    if written.exists():
        written.rename(documents)
    else:
        documents.mkdir()
    return _counts(work, ingested.where(F.col("outcome") == COUNTED))


def _counts(work: Work, counted: DataFrame) -> Json:
    """Counts of files, records, documents and rejections by source; raises if they do not balance, or a guard says so."""
    names = list(work.config.sources)
    records: dict[str, dict[str, int]] = {name: {} for name in names}
    for origin, kind, n in counted.groupBy("origin", "id").agg(F.sum("offset")).collect():
        records[origin][kind] = int(n)
    documents = dict.fromkeys(names, 0) | dict(work.staged("documents").groupBy("origin").count().collect())
    rejected: dict[str, dict[str, int]] = {name: {} for name in names}
    damaged: Counter[str] = Counter()  # stretches that hold no record which the reader could have counted
    unreadable: dict[str, int] = dict.fromkeys(names, 0)
    for origin, reason, n in work.staged("rejected").groupBy("origin", "reason").count().collect():
        rejected[origin][reason] = n
        damaged[origin] += n if reason in STRETCH_REASONS | FILE_REASONS else 0
        unreadable[origin] += n if reason in FILE_REASONS else 0
    seen = {name: sum(records[name].get(kind, 0) for kind in COUNTED_TYPES) + damaged[name] for name in names}
    accounts = [Account("ingest", name, seen[name], documents[name], rejected[name]) for name in names]
    check(accounts)
    files = {name: len(work.inputs[name]) for name in names}
    _guard(sum(unreadable.values()), sum(files.values()), work)
    n_rejected = sum(sum(given.values()) for given in rejected.values())
    work.say(f"{sum(documents.values()):,} documents, {n_rejected:,} rejected")
    return {
        "files": files, "unreadable": unreadable, "records": records, "documents": documents, "rejected": rejected,
        "accounts": [one.as_json() for one in accounts],
    }  # fmt: skip


def _guard(unreadable: int, files: int, work: Work) -> None:
    allowed = max(1, int(work.config.guards.max_unreadable_inputs * files))
    if unreadable > allowed:
        of_files = work.staged("rejected").where(F.col("reason").isin(list(FILE_REASONS)))
        paths = of_files.select("file").orderBy("file").limit(5).collect()
        raise GuardError(
            f"{unreadable} of {files} input files cannot be read; guards.max_unreadable_inputs allows {allowed}: "
            + ", ".join(row["file"] for row in paths)
            + (", …" if unreadable > len(paths) else "")
        )
