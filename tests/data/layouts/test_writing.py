"""Converted rows are written whole or not at all, and what was rejected lies beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.data.layouts.layout_rows import located

from labwright.contracts.data import Location, Rejected
from labwright.contracts.errors import DataError
from labwright.data.layouts import Converted, convert, recognise, rejects_beside, write_converted

GOOD = {"messages": [{"role": "user", "content": "Grüße?"}, {"role": "assistant", "content": "ja"}]}
BAD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]}


def results(rows: list[dict]) -> Iterator[Converted | Rejected]:
    layout = recognise({}, [GOOD])
    assert layout is not None
    return convert(located(rows), layout, "messages")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_ends_in_one_of_the_two_files(tmp_path: Path) -> None:
    written = write_converted(results([GOOD, BAD, GOOD, BAD, {"messages": None}]), tmp_path / "out.jsonl")

    assert lines(written.out) == [GOOD, GOOD]
    assert (written.rows, written.rejected) == (2, 3)
    assert written.rejects == tmp_path / "out.rejects.jsonl"
    aside = lines(written.rejects)
    assert [line["row"] for line in aside] == [2, 4, 5]
    assert aside[0] == {
        "file": "data.jsonl",
        "row": 2,
        "reason": "messages[1]: the assistant's turn is empty",
        "data": BAD,
    }
    assert written.reasons == {
        "messages[]: the assistant's turn is empty": 2,
        "messages: null where a list of turns should be": 1,
    }


def test_parquet_holds_the_same_rows(tmp_path: Path) -> None:
    written = write_converted(results([GOOD] * 2500 + [BAD]), tmp_path / "out.parquet")

    table = pq.read_table(written.out)
    assert table.num_rows == 2500
    assert table.slice(2499).to_pylist() == [GOOD]


def test_parquet_takes_calls_with_different_arguments(tmp_path: Path) -> None:
    def calling(**arguments: object) -> dict:
        call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
        return {"messages": [GOOD["messages"][0], {"role": "assistant", "content": "", "tool_calls": [call]}]}

    written = write_converted(results([calling(a=1), GOOD, calling(b="x")]), tmp_path / "out.parquet")

    rows = pq.read_table(written.out).to_pylist()
    calls = [row["messages"][1]["tool_calls"] for row in rows]
    assert [json.loads(found[0]["function"]["arguments"]) for found in calls if found] == [{"a": 1}, {"b": "x"}]


def test_columns_of_mixed_types_are_refused_for_parquet_by_name_of_the_file(tmp_path: Path) -> None:
    mixed = [
        Converted(Location("f", 1), {"prompt": "a", "id": 1}),
        Converted(Location("f", 2), {"prompt": "a", "id": "x"}),
    ]

    with pytest.raises(DataError, match=r"out\.parquet"):
        write_converted(mixed, tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_midway_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("before\n")

    def failing() -> Iterator[Converted | Rejected]:
        yield from results([GOOD])
        raise DataError("the file was cut off", where="data.jsonl:2")

    with pytest.raises(DataError, match="cut off"):
        write_converted(failing(), out)
    assert out.read_text() == "before\n"
    assert list(tmp_path.iterdir()) == [out]


def test_nothing_convertible_is_an_error_that_shows_where_the_rows_are(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"

    with pytest.raises(DataError, match="none of 2 rows could be converted; most often: messages") as caught:
        write_converted(results([BAD, BAD]), out)
    assert "out.rejects.jsonl" in str(caught.value.cure)
    assert len(lines(rejects_beside(out))) == 2
    assert not out.exists()
    with pytest.raises(DataError, match="no rows"):
        write_converted([], tmp_path / "none.jsonl")


def test_rejects_of_an_earlier_conversion_do_not_stay(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    write_converted(results([GOOD, BAD]), out)

    written = write_converted(results([GOOD]), out)
    assert written.rejects is None
    assert not rejects_beside(out).exists()


def test_a_suffix_that_nobody_writes_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.jsonl or \.parquet"):
        write_converted(results([GOOD]), tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_row_that_is_no_json_is_still_kept(tmp_path: Path) -> None:
    odd = Rejected(Location("f", 2), "half a character", {"a": "\ud800", "b": {1, 2}})  # type: ignore[dict-item]
    written = write_converted([Converted(Location("f", 1), GOOD), odd], tmp_path / "out.jsonl")

    assert written.rejects is not None
    assert "half a character" in written.rejects.read_text(encoding="utf-8")
