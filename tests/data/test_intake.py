"""What a person attaches is checked before it is read, gets a safe name, stays private, and errors tell no paths."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.contracts.errors import DataError
from labwright.data.intake import SUFFIXES, receive, safe_name, take_in

ROWS = b'{"prompt": "1 2", "completion": "2 1"}\n' * 3


class Untouchable(io.RawIOBase):
    """A stream that must not be read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("it was read")


def test_a_file_is_copied_counted_and_private(tmp_path: Path) -> None:
    source = tmp_path / "my data.jsonl"
    source.write_bytes(ROWS)
    taken = take_in(source, tmp_path / "workspace" / "data")
    assert (taken.path.name, taken.rows, taken.bytes) == ("my-data.jsonl", 3, len(ROWS))
    assert taken.path.read_bytes() == ROWS and stat.S_IMODE(taken.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(taken.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in taken.path.parent.iterdir()] == ["my-data.jsonl"]


def test_one_that_says_it_is_too_large_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="100 MB are taken in"):
        receive(Untouchable(), "big.jsonl", tmp_path / "data", size=100_000_001)  # type: ignore[arg-type]
    assert not (tmp_path / "data").exists()


def test_one_that_has_more_than_it_said_is_refused_on_the_way_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="are taken in"):
        receive(io.BytesIO(ROWS * 40), "x.jsonl", tmp_path, size=10, most_bytes=1_000)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    names = [receive(io.BytesIO(ROWS), "x.jsonl", tmp_path, size=None).path.name for _ in range(3)]
    assert names == ["x.jsonl", "x-2.jsonl", "x-3.jsonl"]


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\Users\\me\\données.CSV", "donnees.csv"),
        (".jsonl", "data.jsonl"),
        ("con.json", "data-con.json"),
        ("a\x00b; rm -rf ~.parquet", "a-b-rm--rf.parquet"),
        ("x" * 300 + ".txt", "x" * 76 + ".txt"),
    ],
)
def test_a_name_becomes_safe(given: str, safe: str) -> None:
    assert safe_name(given) == safe


@given(st.text(max_size=200), st.sampled_from(SUFFIXES))
def test_any_name_becomes_a_plain_one_or_is_refused(text: str, suffix: str) -> None:
    try:
        name = safe_name(text + suffix)
    except DataError:
        return
    assert name == Path(name).name and name.isascii() and not name.startswith(".") and len(name) <= 85


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.exe", ROWS, "is not taken in"),
        ("x.jsonl", b"", "is empty"),
        ("x.jsonl", ROWS + b'{"prompt": \n', "x.jsonl"),
        ("x.parquet", b"PAR1 and then nothing", "x.parquet"),
        ("x.json", b"[]", "no rows"),
    ],
)
def test_what_cannot_be_data_is_refused_without_telling_where_it_was_put(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(DataError) as refused:
        receive(io.BytesIO(content), name, tmp_path / "secret-place", size=len(content))
    error = refused.value
    assert said in error.one_line() and "secret-place" not in error.one_line() and ".receiving" not in error.one_line()
    assert not (tmp_path / "secret-place").exists() or list((tmp_path / "secret-place").iterdir()) == []


def test_a_directory_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path, tmp_path / "pipe.jsonl"):
        with pytest.raises(DataError, match="this is no file"):
            take_in(path, tmp_path / "data")
