"""One record's way as text for a terminal of 80 columns: a line a stage, what it saw below."""

import math
import textwrap
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from pipeline.explain.records import Row, Tables
from pipeline.explain.words import moved
from pipeline.kernels.edits import Edit, apply, resolved
from pipeline.kernels.hashing import unit_interval
from pipeline.kernels.quality import keep_chance, rank_keys
from pipeline.report.untrusted import address, name, terminal_width
from pipeline.run.limits import limits_by_language

WIDTH = 80
WORDS = 8  # shown each way of those that moved the score
ITEMS = 10  # collisions and copies shown
_ORDER = ("language", "filters", "quality", "deduplicate", "decontaminate")
_PASSED, _DROPPED, _OPEN = "✓", "✗", "·"


def tell_rejected(row: Row) -> str:
    """A record that gave no document."""
    return _page(
        row["record_id"] or "(a record without an id)", row["url"],
        f"REJECTED in ingest: {name(row['reason'])}",
        [("ingest", _DROPPED, [f"read for {name(row['origin'])}", *_place(row)])],
    )  # fmt: skip


def tell(known: Tables, document: Row) -> str:
    """A document, through every stage that has been run."""
    key = document["id"]
    verdict = known.row("verdicts", key)
    annotations = known.row("annotations", key)
    parts = [("ingest", _PASSED, _ingest(known, document))]
    said = {
        "language": _language(known, document),
        "filters": _filters(known, document, annotations),
        "quality": _quality(known, document, annotations),
        "deduplicate": _deduplicate(known, document),
        "decontaminate": _decontaminate(known, document),
    }
    parts += [(stage, _mark(known, stage, verdict), said[stage]) for stage in _ORDER]
    parts.append(("mix", _PASSED if verdict.get("copies") else _OPEN, _mix(known, verdict)))
    return _page(key, document["url"], _outcome(known, verdict), parts)


def _outcome(known: Tables, verdict: Row) -> str:
    if not verdict:
        return "NOT JUDGED YET: the run has not come to the stage verdict"
    if verdict["kept"]:
        copies = verdict["copies"]
        if not known.done("mix"):
            return "KEPT so far: the run has not come to the stage mix"
        return "KEPT" + (f", {copies} time{'s' if copies > 1 else ''} in the corpus" if copies else ", not in the corpus")
    return f"DROPPED by {verdict['stage']}: {name(verdict['drop_reason'])}"


def _mark(known: Tables, stage: str, verdict: Row) -> str:
    """Dropped by this stage, passed, or not asked: dropped before, or not run yet."""
    published = stage if stage in ("deduplicate", "decontaminate") else "verdict"
    if not verdict or not known.done(published):
        return _OPEN
    if verdict["kept"]:
        return _PASSED
    at = _ORDER.index(verdict["stage"])
    return _DROPPED if _ORDER[at] == stage else _PASSED if _ORDER.index(stage) < at else _OPEN


def _ingest(known: Tables, document: Row) -> list[str]:
    claim = known.row("claims", document["id"])
    counted = f", counted by {name(claim['source'])}, whose links lead to it" if claim else ""
    lines = [f"read by {name(document['origin'])}{counted}", *_place(document)]
    if document["remark"]:
        lines.append(f"remark: {name(document['remark'])}")
    return [*lines, f"{len(document['text']):,} characters: {name(' '.join(document['text'][:200].split()), 100)}"]


def _place(row: Row) -> list[str]:
    if row.get("file") is None:
        return []
    length = f", {row['length']:,} bytes" if row.get("length") else ""
    return [name(row["file"], 300), f"at byte {row['offset']:,}{length}"]


def _language(known: Tables, document: Row) -> list[str]:
    keep = known.config.language.keep
    kept = "all" if keep == "all" else ", ".join(keep)
    limit = known.config.language.min_score
    return [f"{document['language']} {document['language_score']:.3f}; kept: {kept}, from {limit:g} on"]


def _source(known: Tables, document: Row) -> str:
    found: str = known.row("claims", document["id"]).get("source") or document["origin"]
    return found


def _trusted(known: Tables, document: Row) -> bool:
    source = known.config.sources.get(_source(known, document))
    return source is not None and source.role == "reference"


def _filters(known: Tables, document: Row, annotations: Row) -> list[str]:
    if not annotations:
        return ["not measured: " + ("its language is not kept" if known.done("annotate") else "annotate has not run")]
    lines = ["a trusted source: no limit binds it"] if _trusted(known, document) else []
    limits = {} if known.config.filters is None else limits_by_language(known.config)
    mine = limits.get(document["language"], limits.get("default", ()))
    bounds = {limit.metric: limit for limit in mine}
    measured = [metric for metric in annotations if metric not in ("id", "part", "quality_score", "signature")]
    for metric in [*bounds, *(one for one in measured if one not in bounds)]:
        if metric not in annotations:
            continue
        value, limit = annotations[metric], bounds.get(metric)
        said, mark = "", " "
        if limit:
            said = " ".join(f"{side}{bound:,g}" for side, bound in (("≥", limit.min), ("≤", limit.max)) if bound is not None)
            low, high = limit.min is not None and value < limit.min, limit.max is not None and value > limit.max
            mark = _DROPPED if low or high else _PASSED
        lines.append(f"{mark} {metric:<38} {_number(value):>9}  {said}".rstrip())
    return lines


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).lower()


def _quality(known: Tables, document: Row, annotations: Row) -> list[str]:
    quality = known.config.quality
    if quality is None:
        return ["switched off"]
    score = annotations.get("quality_score")
    if score is None or math.isnan(score):
        return ["no score" + (": its language has no classifier, so that it passes" if annotations else "")]
    lines = [f"score {score:.6f}", *_rule(known, document, score)]
    if quality.model:
        return [*lines, f"the score is {name(quality.label)} of {name(quality.model, 200)}"]
    if _trusted(known, document):
        lines.append("a trusted source: the rule does not bind it")
    text = apply(document["text"], resolved(_edits(known, document["id"], ("annotate",))))
    found = moved(known.folder / "quality" / "model.npz", text, document["language"], WORDS)
    if found is None:
        return lines
    lines.append(f"log-odds {found.intercept + found.total:.3f}: {found.intercept:.3f}, and {found.total:+.3f} by its words")
    for title, wanted in (("for", 1), ("against", -1)):
        mine = [one for one in found.largest if one[2] * wanted > 0]
        words = [f"{name(word, 24)}{f' x{n}' if n > 1 else ''} {part:+.3f}" for word, n, part in mine]
        if words:
            lines.append(f"{title}: " + ", ".join(words))
    return lines


def _rule(known: Tables, document: Row, score: float) -> list[str]:
    assert known.config.quality is not None
    select = known.config.quality.select.model_dump()
    draw = float(unit_interval(known.config.seed, "quality", pa.array([document["text_hash"]]))[0])
    chosen = known.manifest["stages"].get("verdict", {}).get("counts", {}).get("quality", {})
    if select["rule"] == "pareto":
        alpha = chosen.get("alphas", {}).get(document["language"]) if select["alpha"] == "fit" else select["alpha"]
        if alpha is None:
            return []
        chance = float(keep_chance(pa.array([score]).to_numpy(), alpha)[0])
        is_less = "<" if draw < chance else ">="
        return [f"chance {chance:.6f} = (2 - score)^-{alpha:g}", f"draw   {draw:.6f} {is_less} chance"]
    if select["rule"] == "threshold":
        return [f"limit {select['min']:g}"]
    if select["rule"] == "top_fraction":
        cut = chosen.get("cuts", {}).get(document["language"])
        mine = rank_keys(pa.array([score]), pa.array([document["text_hash"]]))[0].as_py()
        side = "" if cut is None else (": it is above the cut" if mine <= cut else ": it is below the cut")
        return [f"the best {select['keep']:.1%} of its language{side}"]
    return ["rule none: no score drops a document"]


def _edits(known: Tables, key: str, stages: Iterable[str]) -> list[Edit]:
    rows = known.rows("edits", ds.field("id") == key)
    return [
        Edit(row["start"], row["end"], row["replacement"], row["reason"]) for row in rows if row.get("stage") in set(stages)
    ]


def _deduplicate(known: Tables, document: Row) -> list[str]:
    if not known.done("deduplicate"):
        return ["not run"]
    return [*_cluster(known, document), *_cut(known, document["id"], "deduplicate")]


def _cluster(known: Tables, document: Row) -> list[str]:
    row = known.row("duplicates", document["id"])
    if not row:
        return ["no duplicate found"]
    members = known.rows("duplicates", ds.field("cluster_id") == row["cluster_id"])
    size = f"a cluster of {len(members):,}"
    if row["representative_id"] == row["id"]:
        others = [_named(known, one["id"], one) for one in members if one["id"] != row["id"]]
        more = [f"and {len(others) - ITEMS:,} more"] if len(others) > ITEMS else []
        return [f"it stands for {size}; gone for it:", *others[:ITEMS], *more]
    kept = _named(known, row["representative_id"], {})
    return [f"{row['kind']} duplicate, similarity {row['similarity']:.3f}, in {size}; in its place stands", kept]


def _named(known: Tables, key: str, row: Row) -> str:
    other = known.row("documents", key, ("id", "url", "origin"))
    alike = f" ({row['kind']}, {row['similarity']:.3f})" if row else ""
    return f"{name(key, 70)}{alike} {address(other.get('url') or '')}".rstrip()


def _decontaminate(known: Tables, document: Row) -> list[str]:
    if not known.done("decontaminate"):
        return ["not run"]
    if known.config.decontaminate is None:
        return ["switched off"]
    rows = known.rows("contamination", ds.field("id") == document["id"])
    lines = [
        f"{name(row['benchmark'])} {name(row['split'])} {name(row['item_id'])}: "
        f"“{name(' '.join(document['text'][row['start'] : row['end']].split()), 90)}”"
        for row in sorted(rows, key=lambda row: (row["start"], row["item_id"]))[:ITEMS]
    ]
    if len(rows) > ITEMS:
        lines.append(f"and {len(rows) - ITEMS:,} more collisions")
    lines += _cut(known, document["id"], "decontaminate")
    return lines or ["no benchmark item found"]


def _cut(known: Tables, key: str, stage: str) -> list[str]:
    cut = _edits(known, key, (stage,))
    n = sum(edit.end - edit.start for edit in cut)
    return [f"{n:,} characters cut in {len(cut):,} places ({name(cut[0].reason)})"] if cut else []


def _mix(known: Tables, verdict: Row) -> list[str]:
    if not known.done("mix"):
        return ["not run"]
    if not verdict.get("kept"):
        return ["not asked"]
    tokens = f"{verdict['token_count'] or 0:,} tokens of {name(known.config.mixture.tokenizer)}"
    return [f"{verdict['copies']} copies in corpus/, {tokens}"]


def _page(key: str, url: str | None, outcome: str, parts: list[tuple[str, str, list[str]]]) -> str:
    lines = [name(key, WIDTH), *([address(url, WIDTH)] if url else []), outcome, ""]
    for title, mark, said in parts:
        for k, text in enumerate(said or [""]):
            head = f"{mark} {title:<14}" if k == 0 else " " * 16
            lines += _wrapped(text, head)
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(text: str, head: str) -> list[str]:
    """A text in the column right of `head`; what is wide (Chinese) is broken by its width."""
    room = WIDTH - len(head)
    if terminal_width(text) <= room:
        return [head + text]
    lines = textwrap.wrap(text, room, break_long_words=True, break_on_hyphens=False)
    broken = [part for line in lines for part in _by_width(line, room)]
    return [head + broken[0], *(" " * len(head) + line for line in broken[1:])]


def _by_width(line: str, room: int) -> list[str]:
    parts, start, used = [], 0, 0
    for at, character in enumerate(line):
        width = terminal_width(character)
        if used + width > room:
            parts.append(line[start:at])
            start, used = at, 0
        used += width
    return [*parts, line[start:]]
