"""Read every source once: documents and, for everything else, a row that says why it is none."""

from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.arrow import Texts, column_from
from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.urls import url_keys
from pipeline.schema import DOCUMENTS, DOUBLE, STRING

# The reasons that this stage adds to those of the sources, with the sentence that the report prints.
REASONS = {
    "duplicate_id": "an earlier record of the run has the same id",
    "claimed": "a source of links counts the page; its row in claims/ says which",
    "not_sampled": "left out by the share of the source that `sample` asks for",
}


def ingest(sources: Sequence[DataFrame]) -> DataFrame:
    """outcome, origin, id, url, file, offset, remark of all that the sources tell; each task writes its documents."""
    columns = "outcome", "origin", "id", "url", "file", "offset", "remark"
    return reduce(DataFrame.unionByName, [read.select(*columns) for read in sources])


def rejections(read: DataFrame) -> DataFrame:
    """Rows of REJECTIONS from those of `ingest` whose outcome is `rejected`."""
    return read.select(
        "origin", "file", "offset", F.col("remark").alias("reason"), F.col("id").alias("record_id"), "url"
    )  # fmt: skip


def repeated(documents: DataFrame) -> DataFrame:
    """id, part, origin, file, offset, url of the documents whose id another one has, all but the smallest (file, offset).

    Narrow columns only, so that the shuffle is of ids.
    """
    same = Window.partitionBy("id").orderBy("file", "offset")
    narrow = documents.select("id", "part", "origin", "file", "offset", "url")
    return narrow.withColumn("place", F.row_number().over(same)).where("place > 1").drop("place")


def without(documents: DataFrame, repetitions: DataFrame, parts: Sequence[int], texts: Texts) -> DataFrame:
    """Rows of DOCUMENTS: those of `parts` without `repetitions`, each in the task of its part. No text moves.

    Of `documents` only narrow columns are read; `texts` passes over all of them.
    """
    place = ["id", "part", "file", "offset"]
    kept = documents.where(F.col("part").isin(list(parts))).join(repetitions.select(place), place, "left_anti")
    rows = kept.select("id", "part", "origin", F.col("file").alias("kept_file"), F.col("offset").alias("kept_offset"))
    columns = tuple(name for name in DOCUMENTS.names if name not in ("id", "part", "origin"))
    return texts(rows, columns, _single, DOCUMENTS)


def _single(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Of the documents with an id the one that stays: a part may hold several."""
    stays = pc.and_(
        pc.equal(batch["file"], batch["kept_file"]), pc.equal(batch["offset"], batch["kept_offset"])
    )
    return batch.filter(stays).select(DOCUMENTS.names)


def repetitions(repeated: DataFrame) -> DataFrame:
    """Rows of REJECTIONS for `repeated` documents."""
    reason = F.lit("duplicate_id").alias("reason")
    return repeated.select("origin", "file", "offset", reason, F.col("id").alias("record_id"), "url")


class LinkRule(NamedTuple):
    """WebText's rule: pages of the source `of` whose links have a summed score of `min_score`; `sample`: a share of them."""

    of: str
    min_score: float
    sample: float


def _draw(urls: pa.Array, seed: int) -> pa.Array:
    return pa.array(unit_interval(seed, "sample of a source", urls))


def linked(links: DataFrame, rules: Mapping[str, LinkRule], seed: int) -> DataFrame:
    """origin, url, score: the URLs of each list whose links reach its min_score together. `links`: rows of LINKS."""
    exact = F.sum(F.col("score").cast("decimal(28,6)"))  # the same sum in any order
    sums = links.where("reason IS NULL").groupBy("origin", "url").agg(exact.cast("double").alias("score"))
    drawn = column_from(partial(_draw, seed=seed), DOUBLE)("url")
    wanted = F.lit(False)
    for name, rule in rules.items():
        enough = F.col("score") >= rule.min_score
        wanted |= (F.col("origin") == name) & enough & (drawn < rule.sample if rule.sample < 1 else F.lit(True))
    return sums.where(wanted)


def claims(linked: DataFrame, documents: DataFrame, rules: Mapping[str, LinkRule]) -> DataFrame:
    """Rows of CLAIMS: every capture of a linked page, for the first in `rules` of the sources that link to it.

    `documents`: id, origin, url.
    """
    keyed = documents.select("id", "origin", column_from(url_keys, STRING)("url").alias("url"))
    by_list = linked.select(F.col("origin").alias("source"), "url")
    first = F.coalesce(*(F.when(F.col("source") == name, k) for k, name in enumerate(rules)))
    of = F.coalesce(*(F.when(F.col("source") == name, rule.of) for name, rule in rules.items()))
    pages = keyed.join(by_list, "url").where(F.col("origin") == of).withColumn("place", first)
    return pages.groupBy("id", "origin").agg(F.min_by("source", "place").alias("source"))


def link_rejections(links: DataFrame) -> DataFrame:
    """Rows of REJECTIONS for what a list of links holds beside links."""
    nothing = F.lit(None).cast("string")
    wrong = links.where("reason IS NOT NULL")
    return wrong.select("origin", "file", "offset", "reason", nothing.alias("record_id"), nothing.alias("url"))
