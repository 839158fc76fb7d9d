"""What the report says of quality: the card's figures beside what the rule did to the scores."""

from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.report.score_counts import (
    QUALITY_FIGURES,
    Calibration,
    KeepRate,
    QualityCounts,
    Sample,
    Scored,
    ScoreHistogram,
)
from pipeline.run.output import Json
from pipeline.run.work import Work
from pipeline.stages import annotate as measuring

BINS = 20

Bins = dict[str, dict[int, tuple[int, int]]]  # by language and bin: documents, and those kept


def quality_counts(work: Work, given: Json, excerpts: dict[str, Sample]) -> tuple[QualityCounts, ...]:
    """A classifier a language, with the scores of all raw documents that reach the rule, and of those that it keeps.

    given: the manifest's counts by stage; excerpts: the documents that the card shows, by id.
    """
    if work.config.quality is None:
        return ()
    select = work.config.quality.select.model_dump()
    alphas: Json = given["verdict"]["quality"].get("alphas", {})
    alpha = None if select.get("alpha") == "fit" else select.get("alpha")  # of a language without one of its own
    rows = _reached(work)
    at = F.least(F.floor(F.col("quality_score") * BINS), F.lit(BINS - 1)).cast("int").alias("bin")
    bins: Bins = {}
    counted = rows.groupBy("language", at).agg(F.count(F.lit(1)), F.sum("kept"))
    for language, place, n, n_kept in counted.collect():
        bins.setdefault(language, {})[place] = (n, n_kept)
    rates = _keep_rates(rows, _chance(select, alphas))
    cards = {card["language"]: card for card in given["train_quality"]["languages"]}
    scored = [language for language in sorted(bins) if language not in cards]  # by a model of the user's
    cards |= {one: {"language": one, "fitted": True, "references": 0, "raw": 0, "held_out": 0} for one in scored}
    return tuple(
        _of_language(
            cards[language], bins.get(language, {}), rates.get(language, ()),
            select | {"alpha": alphas.get(language, alpha)}, excerpts,
        )
        for language in sorted(cards)
    )  # fmt: skip


def _reached(work: Work) -> DataFrame:
    """language, source, text_hash, quality_score, kept (0 or 1) of the scored raw documents that the rule decides about."""
    scored = work.read("annotations", measuring.ANNOTATIONS).select("id", "quality_score")
    reached = work.read("verdicts").where(~F.coalesce(F.col("stage").isin("language", "filters"), F.lit(False)))
    rows = reached.where(F.col("source").isin(work.raw)).join(scored, "id").where(~F.isnan("quality_score"))
    documents = work.read("documents").select("id", "language", "text_hash")
    kept = F.coalesce(F.col("stage") != "quality", F.lit(True)).cast("long").alias("kept")
    return rows.join(documents, "id").select("language", "source", "text_hash", "quality_score", kept)


def _chance(select: Json, alphas: Json) -> Column:
    """The Pareto rule's chance; null under another rule."""
    if select["rule"] != "pareto":
        return F.lit(None).cast("double")
    cases = [F.when(F.col("language") == language, F.lit(-alpha)) for language, alpha in sorted(alphas.items())]
    given = [] if select["alpha"] == "fit" else [F.lit(-float(select["alpha"]))]
    return F.pow(2 - F.col("quality_score"), F.coalesce(*cases, *given, F.lit(-9.0)))


def _keep_rates(rows: DataFrame, chance: Column) -> dict[str, tuple[KeepRate, ...]]:
    """By language, a row a source. The n copies of a text share one draw, whose variance is n^2 p (1 - p)."""
    texts = rows.groupBy("language", "source", "text_hash").agg(
        F.count(F.lit(1)).alias("n"), F.sum("kept").alias("kept"), F.first(chance).alias("chance")
    )
    sums = texts.groupBy("language", "source").agg(
        F.sum("n"), F.sum("kept"), F.sum(F.expr("n * chance")), F.sum(F.expr("n * n * chance * (1 - chance)"))
    )
    found: dict[str, tuple[KeepRate, ...]] = {}
    for language, source, n, n_kept, expected, variance in sorted(sums.collect(), key=lambda row: row[:2]):
        error = None if expected is None else float(np.sqrt(variance)) / n
        rate = KeepRate(source, n, None if expected is None else expected / n, n_kept / n, error)
        found[language] = (*found.get(language, ()), rate)
    return found


def _of_language(
    card: Json, bins: dict[int, tuple[int, int]], rates: tuple[KeepRate, ...], select: Json, excerpts: dict[str, Sample]
) -> QualityCounts:
    raw, kept = ([bins.get(k, (0, 0))[which] for k in range(BINS)] for which in (0, 1))
    n, histogram = sum(raw), None
    if card["fitted"]:
        references = card.get("histogram", {}).get("references", [0] * BINS)
        edges = np.linspace(0, 1, BINS + 1).round(2).tolist()
        histogram = ScoreHistogram(tuple(edges), tuple(references), tuple(raw), tuple(kept))
    expected = [rate.documents * rate.expected for rate in rates if rate.expected is not None]
    words = card.get("strongest_words", {})
    return QualityCounts(
        card["language"], card["references"], card["raw"], card["held_out"], select["rule"],
        auc=card.get("auc"),
        alpha=select.get("alpha"),
        expected_keep=sum(expected) / n if expected and n else None,
        realised_keep=sum(kept) / n if n else None,
        histogram=histogram,
        strongest_words=tuple(word for word, _ in words.get("for", ())),
        strongest_against=tuple(word for word, _ in words.get("against", ())),
        warnings=tuple(card.get("warnings", ())),
        keep_rates=rates,
        figures={key: card[key] for key in QUALITY_FIGURES if card.get(key) is not None},
        transfer=card.get("transfer_auc", {}),
        quantiles={source: tuple(values) for source, values in card.get("quantiles", {}).items()},
        calibration=tuple(Calibration(**row) for row in card.get("calibration", ())),
        deciles=tuple(_decile(row, excerpts) for row in card.get("deciles", ())),
    )  # fmt: skip


def _decile(row: Json, excerpts: dict[str, Sample]) -> tuple[Scored, ...]:
    return tuple(Scored(score, excerpts[one]) for one, score in row["documents"] if one in excerpts)


def shown(given: Json) -> list[str]:
    """The ids of the documents that the cards show."""
    rows: list[Any] = [row for card in given["languages"] for row in card.get("deciles", ())]
    return [one for row in rows for one, _ in row["documents"]]
