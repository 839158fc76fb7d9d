"""The columns of every table, once.

`origin` is the source that read a document; `source` the one that counts it. `part` is the number of the documents
file that a row belongs to (`documents/origin=*/part-00012-*.parquet` is part 12), so that a pass which needs text reads
one file together with its own narrow rows.

`StructType` is used rather than DDL strings because a DDL string at import time needs a running JVM.
"""

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
)

STRING, LONG, INT, DOUBLE, BOOL, BINARY = (
    StringType(), LongType(), IntegerType(), DoubleType(), BooleanType(), BinaryType(),
)  # fmt: skip
METADATA = MapType(STRING, STRING)


def table(required: dict[str, DataType], optional: dict[str, DataType] | None = None) -> StructType:
    fields = [StructField(name, kind, nullable=False) for name, kind in required.items()]
    return StructType(fields + [StructField(name, kind) for name, kind in (optional or {}).items()])


# What a source yields: one row a document, a rejection, or a count of records (outcome says which).
#   document  text, language, language_score and text_hash are set; remark: null, or what was unusual in reading it
#   rejected  text is null; id is the record's own or null; remark is the reason
#   counted   id is the record type, offset the number of such records in `file`
#   written   id is a file that the task wrote, offset the number of documents in it (sources.parts)
DOCUMENT, REJECTED, COUNTED, WRITTEN = "document", "rejected", "counted", "written"
INGESTED = table(
    {"outcome": STRING, "origin": STRING},
    {
        "id": STRING, "url": STRING, "host": STRING, "dump": STRING, "date": STRING, "text": STRING,
        "language": STRING, "language_score": DOUBLE, "text_hash": STRING,
        "file": STRING, "offset": LONG, "length": LONG, "remark": STRING, "metadata": METADATA,
    },
)  # fmt: skip

# documents/, whose folders give `origin`.
DOCUMENTS = StructType(
    [StructField("part", INT, nullable=False)]
    + [field for field in INGESTED.fields if field.name not in ("outcome", "origin")]
    + [StructField("origin", STRING, nullable=False)]
)

# What a source of format `links` yields: `url` is its key (kernels.urls), or null and `reason` says what is wrong.
LINKS = table({"origin": STRING}, {"url": STRING, "score": DOUBLE, "file": STRING, "offset": LONG, "reason": STRING})

# The pages that a source of links counts: `origin` has read them, `source` counts them. Only claimed pages have a row.
CLAIMS = table({"id": STRING, "origin": STRING, "source": STRING})

REJECTIONS = table(
    {"origin": STRING, "file": STRING, "offset": LONG, "reason": STRING}, {"record_id": STRING, "url": STRING}
)

# What `extract.engine` and the data source `warc` may name.
ENGINES = ("blocks", "resiliparse", "trafilatura", "whole_page")

SIGNATURES = table({"id": STRING, "part": INT, "signature": BINARY})

# A run's entries in dedup.index. `page`: a hash of the URL's key, of the id where captures are not told apart by URLs.
INDEXED = table({"id": STRING, "page": LONG, "text_hash": STRING, "signature": BINARY, "band_keys": ArrayType(LONG)})

VERDICTS = table(
    {"id": STRING, "part": INT, "origin": STRING, "source": STRING, "kept": BOOL},
    {"stage": STRING, "drop_reason": STRING, "token_count": LONG, "copies": INT},
)

DUPLICATES = table(
    {"id": STRING, "cluster_id": STRING, "representative_id": STRING, "similarity": DOUBLE, "kind": STRING}
)

CONTAMINATION = table(
    {"id": STRING, "benchmark": STRING, "split": STRING, "item_id": STRING, "start": LONG, "end": LONG}
)

# n-grams in too many documents to be signs of contamination: a row for each item that has one. `text`: as it stands in a
# document.
IGNORED_NGRAMS = table({"text": STRING, "documents": LONG, "benchmark": STRING, "split": STRING, "item_id": STRING})

# documents.text[start:end], in code points, becomes `replacement`: what `stage` edits, for which reason. Of two edits of a
# document that overlap, one is inside the other and goes with it (kernels.edits.resolved).
EDITS = table({
    "id": STRING, "part": INT, "start": LONG, "end": LONG, "replacement": STRING, "reason": STRING, "stage": STRING,
})  # fmt: skip

CORPUS = table(
    {"text": STRING, "id": STRING},
    {
        "url": STRING, "source": STRING, "dump": STRING, "date": STRING, "language": STRING,
        "language_score": DOUBLE, "quality_score": DOUBLE, "token_count": LONG, "copy": INT,
        "metadata": STRING,  # a JSON object of strings: Hugging Face datasets reads no Parquet file that holds a map
    },
)  # fmt: skip

# The stages, in the order in which they run; these names stand in --until, the manifest, the report and the modules.
STAGES = ("ingest", "train_quality", "annotate", "verdict", "deduplicate", "decontaminate", "mix", "report")
