"""`dedup.index`: what other runs have published, to deduplicate against; a run adds its documents as its last step.

INDEX/run=<name>/*.parquet   id, page, text_hash, signature, band_keys of a run's kept documents (schema.INDEXED)
INDEX/run=<name>/_run.json   what they were signed with, the runs they were deduplicated against, and the fingerprint

A run never meets its own entries, nor those of runs that have met them: their documents went because its own were there.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from pipeline.config import Config, Dedup
from pipeline.errors import ConfigError
from pipeline.run.output import Json, Output, write_json
from pipeline.schema import INDEXED, SIGNATURES, STRING, VERDICTS
from pipeline.similar_pairs import band_keys
from pipeline.stages import deduplicate as stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ABOUT = "_run.json"


def run_name(output: Path) -> str:
    """The name of an output's entries: its folder's, and a hash of the whole path."""
    return f"{output.name}-{hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:8]}"


def others(index: str, output: Path, dedup: Dedup) -> list[str]:
    """The names of the runs in an index that this run is deduplicated against; ConfigError if they were signed otherwise."""
    own, found = run_name(output), []
    for path in sorted(Path(index).glob(f"run=*/{_ABOUT}")):
        about, name = json.loads(path.read_text(encoding="utf-8")), path.parent.name.removeprefix("run=")
        if name == own or own in about["against"]:
            continue
        if about["signed"] != _signed(dedup):
            raise ConfigError(f"dedup.index: {path.parent} was signed with {about['signed']}; this run has {_signed(dedup)}")
        found.append(name)
    return found


def entries(spark: "SparkSession", index: str, names: list[str]) -> "DataFrame | None":
    """id (`<run>/<id>`), page, text_hash, signature of the documents of these runs."""
    if not names:
        return None
    schema = StructType([*INDEXED.fields, StructField("run", STRING)])
    rows = spark.read.schema(schema).parquet(Path(index).absolute().as_uri()).where(F.col("run").isin(names))
    return rows.select(F.concat("run", F.lit("/"), "id").alias("id"), "page", "text_hash", "signature")


def add(config: Config, output: Output, open_spark: "Callable[[], SparkSession]") -> None:
    """Puts this run's kept documents into the index, in one step, in place of those of an earlier run of the same output."""
    dedup = config.dedup
    if dedup is None or dedup.index is None:
        return
    stages = output.read_manifest()["stages"]
    folder = Path(dedup.index, f"run={run_name(output.folder)}")
    about = {
        "output": str(output.folder), "signed": _signed(dedup), "against": stages["deduplicate"]["counts"]["against"],
        "fingerprint": stages["decontaminate"]["fingerprint"],
    }  # fmt: skip
    if _read(folder) == about:
        return
    spark = open_spark()
    kept = spark.read.schema(VERDICTS).parquet((output.folder / "verdicts").as_uri()).where("kept").select("id")
    signed = spark.read.schema(SIGNATURES).parquet((output.folder / "signatures").as_uri()).select("id", "signature")
    documents = spark.read.parquet((output.folder / "documents").as_uri()).select("id", "url", "date", "text_hash")
    rows = kept.join(signed, "id").join(documents, "id").select(
        "id", stage.page_key(dedup.urls).alias("page"), "text_hash", "signature",
        band_keys(*dedup.banding).alias("band_keys"),
    )  # fmt: skip
    # Names that readers pass over, and without the `=` that a URI would have to quote.
    partial, old = (folder.with_name(f".{part}-{run_name(output.folder)}") for part in ("adding", "superseded"))
    shutil.rmtree(old, ignore_errors=True)
    rows.write.mode("overwrite").parquet(partial.absolute().as_uri())
    (partial / "_SUCCESS").unlink(missing_ok=True)
    write_json(partial / _ABOUT, about)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _signed(dedup: Dedup) -> Json:
    bands, rows = dedup.banding
    return {"shingle": dedup.shingle, "bands": bands, "rows": rows}


def _read(folder: Path) -> Json:
    try:
        found = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
