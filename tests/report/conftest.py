"""A made-up run, as large and as uneven as a real one."""

import itertools

import pytest

from pipeline.report.counts import Counts, FunnelRow, LanguageCounts, SourceCounts, StageTime
from pipeline.report.finding_counts import (
    Collision,
    ContaminationCounts,
    DuplicateCounts,
    DuplicatePair,
    IgnoredNgram,
    LargestCluster,
    RecurringText,
)
from pipeline.report.mixture_counts import HeldOut, HeldOutRow, Mixture, MixtureRow, QualityBucket, Shards
from pipeline.report.score_counts import QualityCounts, Sample, ScoreHistogram

# stage: {source: dropped by reason}; what enters the first stage is DOCUMENTS
DOCUMENTS = {"common_crawl": 61_204, "webtext": 2_310, "books": 412, "wikipedia": 9_877}
DROPPED = {
    "language": {
        "common_crawl": {"language": 18_377, "language_score": 1_204},
        "webtext": {"language": 31},
        "books": {},
        "wikipedia": {"language": 2},
    },
    "filters": {
        "common_crawl": {
            "too_few_words": 9_412,
            "duplicate_lines": 3_120,
            "symbol_to_word_ratio": 871,
            "stop_words": 655,
            "bullet_lines": 214,
        },
    },
    "quality": {"common_crawl": {"quality_draw": 17_940}},
    "deduplicate": {
        "common_crawl": {"near_duplicate": 2_011, "exact_duplicate": 640, "url_duplicate": 12},
        "webtext": {"near_duplicate": 120},
        "books": {"near_duplicate": 9},
        "wikipedia": {"near_duplicate": 88, "exact_duplicate": 4},
    },
    "decontaminate": {
        "common_crawl": {"contaminated": 7},
        "webtext": {"contaminated": 1},
        "books": {},
        "wikipedia": {"contaminated": 3},
    },
}


def funnel() -> tuple[FunnelRow, ...]:
    rejected = {"no_text": 2_417, "not_html": 8_806, "status": 3_110, "undecodable": 4}
    rows = [FunnelRow("ingest", "common_crawl", DOCUMENTS["common_crawl"] + sum(rejected.values()),
                      DOCUMENTS["common_crawl"], rejected)]  # fmt: skip
    rows += [FunnelRow("ingest", source, n, n) for source, n in DOCUMENTS.items() if source != "common_crawl"]
    left = dict(DOCUMENTS)
    for stage, sources in DROPPED.items():
        for source, reasons in sources.items():
            kept = left[source] - sum(reasons.values())
            rows.append(FunnelRow(stage, source, left[source], kept, reasons))
            left[source] = kept
    return tuple(rows)


def mixture() -> Mixture:
    row = MixtureRow
    return Mixture(
        20_000_000,
        "gpt2",
        (
            row("common_crawl", 0.60, 0.5941, 6_741, 27_310_442, 11_881_188, 11_880_941, 2_938, 0.6065,
                0.5941, 0.44, 0.44, "the prefix of the hash order nearest to the quota"),
            row("webtext", 0.22, 0.2178, 2_158, 1_530_200, 4_356_436, 4_356_102, 6_142, 0.2224, 0.2178, 2.85, 2.85,
                buckets=(QualityBucket(0.0, 1.0, 1_000, 600_200, 1_100_000, 1_099_870),
                         QualityBucket(0.8, 2.5, 1_150, 929_000, 3_255_000, 3_254_800),
                         QualityBucket(None, 1.0, 8, 1_000, 1_436, 1_432))),
            row("books", 0.16, 0.1584, 403, 4_102_933, 3_168_317, 2_754_118, 311, 0.1406, 0.1406, 0.77, 0.67,
                "the next book is 828,400 tokens long: leaving it out is nearer"),
            row("wikipedia", 0.03, 0.0297, 9_780, 198_004, 594_059, 598_511, 29_561, 0.0306, 0.0297, 3.0, 3.02),
        ),
        Shards(3, 38_952, 19_589_672, 22_518_344, 8_000_000),
        "weights",
        HeldOut(
            200_000,
            (HeldOutRow("common_crawl", 118_812, 61, 118_990),
             HeldOutRow("books", 31_683, 0, 0, "validation: books holds 4.10 M tokens")),
            Shards(1, 61, 118_990, 141_004, 8_000_000),
        ),
    )  # fmt: skip


def histogram(seed: int) -> ScoreHistogram:
    edges = tuple(round(0.05 * k, 2) for k in range(21))
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    raw = tuple(int(4_000 * (1 - s) ** 2 * (s + 0.05 * seed) + 260 * s**6) for s in middles)
    return ScoreHistogram(
        edges,
        references=tuple(int(90 * s**4 * 10) for s in middles),
        raw=raw,
        kept=tuple(int(n * (2 - s) ** -3) for n, s in zip(raw, middles, strict=True)),
    )


def samples() -> dict[str, tuple[Sample, ...]]:
    river = (
        "The first miners knelt at the bend where the river slows. A pan of gravel, a turn of the wrist, and "
        "the light sand leaves with the water; what is heavy stays.\n\nBy noon there was a spoonful of black sand, "
        "and in it, on a good day, three specks of gold."
    )
    chinese = (
        "淘金的人跪在河湾处，水流在那里变缓。盘子一转，轻的沙子随水而去，重的留下来。"
        "到了中午，盘底剩下一勺黑沙，运气好的时候，里面有三粒金子。"
    )
    return {
        "kept": (
            Sample(
                "urn:uuid:0c6d8a52-19c1-4f0e-9a51-1c3f6c1d2e01", "https://rivers.example/panning/first-day.html", river
            ),
            Sample("urn:uuid:5b1f3c77-0a2c-4d7e-8b0e-7f2a9d3c4b02", "https://www.heliu.example/淘金/第一课", chinese),
        ),
        "too_few_words": (
            Sample("urn:uuid:aa01", "https://shop.example/cart?item=4411", "Your cart is empty. Continue shopping."),
            Sample("urn:uuid:aa02", "http://forum.example/login", "Please log in to see this page."),
        ),
        "language": (
            Sample("urn:uuid:ab01", "https://fluss.example/gold", "Wer Gold sucht, braucht Geduld und Wasser."),
        ),
        "quality_draw": (
            Sample(
                "urn:uuid:ac01",
                "https://deals.example/",
                "BEST price gold pan!!! Buy now cheap gold pan best gold pan.",
            ),
            Sample(
                "urn:uuid:ac02", "https://youhui.example/", "特价淘金盘，全网最低价，点击购买，点击购买，点击购买。"
            ),
        ),
        "near_duplicate": (Sample("urn:uuid:ad01", "https://mirror.example/panning/first-day.html", river),),
        "contaminated": (
            Sample("urn:uuid:ae01", "https://quiz.example/7", "Question 7: which of these metals is heaviest?"),
        ),
    }


@pytest.fixture
def counts() -> Counts:
    config = {
        "output": "out/rivers",
        "seed": 20200528,
        "sources": {"common_crawl": {"format": "warc", "paths": ["crawl/*.warc.gz"], "role": "raw"}},
        "quality": {"select": {"rule": "pareto", "alpha": 3}},
        "mixture": {"token_budget": 20_000_000, "shard_size": "8MB"},
    }
    return Counts(
        taojin_version="0.1.0",
        output="out/rivers",
        seed=20200528,
        finished="2026-05-28",
        config=config,
        sources=(
            SourceCounts("common_crawl", "warc", "raw", 40, 1, 61_204,
                         {"response": 75_541, "request": 75_541, "metadata": 75_541, "warcinfo": 40},
                         {"not_html": 8_806, "status": 3_110, "no_text": 2_417, "undecodable": 4}),
            SourceCounts("webtext", "links", "reference", 2, 0, 2_310, {"row": 4_120}),
            SourceCounts("books", "epub", "reference", 412, 0, 412, {"file": 412}),
            SourceCounts("wikipedia", "mediawiki", "reference", 1, 0, 9_877, {"page": 9_877}),
        ),
        funnel=funnel(),
        mixture=mixture(),
        languages=(
            LanguageCounts("common_crawl", "en", 31_022, 5_010),
            LanguageCounts("common_crawl", "zh", 10_601, 1_731),
            LanguageCounts("common_crawl", "de", 8_112, 0),
            LanguageCounts("common_crawl", "ja", 6_240, 0),
            LanguageCounts("common_crawl", "other", 5_229, 0),
            LanguageCounts("webtext", "en", 2_310, 2_158),
            LanguageCounts("books", "en", 380, 371),
            LanguageCounts("books", "zh", 32, 32),
            LanguageCounts("wikipedia", "en", 6_021, 5_970),
            LanguageCounts("wikipedia", "zh", 3_856, 3_810),
        ),
        quality=(
            QualityCounts("en", 8_711, 21_440, 3_015, "pareto", 0.971, 3.0, 0.343, 0.3391, histogram(1),
                          ("however", "river", "century", "according", "which")),
            QualityCounts("zh", 3_888, 6_102, 999, "pareto", 0.958, 3.0, 0.351, 0.3688, histogram(3),
                          ("河流", "世纪", "因此"),
                          ("fewer than 5,000 references: the score's upper end is coarse",)),
        ),
        duplicates=DuplicateCounts(
            1_702, 644, 2_228, 3_120, 2_906,
            (
                DuplicatePair("common_crawl", "common_crawl", 2_411),
                DuplicatePair("wikipedia", "common_crawl", 252),
                DuplicatePair("webtext", "webtext", 120),
                DuplicatePair("wikipedia", "wikipedia", 92),
            ),
            (
                LargestCluster("urn:uuid:c1", 214, "https://licence.example/apache-2.0", "Apache License, Version 2.0"),
                LargestCluster("urn:uuid:c2", 61, "https://news.example/2019/storm", "A storm reached the coast"),
            ),
            recurring=(RecurringText(412, "All rights reserved by the miners of the river"),),
        ),
        contamination=(
            ContaminationCounts("mmlu", "test", 14_042, 12, 9, 66, 3, 938_345, 9_383),
            ContaminationCounts("gsm8k", "test", 1_319, 0, 0),
            ContaminationCounts("cmmlu", "test", 11_582, 4, 2),
        ),
        collisions=(
            Collision("mmlu", "test", "mmlu/astronomy/7", "urn:uuid:d1", "https://quiz.example/stars", 12_040, 12_130),
        ),
        ignored_ngrams=(
            IgnoredNgram("which of the following is the best description of the process by which", 41),
        ),
        cut_documents=8,
        dropped_documents=11,
        stages=(
            StageTime("ingest", 412.2, bytes_written=310_400_000),
            StageTime("train_quality", 31.4),
            StageTime("annotate", 96.0, resumed=True),
            StageTime("verdict", 4.2, bytes_written=2_010_000),
            StageTime("deduplicate", 22.8, bytes_written=1_200_000, bytes_shuffled=48_000_000),
            StageTime("decontaminate", 12.5),
            StageTime("mix", 48.1, bytes_written=22_518_344, bytes_shuffled=61_000_000),
        ),
        warnings=(
            "books: realised 14.1 % of 15.8 % asked, because one book of 828,400 tokens stands at the quota.",
            "common_crawl, zh: the filter stop_words drops 3 % of the documents, ten times its share in en.",
        ),
        samples=samples(),
        rejection_reasons={
            "not_html": "The response is no HTML page.",
            "status": "The server's status is not 200.",
            "no_text": "The page has no main text.",
            "undecodable": "No charset makes text of its bytes.",
            "language": "The text is in a language that is not asked for.",
            "language_score": "The language is recognised with less certainty than min_score.",
            "too_few_words": "The text has fewer than 50 words (Gopher).",
            "duplicate_lines": "More than 30 % of the lines repeat others (Gopher).",
            "symbol_to_word_ratio": "More than one # or … to ten words (Gopher).",
            "stop_words": "Fewer than two of the commonest words (Gopher).",
            "bullet_lines": "More than 90 % of the lines begin with a bullet (Gopher).",
            "quality_draw": "The draw of the Pareto rule went against the quality score.",
            "near_duplicate": "Another document of its cluster was preferred.",
            "exact_duplicate": "Another document has the same text.",
            "url_duplicate": "Another capture of the same page was preferred.",
            "contaminated": "Benchmark items cut it into more than ten pieces.",
        },
    )  # fmt: skip
