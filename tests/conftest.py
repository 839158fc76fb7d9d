"""What several tests share: one Spark session, the sample's run, and the folder of real data."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator["SparkSession"]:
    """One local session for all tests that need Spark."""
    from pipeline.session import open_session

    small = {
        # One test has a text of 64 MB, which the JVM holds several times at once: 1 GB ended it half-way through the tests.
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "2",
        # Half the processor time of many short jobs; a long job would take four times as much.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    }
    session = open_session("local[2]", small, "taojin-tests")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def sample_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in sample's config, its inputs beside it."""
    from pipeline.sample import write_sample

    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def sample_output(sample_config: Path) -> Path:
    """What the sample's run leaves; to be read, or copied."""
    from tests.path import curated

    folder = sample_config.parent / "base"
    assert "index.html" in curated(sample_config, f"output={folder}", "--master", "local[2]")
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real crawl data beside the checkout, or TAOJIN_TEST_DATA; absent, the test is skipped."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("TAOJIN_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}")
    return folder
