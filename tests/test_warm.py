"""A first run compiles every kernel once, beside Java's start."""

from importlib import import_module
from pathlib import Path

import pipeline.kernels
from pipeline import warm


def test_every_kernel_is_called():
    kernels, inner = {}, set()
    for path in sorted(Path(pipeline.kernels.__path__[0]).glob("*.py")):
        module = import_module(f"pipeline.kernels.{path.stem}")
        mine = {name: value for name, value in vars(module).items() if hasattr(value, "py_func")}
        kernels |= {f"{value.__module__}.{name}": value for name, value in mine.items()}
        for kernel in mine.values():
            seen = [kernel.py_func.__globals__.get(name) for name in kernel.py_func.__code__.co_names]
            inner |= {f"{one.__module__}.{one.__name__}" for one in seen if hasattr(one, "py_func")}
    warm.compile_kernels()
    outer = kernels.keys() - inner
    assert len(outer) > 15
    assert [name for name in sorted(outer) if not kernels[name].signatures] == []


def test_what_is_compiled_is_not_compiled_again(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(warm, "_KERNELS", tmp_path)
    (tmp_path / "__pycache__").mkdir()
    monkeypatch.setattr(warm.subprocess, "Popen", lambda *_, **__: "started")
    assert warm.warm_beside() == "started"
    (tmp_path / "__pycache__" / "ngrams._search-1.py311.1.nbc").touch()
    assert warm.warm_beside() is None
