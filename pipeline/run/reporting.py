"""The step of `report`: the manifest's counts and a few queries over narrow tables, as Counts; then the pages."""

from datetime import UTC, datetime

from pyspark.sql import functions as F

from pipeline import __version__, accounts
from pipeline.report import render
from pipeline.report.counts import Counts, FunnelRow, LanguageCounts, SourceCounts, StageTime
from pipeline.report.finding_counts import (
    Collision,
    ContaminationCounts,
    DuplicateCounts,
    DuplicatePair,
    EditCounts,
    IgnoredNgram,
    LargestCluster,
    RecurringText,
)
from pipeline.report.mixture_counts import (
    HeldOut,
    HeldOutRow,
    Mixture,
    MixtureRow,
    QualityBucket,
    Shards,
    TokenEstimate,
)
from pipeline.report.score_counts import Sample
from pipeline.run.choosing import out_of_proportion
from pipeline.run.judged import quality_counts, shown
from pipeline.run.output import Json
from pipeline.run.samples import excerpts, samples
from pipeline.run.work import Work, edit_sums
from pipeline.schema import STAGES
from pipeline.sources.reasons import REASONS
from pipeline.stages import deduplicate as choosing
from pipeline.stages import ingest, recurring, verdict

LARGEST = 10  # clusters shown
COLLISIONS = 100  # shown; all of them are in contamination/


def report(work: Work) -> Json:
    """report/: index.html, report.md, report.json, mixture.tex. Raises GuardError if the accounts do not balance."""
    stages: Json = work.output.read_manifest()["stages"]
    given = {name: entry["counts"] for name, entry in stages.items()}
    funnel = _funnel(given)
    accounts.check(funnel)
    counted = Counts(
        taojin_version=__version__,
        output=work.output.folder.name,
        seed=work.config.seed,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        config=work.config.model_dump(mode="json"),
        sources=_sources(work, given["ingest"]),
        funnel=tuple(FunnelRow(one.stage, one.source, one.documents_in, one.kept, dict(one.dropped)) for one in funnel),
        mixture=_mixture(work, given["mix"], given["decontaminate"].get("token_estimates", {})),
        languages=_languages(work),
        quality=quality_counts(work, given, _read_by_score(work, shown(given["train_quality"]))),
        duplicates=_duplicates(work, given["deduplicate"]),
        contamination=tuple(ContaminationCounts(**row) for row in given["decontaminate"]["benchmarks"]),
        collisions=_collisions(work),
        ignored_ngrams=tuple(IgnoredNgram(**row) for row in given["decontaminate"]["ignored"]),
        cut_documents=given["decontaminate"]["edited"],
        edits=_edits(work),
        dropped_documents=_total(given["decontaminate"]["dropped"].get("decontaminate", {})),
        stages=tuple(
            StageTime(name, entry["seconds"], False, entry.get("bytes_written"), entry.get("bytes_shuffled"))
            for name, entry in ((name, stages[name]) for name in STAGES if name in stages)
        ),
        warnings=_warnings(work, given),
        samples=samples(work),
        rejection_reasons=REASONS | ingest.REASONS | choosing.REASONS | recurring.REASONS,
    )
    folder = work.folder / "report"
    folder.mkdir()
    for name, text in render(counted).items():
        (folder / name).write_text(text, encoding="utf-8")
    work.say(f"{work.output.folder / 'report' / 'index.html'}")
    return {"accounts": [one.as_json() for one in funnel]}


def _funnel(given: Json) -> list[accounts.Account]:
    """ingest's accounts, and those of the deciding stages reckoned from verdicts/ as it stands now."""
    read = [accounts.Account(**one) for one in given["ingest"]["accounts"]]
    final = given["decontaminate"]
    documents, claimed = given["ingest"]["documents"], given["ingest"]["claimed"]
    return read + accounts.funnel(documents, claimed, final["dropped"], final["kept"], verdict.ORDER)


def _total(reasons: dict[str, dict[str, int]]) -> int:
    return sum(sum(by_reason.values()) for by_reason in reasons.values())


def _sources(work: Work, given: Json) -> tuple[SourceCounts, ...]:
    return tuple(
        SourceCounts(
            name, source.format, source.role, given["files"][name], given["unreadable"][name],
            given["documents"][name], given["records"][name], given["rejected"][name],
        )
        for name, source in work.config.sources.items()
    )  # fmt: skip


def _mixture(work: Work, given: Json, estimated: Json) -> Mixture:
    mixture = work.config.mixture
    rows = tuple(
        MixtureRow(**row | {"buckets": tuple(QualityBucket(**one) for one in row["buckets"])}) for row in given["rows"]
    )
    held = given["validation"]
    validation = held and HeldOut(
        held["token_budget"], tuple(HeldOutRow(**row) for row in held["rows"]), Shards(**held["shards"])
    )
    shards = Shards(**given["shards"])
    estimates = tuple(TokenEstimate(source, **one) for source, one in estimated.items())
    return Mixture(mixture.token_budget, work.tokenizer.name, rows, shards, mixture.strategy, validation, estimates)


def _languages(work: Work) -> tuple[LanguageCounts, ...]:
    decided = work.read("verdicts").join(work.read("documents").select("id", "language"), "id")
    rows = decided.groupBy("source", "language").agg(F.count(F.lit(1)), F.sum(F.col("kept").cast("long"))).collect()
    return tuple(sorted((LanguageCounts(*row) for row in rows), key=lambda one: (one.source, -one.documents)))


def _read_by_score(work: Work, ids: list[str]) -> dict[str, Sample]:
    """The documents that the quality cards show, by id."""
    if not ids:
        return {}
    wanted = work.read("verdicts").where(F.col("id").isin(ids))
    rows = wanted.select("id", "part", "source", F.lit("").alias("key"), F.lit(0).cast("long").alias("size"))
    return {row["id"]: Sample(row["id"], row["url"] or "", row["excerpt"], row["source"]) for row in excerpts(work, rows)}


def _duplicates(work: Work, given: Json) -> DuplicateCounts | None:
    if work.config.dedup is None:
        return None
    rows = work.read("duplicates")
    sources = work.read("verdicts").select("id", "source")
    removed = rows.where("id != representative_id")
    kinds: dict[str, int] = dict(removed.groupBy("kind").count().collect())
    kept = sources.toDF("representative_id", "kept_source")
    other = F.coalesce("kept_source", F.lit("(another run)")).alias("kept_source")
    pairs = removed.join(sources.toDF("id", "removed_source"), "id").join(kept, "representative_id", "left")
    by_source = pairs.groupBy(other, "removed_source").count().collect()
    largest = (
        rows.groupBy("cluster_id", F.col("representative_id").alias("id"))
        .agg(F.count(F.lit(1)).alias("size"))
        .orderBy(F.desc("size"), "cluster_id")
        .limit(LARGEST)
    )
    places = largest.join(work.read("verdicts").select("id", "part", "source"), "id")
    shown = excerpts(work, places.select("id", "part", "source", F.col("cluster_id").alias("key"), "size"))
    like = F.col("similarity") >= work.config.dedup.min_similarity
    return DuplicateCounts(
        near_like=removed.where("kind = 'near'").where(like).count(),
        recurring=tuple(RecurringText(**one) for one in given["recurring"]),
        crowded=_crowded(work, {one["id"]: one["documents"] for one in given["crowded"]}),
        clusters=rows.select("cluster_id").distinct().count(),
        removed_exact=kinds.get("exact", 0),
        removed_near=kinds.get("near", 0),
        removed_url=kinds.get("url", 0),
        candidate_pairs=given["pairs"]["candidates"],
        verified_pairs=given["pairs"]["verified"],
        unlinked=given["pairs"]["unlinked"],
        by_source=tuple(sorted((DuplicatePair(*row) for row in by_source), key=lambda one: -one.documents)),
        largest=tuple(
            LargestCluster(row["key"], row["size"], row["url"] or row["id"], row["excerpt"])
            for row in sorted(shown, key=lambda row: (-row["size"], row["key"]))
        ),
    )


def _crowded(work: Work, sizes: dict[str, int]) -> tuple[LargestCluster, ...]:
    if not sizes:
        return ()
    places = work.read("verdicts").where(F.col("id").isin(list(sizes)))
    asked = places.select("id", "part", "source", F.col("id").alias("key"), F.lit(0).cast("long").alias("size"))
    shown = {row["id"]: row for row in excerpts(work, asked)}
    return tuple(
        LargestCluster(key, n, shown[key]["url"] or key, shown[key]["excerpt"]) for key, n in sizes.items() if key in shown
    )


def _collisions(work: Work) -> tuple[Collision, ...]:
    """The first collisions by benchmark, split and item."""
    key = ["benchmark", "split", "item_id", "id", "start", "end"]
    first = work.read("contamination").select(*key).orderBy(*key).limit(COLLISIONS)
    rows = first.join(work.read("documents").select("id", "url"), "id", "left").orderBy(*key).collect()
    return tuple(Collision(**row.asDict() | {"url": row["url"] or ""}) for row in rows)


def _edits(work: Work) -> tuple[EditCounts, ...]:
    """What the stages edited in the documents that are kept."""
    if not any((work.output.folder / "edits").glob("*.parquet")):
        return ()
    kept = work.read("verdicts").where("kept").select("id")
    rows = work.read("edits").join(kept, "id").groupBy("stage", "reason").agg(*edit_sums()).collect()
    counts = (EditCounts(**row.asDict()) for row in rows)
    return tuple(sorted(counts, key=lambda one: (STAGES.index(one.stage), -one.removed, one.reason)))


def _warnings(work: Work, given: Json) -> tuple[str, ...]:
    found = []
    for card in given["train_quality"]["languages"]:
        found += card["warnings"]
    for name, n in given["ingest"]["unreadable"].items():
        if n:
            found.append(f"{name}: {n:,} of {given['ingest']['files'][name]:,} files could not be read")
    for name in work.config.sources:
        if not given["decontaminate"]["kept"].get(name):
            found.append(f"{name}: no document is kept")
    for language, n, reason, share in given["verdict"]["strict_rules"]:
        found.append(f"{language}: {reason} drops {share:.1%} of {n:,} raw documents; is the recipe made for this language?")
    found += out_of_proportion(work.config.sources, given["deduplicate"])
    held = given["mix"]["validation"] or {"rows": []}
    found += [row["note"] for row in (*given["mix"]["rows"], *held["rows"]) if row["note"]]
    return tuple(found)
