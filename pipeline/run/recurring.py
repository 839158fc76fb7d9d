"""What `deduplicate` does about recurring lines and paragraphs: spans in edits/, and the documents that they were all of."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.run.output import Json
from pipeline.run.work import Work, edit_sums
from pipeline.sources.documents import DocumentTexts
from pipeline.stages import recurring as stage

SHOWN, EXCERPT = 10, 200  # lines in the report, and their code points


def take_out(work: Work, kept: DataFrame) -> tuple[DataFrame | None, Json]:
    """Writes edits/. id, drop_reason of the documents (id, part, origin, word_count) of which nothing is left, or None
    where the config takes nothing out; and what the manifest keeps.
    """
    config = work.config.dedup and work.config.dedup.recurring
    if not config:
        _carry_on(work)
        return None, {"edits": {}, "recurring": []}
    settings = stage.Settings(config.unit, config.max_documents, config.keep_first, config.min_words)
    read = [name for name, source in work.config.sources.items() if source.role == "raw"]
    grouped = kept.where(F.col("origin").isin(read))
    if config.within == "host":
        hosts = work.read("documents").select("id", "host").where("host IS NOT NULL")
        grouped = grouped.join(hosts, "id").withColumnRenamed("host", "group")
    else:
        grouped = grouped.withColumn("group", F.col("origin"))
    grouped = work.checkpoint("grouped-by-" + config.within, grouped)
    lines = work.checkpoint("lines", stage.find_lines(grouped, work.texts(), settings))
    keys = work.checkpoint("crowded-lines", stage.crowded(lines, settings))
    taken = work.checkpoint("taken-lines", stage.taken_out(lines, keys, settings))
    rows = work.edits().unionByName(stage.edit_rows(grouped, taken, settings))
    sums = work.write_edits(rows).where("stage = 'deduplicate'").groupBy("reason").agg(*edit_sums()).collect()
    stored = DocumentTexts(str(work.output.folder / "documents"))
    most = stage.most(keys, lines, grouped, stored, SHOWN)
    counts = {
        "edits": {row["reason"]: row.asDict() for row in sums},
        "recurring": [{"documents": n, "text": text[:EXCERPT]} for n, text in most],
    }
    return stage.emptied(grouped, taken), counts


def _carry_on(work: Work) -> None:
    """edits/ as the stages before left it."""
    if any((work.output.folder / "edits").glob("*.parquet")):
        work.write_edits(work.edits())
    else:
        (work.folder / "edits").mkdir()
