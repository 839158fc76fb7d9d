"""What a stage's step works with: the session, the config, the published tables, and its own staging folder."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipeline.config import Config
from pipeline.kernels.tokens import Tokenizer
from pipeline.run.fingerprint import Inputs
from pipeline.run.output import Json, Output
from pipeline.run.tokenizer import load_tokenizer
from pipeline.schema import (
    CLAIMS,
    CONTAMINATION,
    DOCUMENTS,
    DUPLICATES,
    EDITS,
    IGNORED_NGRAMS,
    REJECTIONS,
    SIGNATURES,
    STAGES,
    VERDICTS,
)
from pipeline.sources.documents import DocumentTexts

SCHEMAS = {
    "documents": DOCUMENTS,
    "claims": CLAIMS,
    "rejected": REJECTIONS,
    "verdicts": VERDICTS,
    "signatures": SIGNATURES,
    "duplicates": DUPLICATES,
    "contamination": CONTAMINATION,
    "ignored_ngrams": IGNORED_NGRAMS,
    "edits": EDITS,
}


class Work:
    """One stage at work. `say` adds to the line that the terminal shows of it."""

    def __init__(
        self,
        stage: str,
        config: Config,
        output: Output,
        spark: SparkSession,
        inputs: Inputs,
        say: Callable[[str], None],
    ) -> None:
        self.config, self.output, self.spark, self.inputs, self.say = config, output, spark, inputs, say
        self._before = STAGES[: STAGES.index(stage)]
        self.folder: Path = output.begin(stage)
        self.checkpoints: dict[str, DataFrame] = {}

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """By which tokens are counted."""
        return load_tokenizer(self.config.mixture.tokenizer)

    @property
    def references(self) -> list[str]:
        """The trusted sources."""
        return [name for name, source in self.config.sources.items() if source.role == "reference"]

    @property
    def raw(self) -> list[str]:
        """The sources that rules and classifier filter."""
        return [name for name, source in self.config.sources.items() if source.role == "raw"]

    @property
    def links(self) -> list[str]:
        """The sources of links, which count pages that others read."""
        return [name for name, source in self.config.sources.items() if source.format == "links"]

    def with_source(self, rows: DataFrame) -> DataFrame:
        """rows (id, origin, …) + source: the one that counts the document."""
        if not self.links:
            return rows.withColumn("source", F.col("origin"))
        claimed = rows.join(self.read("claims").select("id", "source"), "id", "left")
        return claimed.withColumn("source", F.coalesce("source", "origin"))

    def read(self, table: str, schema: StructType | None = None) -> DataFrame:
        """A published table; the schema of those in schema.py is known and not looked up."""
        return self._read(self.output.folder / table, schema or SCHEMAS.get(table))

    def staged(self, table: str) -> DataFrame:
        """A table that this stage has written."""
        return self._read(self.folder / table, SCHEMAS.get(table))

    def empty(self, table: str) -> DataFrame:
        """A table of schema.py without rows."""
        return self.spark.createDataFrame([], SCHEMAS[table])

    def write(self, table: str, frame: DataFrame, *, narrow: bool = False) -> DataFrame:
        """Writes a table of this stage and reads it back. `narrow`: adaptive execution may join it into few files."""
        self._write(frame.hint("rebalance") if narrow else frame, self.folder / table)
        return self._read(self.folder / table, SCHEMAS.get(table) or frame.schema)

    def write_partitioned(self, table: str, frame: DataFrame, columns: Sequence[str]) -> DataFrame:
        """Writes a table of folders by the values of `columns` and reads it back."""
        self._write(frame, self.folder / table, columns)
        return self._read(self.folder / table, frame.schema)

    def checkpoint(self, name: str, frame: DataFrame) -> DataFrame:
        """pipeline.arrow.Checkpoint: a table that goes when the stage is published."""
        path = self.folder / "_checkpoints" / name
        self._write(frame, path)
        self.checkpoints[name] = self._read(path, frame.schema)
        return self.checkpoints[name]

    def texts(self) -> DocumentTexts:
        """The text pass over documents/, with the edits of the stages before."""
        return DocumentTexts(str(self.output.folder / "documents"), str(self.output.folder / "edits"), self._before)

    def edits(self) -> DataFrame:
        """edits/ as the stages before left it."""
        return self.read("edits").where(F.col("stage").isin(list(self._before)))

    def write_edits(self, frame: DataFrame) -> DataFrame:
        """Writes edits/ (rows of EDITS) as a file a part, where the text pass finds them, and reads it back."""
        return self.write("edits", frame.select(*EDITS.names).repartitionById(self.texts().n_parts, "part"))

    def _read(self, path: Path, schema: StructType | None) -> DataFrame:
        reader = self.spark.read if schema is None else self.spark.read.schema(schema)
        return reader.parquet(path.as_uri())

    def _write(self, frame: DataFrame, path: Path, columns: Sequence[str] = ()) -> None:
        frame.write.mode("overwrite").partitionBy(*columns).parquet(path.as_uri())
        (path / "_SUCCESS").unlink(missing_ok=True)  # the manifest says what is whole


def decisions(verdicts: DataFrame) -> Json:
    """What the manifest keeps of verdicts/: `dropped` by stage, source and reason, and `kept` by source; one Spark job."""
    rows = verdicts.groupBy("kept", "stage", "source", "drop_reason").agg(F.count(F.lit(1)), F.sum("token_count"))
    dropped: dict[str, dict[str, dict[str, int]]] = {}
    kept: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for is_kept, stage, source, reason, n, n_tokens in rows.collect():
        if is_kept:
            kept[source], tokens[source] = n, n_tokens or 0
        else:
            dropped.setdefault(stage, {}).setdefault(source, {})[reason] = n
    return {"dropped": dropped, "kept": kept, "tokens": tokens}


def edit_sums() -> list[Column]:
    """documents, edits, removed and written (characters): aggregates over rows of EDITS."""
    return [
        F.count_distinct("id").alias("documents"), F.count(F.lit(1)).alias("edits"),
        F.sum(F.col("end") - F.col("start")).alias("removed"), F.sum(F.length("replacement")).alias("written"),
    ]  # fmt: skip
