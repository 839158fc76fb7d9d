"""The steps of `train_quality`, `annotate` and `verdict`: what is measured, and what is decided from numbers alone."""

import io
import json
from pathlib import Path

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.config import Pareto, Rule, Threshold, TopFraction
from pipeline.kernels.quality import Model, load_model
from pipeline.kernels.quality_card import fit
from pipeline.run.limits import limits_by_language
from pipeline.run.output import Json, write_json
from pipeline.run.own_model import own_model
from pipeline.run.work import Work, decisions
from pipeline.stages import annotate as measuring
from pipeline.stages import top_fraction
from pipeline.stages import train_quality as training
from pipeline.stages import verdict as stage


def train_quality(work: Work) -> Json:
    """quality/model.npz and card.json."""
    folder = work.folder / "quality"
    folder.mkdir()
    model: Model = {}
    card: Json = {"languages": []}
    if (quality := work.config.quality) and quality.model is None:
        columns = ("id", "origin", "host", "language", "text", "text_hash")
        documents = work.with_source(_in_kept_languages(work, work.read("documents")).select(*columns))
        buckets = quality.features.buckets
        features = training.training_features(documents, work.references, work.config.seed, buckets)
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
    """annotations/."""
    dedup = work.config.dedup
    documents = _in_kept_languages(work, work.read("documents"))
    shingle, permutations = (dedup.shingle, dedup.bands * dedup.rows) if dedup else (1, 0)
    model = own_model(work.config.quality) or load_model(work.output.folder / "quality" / "model.npz")
    (work.folder / "edits").mkdir()
    n = work.write("annotations", measuring.annotate(documents, model, shingle, permutations)).count()
    work.say(f"{n:,} documents measured")
    return {"documents": n}


def verdict(work: Work) -> Json:
    """verdicts/: language, filters, quality."""
    columns = ("id", "part", "origin", "language", "language_score", "text_hash")
    documents = work.with_source(work.read("documents").select(*columns))
    annotations = work.read("annotations", measuring.ANNOTATIONS).drop("signature")
    language, filters = _language_reason(work), stage.filter_reason(limits_by_language(work.config))
    quality: Column = F.lit(None).cast("string")
    chosen: Json = {}
    if work.config.quality and work.config.quality.select.rule != "none":
        reached = documents.where(F.col("source").isin(work.raw)).join(annotations.drop("part"), "id")
        reached = reached.where(language.isNull() & filters.isNull() & ~F.isnan("quality_score"))
        kept, chosen = _kept(work, work.config.quality.select, reached)
        quality = stage.quality_reason(kept)
    decided = stage.verdicts(documents, annotations, work.raw, language, filters, quality)
    counts = decisions(work.write("verdicts", decided, narrow=True))
    work.say(f"{sum(counts['kept'].values()):,} documents kept")
    return counts | {"quality": chosen}


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
