"""`verify`: every file is read again, and what was changed, lost or added since is named."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import OutputError
from pipeline.run.output import Output, write_json
from pipeline.run.sealing import seal, verify


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Two tables, one with folders, and a model, as stages leave them."""
    folder = tmp_path / "out"
    for name, rows in (("documents/origin=web/a", 500), ("documents/origin=books/b", 20), ("rejected/c", 0)):
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({"id": pa.array([f"{name}{k}" for k in range(rows)], pa.string()), "n": pa.array(range(rows))})
        pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    for name in ("claims", "quality"):
        (folder / name).mkdir()
    (folder / "quality" / "model.npz").write_bytes(bytes(range(256)))
    size = seal(folder, ["documents", "claims", "rejected", "quality", "not written"])
    assert size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name[0] != "_")
    write_json(folder / "manifest.json", {"stages": {"ingest": {}, "train_quality": {}}})
    return folder


def damage(folder: Path) -> list[str]:
    return verify(Output(str(folder)))[0]


def test_a_whole_output_is_whole(whole: Path):
    assert verify(Output(str(whole)))[:2] == ([], 4)
    assert pq.read_table(whole / "documents").num_rows == 520  # the lists are in no reader's way


def test_every_flipped_byte_is_named_unless_it_changes_nothing_that_is_read(whole: Path):
    path = whole / "documents" / "origin=web" / "a.parquet"
    data, before = path.read_bytes(), pq.read_table(path, partitioning=None)
    harmless = 0
    for at in range(0, len(data), 11):
        changed = bytearray(data)
        changed[at] ^= 4
        path.write_bytes(changed)
        if said := damage(whole):
            assert [line.partition(": ")[0] for line in said] == ["documents/origin=web/a.parquet"]
        else:
            harmless += 1
            assert pq.read_table(path, partitioning=None).equals(before)
    assert harmless < 0.05 * len(range(0, len(data), 11))  # in the headers of this small file's pages


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("documents/origin=books/b.parquet", "documents/origin=books/b.parquet: is missing"),
        ("documents/_files.json", "documents/_files.json: is missing, so the files beside it cannot be checked"),
        ("rejected", "rejected: the folder is missing"),
        ("quality/model.npz", "quality/model.npz: is missing"),
    ],
)
def test_what_is_lost_is_named(whole: Path, name: str, said: str):
    path = whole / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert damage(whole) == [said]


def test_what_was_changed_as_a_whole_is_named(whole: Path):
    shorter = pq.read_table(whole / "documents" / "origin=books" / "b.parquet").slice(0, 19)
    pq.write_table(shorter, whole / "documents" / "origin=books" / "b.parquet")
    (whole / "quality" / "model.npz").write_bytes(bytes(range(255, -1, -1)))
    (whole / "rejected" / "extra.parquet").write_bytes(b"")
    said = damage(whole)
    assert [line.partition(":")[0] for line in said] == [
        "rejected/extra.parquet", "documents/origin=books/b.parquet", "quality/model.npz",
    ]  # fmt: skip
    assert "bytes instead of" in said[1] and "SHA-256" in said[2]


def test_a_folder_without_a_run_is_said(tmp_path: Path):
    with pytest.raises(OutputError, match=r"holds no manifest\.json of a run"):
        verify(Output(str(tmp_path)))
