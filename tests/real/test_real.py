"""The whole path over real crawl data. Skipped where the folder of test data is absent.

The configs name the data beside the checkout; another folder (TAOJIN_TEST_DATA) is linked in its place.
"""

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.path import corpus, curated, report, rows, table
from tests.stages.test_deduplicate import SETTINGS
from tests.stages.test_deduplicate import run as duplicates_of

CONFIGS = Path(__file__).parent


@pytest.fixture(scope="module")
def place(data: Path, tmp_path_factory) -> Path:
    """A folder like the checkout's tests/real, from which ../../../shared/data is the data."""
    root = tmp_path_factory.mktemp("real")
    folder = root / "checkout" / "tests" / "real"
    folder.mkdir(parents=True)
    (root / "shared").mkdir()
    (root / "shared" / "data").symlink_to(data, target_is_directory=True)
    for config in CONFIGS.glob("*.yaml"):
        shutil.copy(config, folder)
    return folder


def run(place: Path, name: str) -> Path:
    curated(place / f"{name}.yaml", f"output={place / 'out' / name}", "--master", "local[2]")
    return place / "out" / name


@pytest.fixture(scope="module")
def curate(place: Path) -> Path:
    return run(place, "curate")


@pytest.fixture(scope="module")
def measure(place: Path) -> Path:
    return run(place, "measure")


def score(data: Path, scorer: str, *arguments: object) -> str:
    bench = data.parent / "bench"
    if not bench.is_dir():
        pytest.skip("no scorers beside the data")
    command = [sys.executable, str(bench / scorer), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    print(f"\n{scorer}\n{done.stdout}")
    return done.stdout


def figure(text: str, pattern: str) -> float:
    match = re.search(pattern, text)
    assert match, (pattern, text)
    return float(match[1])


def test_every_page_is_a_document_or_a_rejection(curate):
    documents = [
        row["file"]
        for row in table(curate, "documents").select(["file", "origin"]).to_pylist()
        if row["origin"] == "common_crawl" and "contam" not in row["file"]
    ]
    rejected = [
        row["reason"]
        for row in rows(curate, "rejected")
        if row["origin"] == "common_crawl" and "contam" not in row["file"]
    ]
    other = sum(reason in ("http_status", "not_html") for reason in rejected)
    assert len(documents) + len(rejected) == 10_963  # responses
    # of them HTML with status 200: 9,601 that say so, and 70 without a Content-Type whose bodies begin as HTML does
    assert len(documents) + len(rejected) - other == 9_601 + 70


def test_accounts_balance_on_real_data(curate):
    counts = report(curate)
    for row in counts["funnel"]:
        assert row["documents_in"] == row["kept"] + sum(row["dropped"].values()), row
    assert {row["stage"] for row in counts["funnel"]} == {
        "ingest", "language", "filters", "quality", "deduplicate", "decontaminate",
    }  # fmt: skip
    kept = {row["source"]: row["kept"] for row in counts["funnel"] if row["stage"] == "decontaminate"}
    assert all(kept[source] > 100 for source in ("common_crawl", "webtext", "books", "wikipedia"))


def test_tokens_come_out_as_asked(curate):
    verdicts = [row for row in rows(curate, "verdicts") if row["kept"]]
    for row in report(curate)["mixture"]["rows"]:
        largest = max(v["token_count"] for v in verdicts if v["source"] == row["source"])
        assert abs(row["realised_tokens"] - row["quota_tokens"]) <= largest / 2


def test_the_quality_draw_is_the_papers(curate):
    """Realised keep rates within 4 standard errors of the mean chance (2 - s)^-3."""
    for card in report(curate)["quality"]:
        n = sum(card["histogram"]["raw"])
        assert n > 300
        error = (card["expected_keep"] * (1 - card["expected_keep"]) / n) ** 0.5
        assert abs(card["realised_keep"] - card["expected_keep"]) < 4 * error


def test_charsets(curate, data):
    shards = sorted((data / "crawl").glob("*-0000?.warc.gz"))
    text = score(data, "score_charset.py", curate, data / "crawl" / "charset_truth.jsonl", *shards)
    assert figure(text, r"undeclared: .* right, ([\d.]+)") >= 0.9
    assert figure(text, r"(?m)^declared: .* right, ([\d.]+)") >= 0.98


def test_spam_is_kept_less_than_other_pages(curate, data):
    text = score(data, "score_spam.py", curate, data / "labels" / "spam_urls.txt")
    spam = [tuple(map(int, pair)) for pair in re.findall(r"(?m)^(?:en|zh): (\d+) of (\d+) spam", text)]
    assert len(spam) == 2
    assert sum(kept for kept, _ in spam) / sum(n for _, n in spam) < 0.06


def test_duplicates(measure, data):
    text = score(data, "score_duplicates.py", measure, data / "crawl" / "near_duplicates.jsonl")
    assert figure(text, r"recall exact: ([\d.]+)") >= 0.97
    assert figure(text, r"recall J>=0.85: ([\d.]+)") >= 0.97
    assert figure(text, r"precision on \d+ of them: ([\d.]+)") >= 0.99


def test_every_planted_plagiarism_and_nothing_else(spark, data, tmp_path):
    lines = (data / "near-duplicates" / "articles_1000.train").read_text("utf-8").splitlines()
    texts = {f"web/{key}": text for key, text in (line.split(" ", 1) for line in lines)}
    truth = (data / "near-duplicates" / "articles_1000.truth").read_text("utf-8").splitlines()
    found = duplicates_of(spark, tmp_path, texts, SETTINGS, 3)
    clusters: dict[str, set[str]] = {}
    for row in found.values():
        clusters.setdefault(row["cluster_id"], set()).add(row["id"].removeprefix("web/"))
    assert sorted(map(sorted, clusters.values())) == sorted(sorted(line.split()) for line in truth)


def test_contamination(measure, data):
    benchmarks = sorted((data / "benchmarks").glob("*.jsonl.gz"))
    text = score(data, "score_contamination.py", measure, data / "crawl" / "contamination.jsonl", *benchmarks)
    found, expected = map(int, re.search(r"(?m)^all: (\d+) of (\d+) expected", text).groups())
    assert expected >= 260
    assert found >= expected - 12  # n-grams in more than ten documents are ignored by the rule


UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
UNIT = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")


def thirteens(text: str) -> set[tuple[str, ...]]:
    units = UNIT.findall(text.lower())
    return {tuple(units[i : i + 13]) for i in range(len(units) - 12)}


def test_every_plant_is_found_or_named_as_ignored(measure, data):
    """By brute force: what shares 13 units with its page's text is in contamination/, or all that it shares is common."""
    items = {}
    for path in sorted((data / "benchmarks").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            items.update((row["id"], row["text"]) for row in map(json.loads, stream))
    documents = {row["id"]: row for row in table(measure, "documents").select(["id", "url", "text"]).to_pylist()}
    by_url = {row["url"]: row for row in documents.values()}
    collisions = rows(measure, "contamination")
    found = {(row["id"], row["item_id"]) for row in collisions}
    ignored = {gram for row in rows(measure, "ignored_ngrams") for gram in thirteens(row["text"])}
    n = Counter()
    for line in (data / "crawl" / "contamination.jsonl").read_text(encoding="utf-8").splitlines():
        plant = json.loads(line)
        page = by_url[plant["url"]]
        shared = thirteens(items[plant["id"]]) & thirteens(page["text"])
        hit = (page["id"], plant["id"]) in found
        unfound = "not in the text" if not shared else "ignored" if shared <= ignored else "missed"
        outcome = "found" if hit else unfound
        n[outcome] += 1
        if outcome != "found":
            print(outcome, plant["id"], plant["style"], plant["url"])
        assert not hit or shared
    print(n)
    assert n["missed"] == 0
    assert n["found"] + n["ignored"] >= 268
    planted = {json.loads(line)["url"] for line in (data / "crawl" / "contamination.jsonl").open(encoding="utf-8")}
    for row in collisions:
        text = documents[row["id"]]["text"][row["start"] : row["end"]]
        assert thirteens(text) & thirteens(items[row["item_id"]])
        if documents[row["id"]]["url"] not in planted:
            print("no plant:", row["id"], row["item_id"], repr(text))


def test_damaged_files_cost_their_own_records(place, data):
    output = run(place, "fixtures")
    source = report(output)["sources"][0]
    assert source["files"] == len([path for path in (data / "warc-fixtures").glob("*/*") if path.is_file()])
    assert source["unreadable_files"] == source["rejected"].get("unreadable_input", 0) + sum(
        n for reason, n in source["rejected"].items() if reason.startswith("unsupported_")
    )
    # The made files hold the same records, so that most pages are repetitions of the first file's.
    pages = table(output, "documents").to_pylist()
    pages += [row for row in rows(output, "rejected") if row["reason"] == "duplicate_id"]
    made = Counter(Path(row["file"]).name for row in pages if "/made/" in row["file"])
    whole = ("good.warc", "good.warc.zst", "whole-file-gzip.warc.gz", "trailing-nulls.warc.gz")
    assert {made[name] for name in whole} == {made["good.warc.gz"]}
    assert made["corrupt-third-member.warc.gz"] == made["good.warc.gz"] - 1
    assert sum(1 for row in corpus(output)) > 0


def test_the_papers_own_alpha_has_its_accounts(curate, place):
    """alpha = 9 on the same annotations: only what follows the verdict runs again."""
    output = place / "out" / "nine"
    shutil.copytree(curate, output)
    printed = curated(place / "curate.yaml", f"output={output}", "quality.select.alpha=9")
    assert printed.count("done before") == 3
    nine, three = (report(folder)["funnel"] for folder in (output, curate))
    kept = [
        next(row["kept"] for row in funnel if (row["stage"], row["source"]) == ("quality", "common_crawl"))
        for funnel in (nine, three)
    ]
    assert 0 < kept[0] < kept[1] / 2


def runs_z(mine: np.ndarray) -> float:
    """Wald and Wolfowitz's runs test: standard normal if the True and False stand in random order."""
    n, n1 = len(mine), int(mine.sum())
    mean = 1 + 2 * n1 * (n - n1) / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return float((1 + np.count_nonzero(mine[1:] != mine[:-1]) - mean) / variance**0.5)


@pytest.fixture(scope="module")
def remixed(place: Path, curate: Path) -> Path:
    """A copy of the run, to be mixed again."""
    return Path(shutil.copytree(curate, place / "out" / "remixed"))


@pytest.mark.soak
@pytest.mark.parametrize("epochs", [0.1, 1, 5])
def test_every_budget_is_met_within_half_a_document(place, remixed, epochs):
    """Budgets of 0.1, 1 and 5 times the kept tokens: quotas, copies, shard sizes and the order."""
    kept = [row for row in rows(remixed, "verdicts") if row["kept"]]
    budget = int(epochs * sum(row["token_count"] for row in kept))
    curated(place / "curate.yaml", f"output={remixed}", "--master", "local[2]", f"mixture.token_budget={budget}")
    copies = {row["id"]: row["copies"] for row in rows(remixed, "verdicts") if row["copies"]}
    shards = sorted((remixed / "corpus").glob("*.parquet"))
    written = pd.concat([pd.read_parquet(shard, columns=["id", "copy", "source", "token_count"]) for shard in shards])
    assert not written.duplicated(["id", "copy"]).any()
    assert (written.groupby("id")["copy"].max() + 1).to_dict() == copies  # 0, 1, ... without a gap
    assert written["id"].value_counts().to_dict() == copies
    counts = report(remixed)["mixture"]
    assert counts["token_budget"] == budget == sum(row["quota_tokens"] for row in counts["rows"])
    for row in counts["rows"]:
        largest = max(one["token_count"] for one in kept if one["source"] == row["source"])
        realised = int(written.loc[written["source"] == row["source"], "token_count"].sum())
        print(f"{epochs} x {row['source']}: asked {row['quota_tokens']}, realised {realised}, largest {largest}")
        assert realised == row["realised_tokens"]
        assert 2 * abs(realised - row["quota_tokens"]) <= largest
        mine = (written["source"] == row["source"]).to_numpy()
        print(f"runs test z = {runs_z(mine):.2f}, sorted by source {runs_z(np.sort(mine)):.0f}")
        assert abs(runs_z(mine)) < 4 < abs(runs_z(np.sort(mine)))
    sizes = [shard.stat().st_size for shard in shards]
    print("shards:", sizes)
    assert all(abs(size / 8_000_000 - 1) < 0.15 for size in sizes[:-1])
