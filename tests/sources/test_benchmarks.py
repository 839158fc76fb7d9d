"""Benchmark items from JSON lines, CSV and Parquet, their text named or found; and phrases to ignore."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import InputError
from pipeline.kernels.ngrams import Grams, build_index
from pipeline.sources.benchmark_index import store_arrays
from pipeline.sources.benchmarks import read_items, read_phrases

ROW = {"question": "Who pans for gold?", "choices": ["a miner", "a minor"], "answer": "A"}
TEXT = "Who pans for gold?\na miner\na minor"


def write(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def items(*paths: str, text_fields: tuple[str, ...] = ()) -> list[tuple[str, str, str, str]]:
    return [tuple(row.values()) for row in read_items(paths, text_fields).to_pylist()]


def test_json_lines_plain_and_compressed(tmp_path):
    lines = json.dumps(ROW) + "\n\n" + json.dumps({"benchmark": "b", "split": "dev", "id": 7, "text": "as it is"}) + "\n"
    expected = [("quiz", "", "quiz/1", TEXT), ("b", "dev", "7", "as it is")]
    assert items(write(tmp_path / "quiz.jsonl", "\ufeff" + lines)) == expected
    assert items(write(tmp_path / "quiz.jsonl.gz", gzip.compress(lines.encode()))) == expected


def test_tables(tmp_path):
    """CSV with its quotes and line breaks, MMLU's columns A to D, TSV, and Parquet named after its split."""
    csv = ',Question,A,B,Answer\r\n0,"Who, pans\nfor gold?",a miner,a minor,A\r\n'
    expected = [("mining", "", "mining/1", "Who, pans\nfor gold?\na miner\na minor")]
    assert items(write(tmp_path / "mining.csv", csv)) == expected
    assert items(write(tmp_path / "m.tsv.gz", gzip.compress(b"text\tid\none two\t5\n"))) == [("m", "", "5", "one two")]
    folder = tmp_path / "arc"
    folder.mkdir()
    arc = {"id": "q1", "question": "Who?", "choices": {"text": ["a miner", "a minor"], "label": ["A", "B"]}}
    pq.write_table(pa.Table.from_pylist([arc]), folder / "test-00000-of-00001.parquet")
    assert items(str(folder / "test-00000-of-00001.parquet")) == [("arc", "test", "q1", "Who?\na miner\na minor")]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"goal": "to pan", "sol1": "shake", "sol2": "wait", "label": 0}, "to pan\nshake\nwait"),
        ({"prompt": "def f():", "canonical_solution": "return 1", "task_id": "H/0"}, "def f():\nreturn 1"),
        ({"premise": "It rains.", "hypothesis": "It is wet."}, "It rains.\nIt is wet."),
        ({"question": "Which?", "options": ["x", "y"], "passage": "A story."}, "A story.\nWhich?\nx\ny"),
        ({"text": "", "question": "Which?"}, "Which?"),
    ],
)
def test_text_is_found_in_the_fields_of_many_benchmarks(tmp_path, row, text):
    assert items(write(tmp_path / "b.jsonl", json.dumps(row)))[0][3] == text


def test_text_fields_are_taken_as_named(tmp_path):
    path = write(tmp_path / "b.jsonl", json.dumps(ROW | {"text": "other"}))
    assert items(path, text_fields=("answer", "choices"))[0][3] == "A\na miner\na minor"


BROKEN = {
    "no.jsonl": ('{"answer": 1}', "no.jsonl, line 1: no benchmark item: no text in `text`.*its fields: answer; name the"),
    "cut.jsonl": ('{"text": "a"}\n{"te', "cut.jsonl, line 2: no benchmark item; allowed: a JSON object"),
    "list.jsonl": ("[1]", "list.jsonl, line 1: no benchmark item; allowed: a JSON object"),
    "letters.csv": ("a,b\n1,2\n", "letters.csv, row 1: no benchmark item: no text.*its fields: a, b;"),
    "empty.jsonl": ("", "empty.jsonl: no benchmark item in it"),
    "bad.jsonl.gz": (gzip.compress(b'{"text": "a"}\n' * 1000)[:-9], "bad.jsonl.gz: the benchmark cannot be read: "),
    "bad.parquet": ("PAR1", "bad.parquet: the benchmark cannot be read: "),
}


@pytest.mark.parametrize(("name", "content", "message"), [(name, *given) for name, given in BROKEN.items()])
def test_what_is_no_benchmark_is_named(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        read_items([write(tmp_path / name, content)])


def test_a_named_field_that_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"line 1: no benchmark item: it lacks 'body' of decontaminate.text_fields; its"):
        read_items([write(tmp_path / "b.jsonl", json.dumps(ROW))], ["question", "body"])


def test_phrases_of_tables_and_lists(tmp_path):
    pq.write_table(pa.table({"text": ["one, two", "three"], "documents": [11, 12]}), tmp_path / "part-0.parquet")
    paths = [str(tmp_path / "part-0.parquet"), write(tmp_path / "gpt3.tsv", "159833\tall rights\n12\t1 2 3\n")]
    paths.append(write(tmp_path / "p.txt", "淘金\n"))
    assert read_phrases(paths) == ["one, two", "three", "all rights", "1 2 3", "淘金"]
    with pytest.raises(InputError, match="line 1: no field `text`; it has: phrase"):
        read_phrases([write(tmp_path / "p.jsonl", '{"phrase": "x"}')])


def test_a_stored_index_is_mapped_and_the_same(tmp_path):
    draw = np.random.default_rng(3)
    heads = draw.integers(0, 2**64, 1000, np.uint64)
    index = build_index(Grams(np.zeros(1000, np.int32), heads, np.full(1000, 13, np.uint16), heads), 13)
    opened = store_arrays(index, tmp_path / "index").open()
    assert opened.head == 13
    for mine, other in zip(index[1:], opened[1:], strict=True):
        assert isinstance(other.base, np.memmap)
        assert (mine.dtype, mine.tolist()) == (other.dtype, other.tolist())
