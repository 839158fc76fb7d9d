"""`taojin plan`: what it forecasts of the sample against the sample's run, and how it scales a part."""

import gzip
import shutil
import tempfile
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipeline.config import load_config
from pipeline.config_sources import Source
from pipeline.report.forecast import WIDTH, Forecast, SourceForecast, forecast_text
from pipeline.run import planning
from pipeline.sources.paths import Input
from tests.path import manifest, table

ROW = SourceForecast("web", 10**12, 0.001, 999_999_999, 99_999_999, 410 * 10**9, 0.0123, 0.6, 12.345, 12.345, 0.6)
MADE = Forecast(300 * 10**9, "gpt2", (ROW, replace(ROW, source="a_source_with_a_long_name")), 300 * 10**9, 10**12, 10**13,
                10**12, 12_345.6, "12 bands of 6 rows", {0.5: 0.17, 0.95: 1.0}, ("web holds nothing",))  # fmt: skip


def test_a_forecast_fits_a_terminal():
    text = forecast_text(MADE)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "disk        10.0 TB, of 1.00 TB free" in text
    assert "In the way\n  - web holds nothing" in text


def test_the_sample_read_whole_is_forecast_as_it_is(spark: SparkSession, sample_config: Path, sample_output: Path, tmp_path):
    config = load_config(sample_config, [f"output={tmp_path / 'none'}", "mixture.max_epochs=4"])
    made = planning.forecast(config, lambda: spark)
    assert not (tmp_path / "none").exists()
    assert list(Path(tempfile.gettempdir()).glob("taojin-plan-*")) == []
    counts = manifest(sample_output)["stages"]
    by_source = {row.source: row for row in made.sources}
    assert {name: row.documents for name, row in by_source.items()} == counts["ingest"]["counts"]["documents"]
    assert {row.read for row in made.sources} == {1.0}
    assert {row.error for row in made.sources} == {0.0}
    # What is trusted passes whole, but for its language; what is raw by the chances of the Pareto rule.
    verdicts = table(sample_output, "verdicts").to_pylist()
    dropped = {"language", "filters", "quality"}
    for name, source in config.sources.items():
        passed = sum(row["origin"] == name and row["stage"] not in dropped for row in verdicts)
        spread = 0 if source.role == "reference" else 4 * passed**0.5
        assert abs(by_source[name].kept - passed) <= spread
    assert sum(row.weight for row in made.sources) == pytest.approx(1)
    assert made.corpus_tokens <= config.mixture.token_budget
    assert made.core_hours > 0


def test_a_part_is_a_share_of_the_bytes(tmp_path: Path):
    lines, rows = tmp_path / "a.jsonl.gz", tmp_path / "b.parquet"
    lines.write_bytes(b"".join(gzip.compress(b'{"text": "%d"}\n' % k) for k in range(1_200_000)))
    pq.write_table(pa.table({"text": [str(k) * 40 for k in range(200_000)]}), rows, compression="none", use_dictionary=False)
    files = [Input(str(path), path.stat().st_size, "") for path in (lines, rows)]
    assert all(file.size > planning.READ_BYTES // 2 for file in files)
    source = Source(format="jsonl", paths=("a",), role="raw")
    (first, second), size = planning._peek(source, files, tmp_path / "parts")
    assert size == sum(file.size for file in files)
    unknown = [file._replace(size=0) for file in files]
    assert planning._peek(source, unknown, tmp_path / "again")[1] == size
    assert first.size == planning.READ_BYTES // 2
    assert pq.read_metadata(second.path).num_rows == pytest.approx(200_000 * 8e6 / files[1].size, rel=0.1)


@pytest.mark.parametrize(("max_epochs", "said"), [(None, "seen 50.0 times; over 4 epochs"), (2, "at most 2 epochs make")])
def test_what_stands_in_the_way(monkeypatch, sample_config: Path, tmp_path: Path, max_epochs: float | None, said: str):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 7))
    config = load_config(sample_config, [f"output={tmp_path / 'o'}"])
    mixture = config.mixture.model_copy(update={"token_budget": 50_000, "weights": None, "max_epochs": max_epochs})
    config = config.model_copy(update={"mixture": mixture})
    source, *_ = config.sources
    each = dict.fromkeys(config.sources, 0)
    counts = {
        "ingest": {"unreadable": {source: 1}, "files": dict.fromkeys(config.sources, 1)},
        "train_quality": {"languages": [{"language": "en", "fitted": False, "references": 2, "raw": 5}]},
    }
    seen = {(source, source): planning.Seen(100, 10, 500, 25_000)}
    sizes, share = dict.fromkeys(config.sources, 10), dict.fromkeys(config.sources, 0.5)
    part = planning.Part(sizes, share, seen, each, each, each, counts, "gpt2")
    made = planning._reckoned(config, part)
    assert made.sources[0].tokens == 1000
    assert made.sources[0].error == pytest.approx((25_000 * 2) ** 0.5 / 1000)
    text = "\n".join(made.problems)
    assert said in text
    assert "has 7 B free" in text
    assert f"{source}: 1 of the 1 files" in text
    assert "en: 2 references and 5 raw documents were read, too few" in text
