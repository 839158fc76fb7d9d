"""The steps of `train_quality`, `annotate` and `verdict`: what is measured, and what is decided from numbers alone."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.config import Pareto, Rule, Threshold, TopFraction
from pipeline.kernels.quality import Model, load_model
from pipeline.kernels.quality_card import fit
from pipeline.recipes import Limit
from pipeline.run.limits import limits_by_language, policy, read_sensitive_words
from pipeline.run.output import Json, write_json
from pipeline.run.own_model import own_model
from pipeline.run.work import Work, decisions, edit_sums
from pipeline.stages import annotate as measuring
from pipeline.stages import top_fraction
from pipeline.stages import train_quality as training
from pipeline.stages import verdict as stage

MIN_LANGUAGE, MAX_BROKEN = 1_000, 0.95  # a rule that more of so many documents break was made for another language


def train_quality(work: Work) -> Json:
    """quality/model.npz and card.json."""
    folder = work.folder / "quality"
    folder.mkdir()
    model: Model = {}
    card: Json = {"languages": []}
    if (quality := work.config.quality) and quality.model is None:
        columns = ("id", "part", "origin", "host", "language", "text_hash")
        documents = work.with_source(_in_kept_languages(work, work.read("documents")).select(*columns))
        buckets = quality.features.buckets
        features = training.training_features(
            documents, work.texts(), work.references, work.config.seed, buckets, policy(work.config)
        )
        model, card = fit(features.toArrow(), buckets, work.config.seed)
    _save_model(folder / "model.npz", model)
    own = own_model(quality)
    if own:
        card["model"] = own._asdict()
    write_json(folder / "card.json", card)
    work.say(f"scores are {own.label} of {own.path}" if own else _in_words(card["languages"]))
    return card


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
    model = own_model(work.config.quality) or load_model(work.output.folder / "quality" / "model.npz")
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
    limits = limits_by_language(work.config)
    columns = ("id", "part", "origin", "language", "language_score", "text_hash")
    documents = work.with_source(work.read("documents").select(*columns))
    annotations = work.read("annotations", measuring.ANNOTATIONS).drop("signature")
    language, filters = _language_reason(work), stage.filter_reason(limits)
    quality: Column = F.lit(None).cast("string")
    chosen: Json = {}
    if work.config.quality and work.config.quality.select.rule != "none":
        reached = documents.where(F.col("source").isin(work.raw)).join(annotations.drop("part"), "id")
        reached = reached.where(language.isNull() & filters.isNull() & ~F.isnan("quality_score"))
        kept, chosen = _kept(work, work.config.quality.select, reached)
        quality = stage.quality_reason(kept)
    decided = stage.verdicts(documents, annotations, work.raw, language, filters, quality)
    verdicts = work.write("verdicts", decided, narrow=True)
    counts = decisions(verdicts) | {"strict_rules": _strict_rules(work, verdicts, limits), "quality": chosen}
    work.say(f"{sum(counts['kept'].values()):,} documents kept")
    return counts


def _kept(work: Work, select: Rule, reached: DataFrame) -> tuple[Column, Json]:
    """Which scored documents the rule keeps, and what was found for it from the data; `reached`: those it decides about."""
    if isinstance(select, Threshold):
        return stage.threshold(select.min), {}
    if isinstance(select, TopFraction):
        ranks = work.checkpoint("ranks", reached.select("language", top_fraction.rank_key().alias("key")))
        cuts = top_fraction.cuts(ranks, select.keep)
        return stage.up_to(top_fraction.rank_key(), cuts), {"cuts": cuts}
    assert isinstance(select, Pareto)
    if select.alpha != "fit":
        return stage.pareto(work.config.seed, select.alpha), {}
    card: Json = json.loads((work.output.folder / "quality" / "card.json").read_text(encoding="utf-8"))
    alphas = {one["language"]: one["fitted_alpha"] for one in card["languages"] if one["fitted"]}
    return stage.pareto(work.config.seed, alphas), {"alphas": alphas}


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
