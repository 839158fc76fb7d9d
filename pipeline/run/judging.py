"""The steps of `train_quality`, `annotate` and `verdict`: what is measured, and what is decided from numbers alone."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.kernels.quality import Fit, Model
from pipeline.recipes import Limit
from pipeline.run.limits import limits_by_language, policy, read_sensitive_words
from pipeline.run.output import Json, write_json
from pipeline.run.work import Work, decisions, edit_sums
from pipeline.stages import annotate as measuring
from pipeline.stages import train_quality as training
from pipeline.stages import verdict as stage

MIN_LANGUAGE, MAX_BROKEN = 1_000, 0.95  # a rule that more of so many documents break was made for another language


def train_quality(work: Work) -> Json:
    """quality/model.npz and card.json."""
    folder = work.folder / "quality"
    folder.mkdir()
    model: Model = {}
    cards: list[Json] = []
    if quality := work.config.quality:
        columns = ("id", "origin", "host", "language", "text", "text_hash")
        documents = work.with_source(_in_kept_languages(work, work.read("documents")).select(*columns))
        buckets = quality.features.buckets
        features = training.training_features(documents, work.references, work.config.seed, buckets, policy(work.config))
        model, cards = training.fit(features.toArrow(), buckets)
    _save_model(folder / "model.npz", model)
    write_json(folder / "card.json", {"languages": cards})
    work.say(_in_words(cards))
    return {"languages": cards}


def _in_words(cards: list[Json]) -> str:
    fitted = [card for card in cards if card["fitted"]]
    said = [card["language"] + (f" AUC {card['auc']:.3f}" if "auc" in card else " fitted") for card in fitted]
    if len(fitted) < len(cards):
        said.append(f"{len(cards) - len(fitted)} without a model")
    return ", ".join(said) or "no model"


def annotate(work: Work) -> Json:
    """annotations/, and edits/ where texts are edited."""
    dedup = work.config.dedup
    documents = _in_kept_languages(work, work.read("documents"))
    shingle, permutations = (dedup.shingle, dedup.permutations) if dedup else (1, 0)
    model = _load_model(work.output.folder / "quality" / "model.npz")
    settings = measuring.Settings(shingle, permutations, policy(work.config), read_sensitive_words(work.config))
    measured = measuring.annotate(documents, model, settings)
    if not settings.policy.edits:
        (work.folder / "edits").mkdir()
        n = work.write("annotations", measured).count()
        work.say(f"{n:,} documents measured")
        return {"documents": n, "edits": {}}
    measured = work.checkpoint("measured", measured)
    n = work.write("annotations", measured.drop("edits")).count()
    edits = work.write_edits(measuring.edit_rows(measured)).groupBy("reason").agg(*edit_sums())
    sums = {row["reason"]: row.asDict() for row in edits.orderBy("reason").collect()}
    work.say(f"{n:,} documents measured, {sum(one['edits'] for one in sums.values()):,} places edited")
    return {"documents": n, "edits": sums}


def verdict(work: Work) -> Json:
    """verdicts/: language, filters, quality."""
    select: Json = work.config.quality.select.model_dump() if work.config.quality else {"rule": "none"}
    limits = limits_by_language(work.config)
    columns = ("id", "part", "origin", "language", "language_score", "text_hash")
    decided = stage.verdicts(
        work.with_source(work.read("documents").select(*columns)),
        work.read("annotations", measuring.ANNOTATIONS).drop("signature"),
        work.raw,
        _language_reason(work),
        stage.filter_reason(limits),
        stage.quality_reason(select["rule"], work.config.seed, select.get("alpha", 9.0), select.get("min", 0.5)),
    )
    verdicts = work.write("verdicts", decided, narrow=True)
    counts = decisions(verdicts) | {"strict_rules": _strict_rules(work, verdicts, limits)}
    work.say(f"{sum(counts['kept'].values()):,} documents kept")
    return counts


def _strict_rules(work: Work, verdicts: DataFrame, limits: Mapping[str, Sequence[Limit]]) -> list[list[Any]]:
    """[language, documents, reason, share] of each rule that MAX_BROKEN of a kept language's raw documents break."""
    measured: Json = work.output.read_manifest()["stages"]["annotate"]["counts"]
    if measured["documents"] < MIN_LANGUAGE or not limits:
        return []
    raw = verdicts.where(F.col("source").isin(work.raw) & ~F.coalesce(F.col("stage") == stage.LANGUAGE, F.lit(False)))
    rows = raw.select("id").join(work.read("documents").select("id", "language"), "id")
    rows = rows.join(work.read("annotations", measuring.ANNOTATIONS), "id")
    found = []
    for row in stage.broken_shares(rows, limits).where(F.col("documents") >= MIN_LANGUAGE).orderBy("language").collect():
        recipe = row["language"] if row["language"] in limits else "default"
        for reason in (reason for limit in limits.get(recipe, ()) for reason in limit.reasons()):
            if row[f"{recipe} {reason}"] > MAX_BROKEN:
                found.append([row["language"], row["documents"], reason, row[f"{recipe} {reason}"]])
    return found


def _language_reason(work: Work) -> Column:
    keep = work.config.language.keep
    return stage.language_reason(None if keep == "all" else keep, work.config.language.min_score)


def _in_kept_languages(work: Work, documents: DataFrame) -> DataFrame:
    return documents.where(_language_reason(work).isNull())


def _save_model(path: Path, model: Model) -> None:
    arrays = {f"weights.{language}": fit.weights for language, fit in model.items()}
    arrays |= {f"intercept.{language}": np.array(fit.intercept) for language, fit in model.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    path.write_bytes(buffer.getvalue())


def _load_model(path: Path) -> Model:
    """Plain arrays, no pickle."""
    with np.load(path, allow_pickle=False) as arrays:
        languages = [name.removeprefix("weights.") for name in arrays.files if name.startswith("weights.")]
        return {name: Fit(arrays[f"weights.{name}"], float(arrays[f"intercept.{name}"])) for name in languages}
