"""Reading training sets: every complaint names file, line and field, and gives a cure."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labwright.contracts.errors import DataError
from labwright.contracts.specs import DataFormat
from labwright.data.rows import read_rows


def _file(tmp_path: Path, content: str | bytes, name: str = "train.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _parquet(tmp_path: Path, columns: dict[str, list[object]]) -> Path:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def _refused(path: Path, data_format: DataFormat = "prompt-completion") -> DataError:
    with pytest.raises(DataError) as caught:
        read_rows(path, data_format)
    assert caught.value.cure
    assert str(path) in str(caught.value.where)
    return caught.value


def test_each_format_yields_prompt_and_completion(tmp_path: Path) -> None:
    turns = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"), ("assistant", "See you")]
    messages = {"messages": [{"role": role, "content": content} for role, content in turns]}
    for data_format, raw, prompt, completion in (
        ("prompt-completion", {"prompt": "a", "completion": "b", "tag": 3}, "a", "b"),
        ("text", {"text": "abc"}, "", "abc"),
        ("messages", messages, "Be kind.\nHi\nHello\nBye", "See you"),
    ):
        (row,) = read_rows(_file(tmp_path, json.dumps(raw)), data_format)
        assert (row.number, row.raw, row.prompt, row.completion) == (1, raw, prompt, completion)


def test_parquet_reads_as_jsonl_does(tmp_path: Path) -> None:
    rows = read_rows(_parquet(tmp_path, {"prompt": ["a", "c"], "completion": ["b", "d"]}), "prompt-completion")
    assert [(r.number, r.prompt, r.completion) for r in rows] == [(1, "a", "b"), (2, "c", "d")]


def test_blank_lines_are_skipped_and_numbers_stay_line_numbers(tmp_path: Path) -> None:
    path = _file(tmp_path, '\ufeff{"text": "a"}\r\n\n  \n{"text": "b"}')
    assert [(r.number, r.completion) for r in read_rows(path, "text")] == [(1, "a"), (4, "b")]


def test_a_cut_off_line_is_named(tmp_path: Path) -> None:
    error = _refused(_file(tmp_path, '{"prompt": "a", "completion": "b"}\n{"prompt": "a", "comple'))
    assert "line 2" in str(error.where)
    assert "not JSON" in error.what


def test_broken_utf8_is_named_by_line_and_byte(tmp_path: Path) -> None:
    error = _refused(_file(tmp_path, b'{"prompt": "a", "completion": "b"}\n{"prompt": "caf\xe9", "completion": "b"}\n'))
    assert "line 2" in str(error.where)
    assert "0xe9" in error.what


def test_a_missing_column_is_named_with_the_columns_there_are(tmp_path: Path) -> None:
    error = _refused(_file(tmp_path, '{"question": "a", "answer": "b"}'))
    assert "'prompt' is missing" in error.what
    assert "'question', 'answer'" in error.what
    assert "line 1, field 'prompt'" in str(error.where)
    error = _refused(_parquet(tmp_path, {"question": ["a"], "answer": ["b"]}))
    assert "'question', 'answer'" in error.what


@pytest.mark.parametrize(
    ("line", "data_format", "what"),
    [
        ('{"prompt": "a", "completion": 7}', "prompt-completion", "'completion' is a number, not a string"),
        ('{"prompt": null, "completion": "b"}', "prompt-completion", "'prompt' is null, not a string"),
        ('{"prompt": "a", "completion": ""}', "prompt-completion", "'completion' is empty"),
        ('{"text": ""}', "text", "'text' is empty"),
        ('{"messages": "hello"}', "messages", "'messages' is a string"),
        ('{"messages": []}', "messages", "an empty list"),
        ('{"messages": ["hello"]}', "messages", "a turn is a string"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "messages", "no turn has the role 'assistant'"),
        ('{"messages": [{"role": "assistant"}]}', "messages", "'content' is missing"),
        ('["a", "b"]', "text", "the line holds a list, not an object"),
        ('{"text": NaN}', "text", "NaN is not a JSON number"),
        ('{"text": "\\ud800"}', "text", "half a character"),
        ("[" * 100_000, "text", "cannot be read as JSON"),
        ('{"text": "a", "n": ' + "9" * 5000 + "}", "text", "cannot be read as JSON"),
    ],
)
def test_values_that_cannot_be_trained_on_are_refused(
    tmp_path: Path, line: str, data_format: DataFormat, what: str
) -> None:
    error = _refused(_file(tmp_path, line), data_format)
    assert what in error.what
    assert "line 1" in str(error.where)


def test_files_that_hold_nothing_readable_are_refused(tmp_path: Path) -> None:
    assert "no rows" in _refused(_file(tmp_path, "\n\n")).what
    assert "no such file" in _refused(tmp_path / "absent.jsonl").what
    assert "directory" in _refused(_directory(tmp_path)).what
    assert ".csv" in _refused(_file(tmp_path, "a,b", "train.csv")).what


def _directory(tmp_path: Path) -> Path:
    path = tmp_path / "folder.jsonl"
    path.mkdir()
    return path


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = _parquet(tmp_path, {"prompt": ["a"] * 1000, "completion": ["b"] * 1000})
    whole = path.read_bytes()
    for kept in (0, 3, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:kept])
        assert "Parquet" in _refused(path).what
