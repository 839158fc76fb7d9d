"""The step of `decontaminate`: the benchmarks' index, and what of them is taken out of the documents that are still kept."""

import time
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.config import Decontaminate
from pipeline.kernels.ngrams import build_index
from pipeline.run.fingerprint import BENCHMARKS, IGNORED
from pipeline.run.output import Json
from pipeline.run.work import Work, decisions
from pipeline.sources.benchmark_index import StoredIndex, store_arrays, store_tables
from pipeline.sources.benchmarks import read_items, read_phrases
from pipeline.stages import decontaminate as stage
from pipeline.stages import token_counts, verdict

IGNORED_SHOWN = 100  # n-grams in the report; all of them are in ignored_ngrams/


class _Benchmarks(NamedTuple):
    stored: StoredIndex
    items: DataFrame
    grams: DataFrame
    counts: Json


def decontaminate(work: Work) -> Json:
    """benchmarks/, contamination/, ignored_ngrams/, edits/, and verdicts/ with token counts."""
    decided = verdict.before("decontaminate", work.read("verdicts"))
    config = work.config.decontaminate
    benchmarks = _index(work, config) if config else None
    texts, tokenizer, share = work.texts(), work.tokenizer, work.config.mixture.token_sample
    stored = benchmarks.stored if benchmarks else None
    hits = work.checkpoint("hits", stage.find_hits(decided.where("kept"), texts, stored, tokenizer, share, work.config.seed))
    if config and benchmarks:
        counts, lost, tokens = _clean(work, config, benchmarks, hits)
        decided = verdict.decide("decontaminate", decided, lost)
    else:
        for name in ("contamination", "ignored_ngrams"):
            work.write(name, work.empty(name))
        work.write_edits(work.edits())
        (work.folder / "benchmarks").mkdir()
        counts, tokens = {"benchmarks": [], "ignored": [], "edited": 0}, hits.select("id", "text_bytes", "token_count")
    if share < 1:
        rates = token_counts.rates(tokens, decided.where("kept"))
        tokens = token_counts.estimated(tokens, decided, rates)
        counts["token_estimates"] = {source: rate._asdict() for source, rate in rates.items()}
    verdicts = work.write("verdicts", verdict.with_tokens(decided, tokens.select("id", "token_count")), narrow=True)
    counts |= decisions(verdicts)
    n_lost = sum(sum(reasons.values()) for reasons in counts["dropped"].get("decontaminate", {}).values())
    work.say(f"{counts['edited']:,} documents cut, {n_lost:,} dropped, {sum(counts['tokens'].values()):,} tokens kept")
    return counts


def _index(work: Work, config: Decontaminate) -> _Benchmarks:
    """benchmarks/, and beside it, until the stage is published, the arrays that workers map."""
    started = time.monotonic()
    paths = {key: [file.path for file in work.inputs.get(key, [])] for key in (BENCHMARKS, IGNORED)}
    items = read_items(paths[BENCHMARKS], config.text_fields)
    found = stage.index_items(items, config.ngram, config.chinese, read_phrases(paths[IGNORED]))
    index = build_index(found.grams, found.head)
    stored = store_arrays(index, work.folder / "_checkpoints" / "index")
    store_tables(found.items, found.grams, work.folder / "benchmarks")
    counts = {
        "ngrams": len(index.heads), "bytes": sum(array.nbytes for array in index[1:]),
        "seconds": round(time.monotonic() - started, 2),
    }  # fmt: skip
    return _Benchmarks(stored, work.staged("benchmarks/items"), work.staged("benchmarks/ngrams"), counts)


def _clean(
    work: Work, config: Decontaminate, benchmarks: _Benchmarks, hits: DataFrame
) -> tuple[Json, DataFrame, DataFrame]:
    """Counts, the documents lost (id, drop_reason), and the tokens of all (id, token_count)."""
    stored, items, grams, counts = benchmarks
    texts, tokenizer = work.texts(), work.tokenizer
    places, common = stage.collisions(hits, config.max_documents)
    common = work.checkpoint("common", common)
    places = work.checkpoint("places", places)
    settings = stage.Settings(
        config.window, config.min_fragment, config.max_fragments, config.mode, config.fragments == "split"
    )
    cut = work.checkpoint("cuts", stage.cuts(places, common, texts, stored, settings, tokenizer))
    contamination = work.write("contamination", stage.contamination(places, grams, items), narrow=True)
    ignored = work.write("ignored_ngrams", stage.ignored_ngrams(hits, common, grams, items, texts), narrow=True)
    edits = stage.edit_spans(cut, settings)
    work.write_edits(work.edits().unionByName(edits))
    shown = ignored.select("text", "documents").distinct().orderBy(F.desc("documents"), "text").limit(IGNORED_SHOWN)
    documents = contamination.groupBy("benchmark", "split").agg(F.count_distinct("id").alias("documents"))
    seen = stage.seen(places, common, grams, items).join(documents, ["benchmark", "split"], "left")
    return (
        {
            "index": counts,
            "benchmarks": [row.asDict() for row in seen.fillna(0).orderBy("benchmark", "split").collect()],
            "ignored": [row.asDict() for row in shown.collect()],
            "edited": edits.select("id").distinct().count(),
        },
        stage.dropped(cut, settings),
        stage.recounted(hits, cut, settings),
    )
