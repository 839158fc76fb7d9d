"""The README.md of a corpus, with the YAML header that Hugging Face reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.shards import ShardInfo


@dataclass(frozen=True, slots=True)
class SourceShare:
    """What the corpus holds of one source."""

    source: str
    documents: int  # distinct
    rows: int  # documents, each counted as often as it is in
    tokens: int  # of the rows
    epochs: float  # tokens / tokens of all kept documents of the source
    asked_weight: float  # normalised


def dataset_card(
    title: str,
    languages: Sequence[str],
    tokenizer: str,
    sources: Sequence[SourceShare],
    shards: Sequence[ShardInfo],
    validation: Sequence[ShardInfo] = (),
) -> str:
    """Header, table of sources and how to load, as Markdown. `license: other` stands until a person knows better.

    >>> shard = ShardInfo("shard-00000-of-00001.parquet", 3, 600, 1200, "0" * 64)
    >>> card = dataset_card("mine", ["en", "no"], "gpt2", [SourceShare("wiki", 2, 3, 600, 1.5, 1.0)], [shard])
    >>> print(card.split("# mine")[0])
    ---
    pretty_name: "mine"
    license: other
    language: ["en", "no"]
    task_categories: ["text-generation"]
    configs:
      - config_name: default
        data_files:
          - split: train
            path: "shard-*.parquet"
    ---
    >>> "| wiki | 100.0 % | 100.0 % | 600 | 3 | 2 | 1.50 |" in card
    True
    """
    total = sum(share.tokens for share in sources)
    suffix = shards[0].name.partition(".")[2]  # parquet, jsonl.zst
    held_out = f"""
`validation/` holds {sum(shard.tokens for shard in validation):,} tokens in {sum(shard.rows for shard in validation):,} rows
that are in no shard of the training split; equal texts, and whole clusters of duplicates, are on one side.
"""
    header = [
        f"pretty_name: {_quoted(title)}",
        "license: other",  # each source has its own
        f"language: [{', '.join(map(_quoted, languages))}]",  # quoted: YAML 1.1 reads no, Norwegian, as false
        'task_categories: ["text-generation"]',
        "configs:",
        "  - config_name: default",
        "    data_files:",
        "      - split: train",
        f'        path: "shard-*.{suffix}"',
    ]
    if validation:
        header += ["      - split: validation", f'        path: "validation/shard-*.{suffix}"']
    table = [
        "| source | weight asked | weight | tokens | rows | documents | epochs |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ] + [
        f"| {_cell(share.source)} | {share.asked_weight:.1%} | {share.tokens / (total or 1):.1%} | {share.tokens:,} "
        f"| {share.rows:,} | {share.documents:,} | {share.epochs:.2f} |".replace("%", " %")
        for share in sources
    ]
    n_rows, size = sum(shard.rows for shard in shards), sum(shard.bytes for shard in shards)
    text = f"""
# {_cell(title)}

{n_rows:,} rows, {total:,} tokens ({tokenizer}), {size:,} bytes in {len(shards):,} shards, made with taojin.

{chr(10).join(table)}

A row is one copy of a document: `copy` counts from 0, `(id, copy)` is unique, and `copy = 0` gives each document once.
Rows stand in one seeded random order over all shards, so reading them in order mixes the sources evenly.
`manifest.json` has rows, tokens, bytes and SHA-256 of each shard.
{held_out if validation else ""}
```python
from datasets import load_dataset

corpus = load_dataset("{"parquet" if suffix == "parquet" else "json"}", data_files="shard-*.{suffix}", split="train")
```
"""
    return "\n".join(["---", *header, "---", text])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string


def _cell(text: str) -> str:
    """One line that breaks neither a table nor a heading."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
