"""A conversion is a step of the lineage: its file is a version, and what could not be converted is known by its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labwright.contracts.errors import DataError
from labwright.data import commands
from labwright.data.conversion import convert_source
from labwright.data.layouts import ConvertOptions
from labwright.data.origins import read_dropped
from labwright.data.workbench import Workbench
from labwright.ledger import Ledger

ROWS: list[dict[str, object]] = [{"instruction": f"Add {n}.", "output": str(n), "level": n % 2} for n in range(9)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Ledger.open(f"sqlite:///{tmp_path / 'home' / 'lab.db'}") as ledger:
        yield Workbench(tmp_path / "home", ledger)


def source(tmp_path: Path, rows: list[dict[str, object]]) -> str:
    path = tmp_path / "raw.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("name", ["chat.jsonl", "chat.parquet"])
def test_a_chain_through_a_conversion_leads_to_the_row_of_the_source(
    name: str, tmp_path: Path, bench: Workbench
) -> None:
    src = source(tmp_path, [{"instruction": "Say nothing.", "output": None, "level": 0}, *ROWS])
    done = convert_source(bench, src, tmp_path / name, "messages", ConvertOptions(keep=("level",)))
    assert (done.written.rows, done.written.rejected, done.version.format) == (9, 1, "messages")
    few = commands.subset(bench, str(tmp_path / name), "few", 9)
    assert [step.transform for step in few.version.lineage] == ["register", "convert", "subset"]
    assert few.version.lineage[1].params == {"from": "alpaca", "to": "messages", "keep": ["level"]}
    place = commands.trace(bench, few.version.id, 9).source
    assert place is not None and (place.file, place.row) == (src, 10)
    (dropped,) = read_dropped(bench.home, done.version.lineage[-1].dropped)
    assert dropped.row == 1 and "null" in dropped.reason


def test_a_version_is_converted_by_its_id_and_its_source_is_left_alone(tmp_path: Path, bench: Workbench) -> None:
    version = bench.open(source(tmp_path, ROWS))
    made = convert_source(bench, version.id, tmp_path / "out.jsonl", "prompt")
    assert made.version.lineage[-1].parents == (version.id,)
    with pytest.raises(DataError, match="OUT is the source itself"):
        convert_source(bench, str(tmp_path / "raw.jsonl"), tmp_path / "raw.jsonl", "prompt")
    assert len((tmp_path / "raw.jsonl").read_text().splitlines()) == 9


def test_where_no_row_can_be_converted_there_is_no_version_and_every_reason(tmp_path: Path, bench: Workbench) -> None:
    src = source(tmp_path, [{"instruction": "Say nothing.", "output": ""}, *[{"instruction": "", "output": "x"}] * 2])
    with pytest.raises(DataError, match="none of 3 rows could be converted"):
        convert_source(bench, src, tmp_path / "out.jsonl", "messages")
    assert len((tmp_path / "out.rejects.jsonl").read_text().splitlines()) == 3
    assert all(version.lineage[-1].transform != "convert" for version in bench.ledger.datasets())


def test_columns_whose_names_tell_nothing_are_told_by_role(tmp_path: Path, bench: Workbench) -> None:
    src = source(tmp_path, [{"frage": f"Was ist {n}?", "antwort": f"Eine Zahl, {n}.", "note": "x"} for n in range(5)])
    with pytest.raises(DataError, match=r"no known layout has the columns frage, antwort, note.*--column prompt"):
        convert_source(bench, src, tmp_path / "out.jsonl", "messages")
    columns = {"prompt": "frage", "answer": "antwort"}
    done = convert_source(bench, src, tmp_path / "out.jsonl", "prompt-completion", columns=columns)
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first == {"prompt": "Was ist 0?", "completion": "Eine Zahl, 0."}
    assert done.layout.others == ("note",)
    assert done.version.lineage[-1].params["columns"] == columns


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"poem": "instruction"}, r"no role 'poem'.*use one of: system, context"),
        ({"prompt": "frage"}, r"no column 'frage'.*the columns are instruction, output, level"),
        ({"label": "level"}, "columns for label alone are no known layout"),
    ],
)
def test_a_role_or_column_that_there_is_not_is_named(
    columns: dict[str, str], said: str, tmp_path: Path, bench: Workbench
) -> None:
    with pytest.raises(DataError, match=said):
        convert_source(bench, source(tmp_path, ROWS), tmp_path / "out.jsonl", "messages", columns=columns)
