"""The notebooks, executed on the sample's output as a reader runs them: whole, quiet, and with the run's own figures."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.path import REPOSITORY, manifest, report

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def executed(sample_output: Path) -> dict[str, list[dict[str, object]]]:
    """The outputs of each notebook; a cell that raises fails here, with its traceback."""
    found = {}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAOJIN_OUTPUT", str(sample_output))
        environment.setenv("PYTHONPATH", str(REPOSITORY))
        for path in NOTEBOOKS:
            notebook = nbformat.read(path, as_version=4)
            NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
            found[path.stem] = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return found


def shown(outputs: list[dict[str, object]]) -> str:
    """Texts and tables, white space as one space."""
    texts = [output.get("text", "") or output.get("data", {}).get("text/html", "") for output in outputs]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", " ".join(texts)))


def test_they_are_the_four_and_are_kept_without_outputs():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_first_look", "02_quality_and_alpha", "03_duplicates", "04_mixture",
    ]  # fmt: skip
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_none_warns_and_each_draws_pictures_and_tables(executed):
    for name, outputs in executed.items():
        warned = [output["text"] for output in outputs if output.get("name") == "stderr"]
        assert warned == [], name  # such as matplotlib's word of a glyph that its font lacks
        assert any("image/svg+xml" in output.get("data", {}) for output in outputs), name
        assert any("<table" in output.get("data", {}).get("text/html", "") for output in outputs), name


def test_chinese_is_shown_as_text(executed):
    for name in ("01_first_look", "02_quality_and_alpha", "04_mixture"):
        text = shown(executed[name])
        assert len(re.findall(r"[\u4e00-\u9fff]{8}", text)) > 2, name
        assert "\ufffd" not in text


def test_their_figures_are_the_runs(executed, sample_output):
    counts = report(sample_output)
    first = shown(executed["01_first_look"])
    for row in counts["mixture"]["rows"]:
        read = sum(one["documents"] for one in counts["languages"] if one["source"] == row["source"])
        assert f" {row['source']} {read} {row['documents']} {row['documents'] / read:.3f} " in first
    quality = shown(executed["02_quality_and_alpha"])
    reached = sum(sum(one["histogram"]["raw"]) for one in counts["quality"])
    kept = sum(sum(one["histogram"]["kept"]) for one in counts["quality"])
    assert f"{reached} raw documents reached the rule" in quality
    assert f"; it kept {kept} " in quality
    expected = sum(one["expected_keep"] * sum(one["histogram"]["raw"]) for one in counts["quality"])
    assert f" expected {expected:.1f} ± " in quality
    pairs = manifest(sample_output)["stages"]["deduplicate"]["counts"]["pairs"]
    assert f"{counts['duplicates']['clusters']} clusters" in shown(executed["03_duplicates"])
    assert str(pairs) in shown(executed["03_duplicates"])
    mixture = shown(executed["04_mixture"])
    assert f"{sum(row['realised_tokens'] for row in counts['mixture']['rows']):,} tokens written, 40,000 asked" in mixture
    for name, weight in (("common_crawl", "60 %"), ("webtext", "22 %"), ("wikipedia", "3 %")):
        assert re.search(rf" {name} [\d. ]+ {weight} ", mixture)
