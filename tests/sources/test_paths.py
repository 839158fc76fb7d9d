import os
from pathlib import Path

import fsspec
import pytest

from pipeline.errors import ConfigError
from pipeline.sources.paths import common_folder, open_input, resolve


@pytest.fixture
def tree(tmp_path):
    for name in ("b.gz", "a.gz", "sub/c.gz", "sub/deep/d.txt", ".hidden", "_SUCCESS", "with space é.gz"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def names(tree: Path, patterns: list[str]) -> list[str]:
    return [os.path.relpath(item.path, tree) for item in resolve(patterns, tree)]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["a.gz"], ["a.gz"]),
        (["*.gz"], ["a.gz", "b.gz", "with space é.gz"]),
        (["b.gz", "a.gz", "*.gz"], ["a.gz", "b.gz", "with space é.gz"]),
        (["**/*.gz"], ["a.gz", "b.gz", "sub/c.gz", "with space é.gz"]),
        (["."], ["a.gz", "b.gz", "sub/c.gz", "sub/deep/d.txt", "with space é.gz"]),
        (["sub"], ["sub/c.gz", "sub/deep/d.txt"]),
        (["sub/"], ["sub/c.gz", "sub/deep/d.txt"]),
        (["_SUCCESS"], ["_SUCCESS"]),
        (["[ab].gz"], ["a.gz", "b.gz"]),
    ],
)
def test_files_globs_and_folders_sorted_each_once(tree, patterns, expected):
    assert names(tree, patterns) == expected


def test_absolute_paths_and_file_urls(tree):
    assert names(tree, [str(tree / "a.gz")]) == ["a.gz"]
    assert names(tree, [f"file://{tree}/sub/*.gz"]) == ["sub/c.gz"]
    assert names(tree, [f"file://{tree}/a.gz", "a.gz"]) == ["a.gz"]


def test_size_and_time_are_the_files(tree):
    (item,) = resolve(["a.gz"], tree)
    assert item.size == 4
    os.utime(tree / "a.gz", ns=(1, 1_700_000_000_000_000_001))
    assert resolve(["a.gz"], tree)[0].modified == "1700000000000000001"


@pytest.mark.parametrize("pattern", ["none.gz", "none/*.gz", "a.gz/b", "none/"])
def test_a_pattern_that_matches_nothing_is_named(tree, pattern):
    with pytest.raises(ConfigError, match=pattern.replace("*", r"\*")):
        resolve(["a.gz", pattern], tree)


def test_an_empty_folder_is_named(tree):
    (tree / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty.*the folder is empty"):
        resolve(["empty"], tree)


def test_remote_files_by_fsspec():
    memory = fsspec.filesystem("memory")
    for name in ("b.warc.gz", "a.warc.gz", "notes.txt"):
        memory.pipe(f"/crawl/{name}", name.encode())
    found = resolve(["memory://crawl/*.warc.gz"], Path("/"))
    assert [(item.path, item.size) for item in found] == [
        ("memory:///crawl/a.warc.gz", 9),
        ("memory:///crawl/b.warc.gz", 9),
    ]
    with open_input(found[0].path) as stream:
        stream.seek(2)
        assert stream.read() == b"warc.gz"
    assert len(resolve(["memory://crawl"], Path("/"))) == 3
    with pytest.raises(ConfigError, match="nothing"):
        resolve(["memory://crawl/nothing*"], Path("/"))


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/a/b/c.gz"], "/a/b/"), (["/a/b/c.gz", "/a/b/d.gz"], "/a/b/"), (["/a/b/c.gz", "/a/bc/d.gz"], "/a/"),
        (["s3://x/a", "s3://x/b/c"], "s3://x/"), (["/a/b", "/a/b/c"], "/a/"), ([], ""),
    ],
)  # fmt: skip
def test_common_folder(paths, folder):
    assert common_folder(paths) == folder
