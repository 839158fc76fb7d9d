"""The step of `ingest`: sources in, documents/, claims/ and rejected/ out."""

import json
from collections import Counter
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.accounts import Account, check
from pipeline.config_sources import Source
from pipeline.errors import GuardError
from pipeline.run.fingerprint import URL_LISTS, is_index
from pipeline.run.output import Json
from pipeline.run.work import Work
from pipeline.schema import COUNTED, REJECTED, WRITTEN
from pipeline.sources.documents import DocumentTexts, part_files
from pipeline.sources.paths import Input
from pipeline.sources.read import read, read_links
from pipeline.sources.reasons import FILE_REASONS, STRETCH_REASONS
from pipeline.sources.url_lists import read_lists, store
from pipeline.stages import ingest as stage

LOST = [*FILE_REASONS, "read_error"]  # the guard counts files that have one of these
WEBTEXT_SCORE = 3.0  # Radford et al. 2019: pages that Reddit posts with at least 3 karma linked to
# Records that give a document or a row of rejected/ each; of other types only the number is kept.
COUNTED_TYPES = ("response", "resource", "revisit", "conversion", "row", "file", "piece", "page")


def ingest(work: Work) -> Json:
    """documents/, written by the tasks that read; then the narrow tables from what they tell."""
    config = work.config
    listed = _url_lists(work)
    how = config.extract.engine, config.extract.max_record_bytes, config.extract.split_size or 0
    attempts = work.folder / "_checkpoints" / "documents"
    into = {"documents": str(attempts), "seed": str(config.seed)}
    frames = [
        read(work.spark, one.format, name, work.inputs[name], *how, own)
        for name, one in config.sources.items()
        if one.format != "links"
        for own in [own_options(one, work.inputs[name]) | listed | into | {"sample": str(one.sample)}]
    ]
    ingested = work.write_partitioned("ingested", stage.ingest(frames), ["outcome"])
    documents = _take(ingested.where(F.col("outcome") == WRITTEN), attempts, work.folder / "documents")
    rejected = stage.rejections(ingested.where(F.col("outcome") == REJECTED))
    repeated = work.checkpoint("repeated", stage.repeated(work.staged("documents")))
    if not repeated.isEmpty():
        rejected = rejected.unionByName(stage.repetitions(repeated))
        _write_without(work, repeated, documents)
    links, wrong = _claims(work)
    work.write("rejected", rejected.unionByName(wrong) if wrong else rejected, narrow=True)
    return _counts(work, ingested.where(F.col("outcome") == COUNTED), links)


def _take(written: DataFrame, attempts: Path, folder: Path) -> Path:
    """Moves the files that `written` names out of those that tasks began; the folder that they are in now."""
    folder.mkdir()
    for (name,) in written.select("id").collect():
        (folder / name).parent.mkdir(exist_ok=True)
        (attempts / name).rename(folder / name)
    return folder


def _write_without(work: Work, repeated: DataFrame, folder: Path) -> None:
    """Writes the parts in `folder` again that hold repetitions, without these."""
    parts = sorted(row["part"] for row in repeated.select("part").distinct().collect())
    old = part_files(str(folder))
    single = stage.without(work.staged("documents"), repeated, parts, DocumentTexts(str(folder)))
    work.write_partitioned("single", single, ["origin"])
    for path in (path for part in parts for path in old[part]):
        Path(path.removeprefix("file://")).unlink()
    for file in (work.folder / "single").glob("origin=*/*.parquet"):
        file.rename(folder / file.relative_to(work.folder / "single"))


def _url_lists(work: Work) -> dict[str, str]:
    """The option that names the array of URL lists, if there are any."""
    if not work.config.extract.url_lists:
        return {}
    hashes = read_lists([file.path for file in work.inputs[URL_LISTS]])
    return {"url_lists": store(hashes, work.folder / "_checkpoints" / "url_lists")}


def own_options(source: Source, files: list[Input]) -> dict[str, str]:
    """What only the source's format takes, and how its files are reached."""
    given = {"storage": json.dumps(source.storage_options)} if source.storage_options else {}
    if source.base and source.format in ("warc", "wet") and is_index(files):
        given["base"] = source.base
    if source.split_at is not None:
        given["split_at"] = source.split_at
    if source.namespaces is not None:
        given["namespaces"] = json.dumps(source.namespaces)
    return given


def _claims(work: Work) -> tuple[dict[str, Json], DataFrame | None]:
    """claims/; what each source of links gave, and rows of REJECTIONS for lines that are no links."""
    if not work.links:
        (work.folder / "claims").mkdir()
        return {}, None
    sources = {name: work.config.sources[name] for name in work.links}
    rules = {
        name: stage.LinkRule(one.of or "", WEBTEXT_SCORE if one.min_score is None else one.min_score, one.sample)
        for name, one in sources.items()
    }
    lists = [read_links(work.spark, name, work.inputs[name], own_options(sources[name], [])) for name in rules]
    links = work.checkpoint("links", reduce(DataFrame.unionByName, lists))
    linked = work.checkpoint("linked", stage.linked(links, rules, work.config.seed))
    claims = work.write("claims", stage.claims(linked, work.staged("documents"), rules), narrow=True)
    good: dict[str, int] = dict(links.where("reason IS NULL").groupBy("origin").count().collect())
    urls: dict[str, int] = dict(linked.groupBy("origin").count().collect())
    taken: dict[str, dict[str, int]] = {name: {} for name in rules}
    for origin, source, n in claims.groupBy("origin", "source").count().collect():
        taken[source][origin] = n
    found = {
        name: {"links": good.get(name, 0), "urls": urls.get(name, 0), "documents": taken[name]} for name in rules
    }
    return found, stage.link_rejections(links)


def _counts(work: Work, counted: DataFrame, links: dict[str, Json]) -> Json:
    """Counts of files, records, documents and rejections by source; raises if they do not balance, or a guard says so."""
    names = list(work.config.sources)
    records: dict[str, dict[str, int]] = {name: {} for name in names}
    for origin, kind, n in counted.groupBy("origin", "id").agg(F.sum("offset")).collect():
        records[origin][kind] = int(n)
    documents = dict.fromkeys(names, 0) | dict(work.staged("documents").groupBy("origin").count().collect())
    rejected: dict[str, dict[str, int]] = {name: {} for name in names}
    damaged: Counter[str] = Counter()  # stretches that hold no record which the reader could have counted
    for origin, reason, n in work.staged("rejected").groupBy("origin", "reason").count().collect():
        rejected[origin][reason] = n
        damaged[origin] += n if reason in STRETCH_REASONS | FILE_REASONS else 0
    claimed = _claimed(links)
    for name, given in links.items():
        records[name] = {"link": given["links"]}
    seen = {name: sum(records[name].get(kind, 0) for kind in COUNTED_TYPES) + damaged[name] for name in names}
    accounts = [_account(name, seen[name], documents[name], rejected[name], claimed) for name in names]
    check(accounts)
    files = {name: len(work.inputs[name]) for name in names}
    unreadable = _unreadable(work, rejected)
    _guard(sum(unreadable.values()), sum(files.values()), work)
    n_rejected = sum(sum(given.values()) for given in rejected.values())
    work.say(f"{sum(documents.values()):,} documents, {n_rejected:,} rejected")
    return {
        "files": files, "unreadable": unreadable, "records": records, "documents": documents, "rejected": rejected,
        "links": links, "claimed": claimed, "accounts": [one.as_json() for one in accounts],
    }  # fmt: skip


def _claimed(links: dict[str, Json]) -> dict[str, dict[str, int]]:
    """By origin, and by the source of links that counts them: documents that moved."""
    claimed: dict[str, dict[str, int]] = {}
    for source, given in links.items():
        for origin, n in given["documents"].items():
            claimed.setdefault(origin, {})[source] = n
    return claimed


def _account(
    name: str, seen: int, documents: int, rejected: dict[str, int], claimed: dict[str, dict[str, int]]
) -> Account:
    """A page that moves leaves the account of its origin as `claimed` and enters that of the source that counts it."""
    lost = sum(claimed.get(name, {}).values())
    gained = sum(given.get(name, 0) for given in claimed.values())
    dropped = rejected | ({"claimed": lost} if lost else {})
    return Account("ingest", name, seen + gained, documents - lost + gained, dropped)


def _unreadable(work: Work, rejected: dict[str, dict[str, int]]) -> dict[str, int]:
    """By source: the files of which the whole, or a range, could not be read."""
    found = dict.fromkeys(rejected, 0)
    if any(reason in LOST for reasons in rejected.values() for reason in reasons):
        lost = work.staged("rejected").where(F.col("reason").isin(LOST)).groupBy("origin")
        found |= dict(lost.agg(F.count_distinct("file")).collect())
    return found


def _guard(unreadable: int, files: int, work: Work) -> None:
    allowed = max(1, int(work.config.guards.max_unreadable_inputs * files))
    if unreadable > allowed:
        of_files = work.staged("rejected").where(F.col("reason").isin(LOST))
        paths = of_files.select("file").distinct().orderBy("file").limit(5).collect()
        raise GuardError(
            f"{unreadable} of {files} input files cannot be read; guards.max_unreadable_inputs allows {allowed}: "
            + ", ".join(row["file"] for row in paths)
            + (", …" if unreadable > len(paths) else "")
        )
