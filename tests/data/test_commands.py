"""Commands: sources in, versions and files out, one lineage through a chain of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.data.difficulty.pupil import Pupil

from labwright.contracts.errors import DataError, UsageError
from labwright.contracts.generation import Decoding
from labwright.data import commands
from labwright.data.difficulty import Method
from labwright.data.transforms import Plan, Rules
from labwright.data.workbench import Out, Workbench
from labwright.ledger import Ledger


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    home = tmp_path / "home"
    with Ledger.open(f"sqlite:///{home / 'lab.db'}") as ledger:
        yield Workbench(home, ledger)


def _sums(tmp_path: Path, count: int = 18, name: str = "sums.jsonl") -> str:
    path = tmp_path / name
    rows = [{"prompt": f"{100 + n % 9} + {n}", "completion": str(100 + n % 9 + n), "id": n} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _lines(path: Path | None) -> list[dict[str, object]]:
    assert path is not None
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_chain_of_commands_over_files_has_one_lineage(tmp_path: Path, bench: Workbench) -> None:
    src = _sums(tmp_path)
    once = commands.dedup(bench, src, str(tmp_path / "once.jsonl"))
    kept = commands.filter_rows(bench, str(once.file), str(tmp_path / "kept.parquet"), Rules(where="id >= 6"))
    drawn = commands.subset(bench, str(kept.file), "drawn", 0.5)
    assert [step.transform for step in drawn.version.lineage] == ["register", "dedup", "filter", "subset"]
    assert drawn.version.rows == 6
    way = commands.trace(bench, "drawn", 1)
    assert way.source is not None
    assert way.source.file == src
    assert commands.lineage(bench, drawn.version.id[:8]).id == drawn.version.id
    assert pq.read_table(kept.file).column("id").to_pylist() == list(range(6, 18))
    assert _lines(kept.rejects)[0] == {
        "file": once.version.id,
        "row": 1,
        "reason": "does not meet: id >= 6",
        "data": {"prompt": "100 + 0", "completion": "100", "id": 0},
    }


def test_rows_left_behind_lie_beside_the_file_with_their_place_in_the_source(tmp_path: Path, bench: Workbench) -> None:
    src = tmp_path / "twice.jsonl"
    src.write_text('{"prompt":"a","completion":"b"}\n\n{"prompt":"a ","completion":"b"}\n')
    made = commands.dedup(bench, str(src), str(tmp_path / "out.jsonl"))
    assert (made.version.rows, made.dropped, made.rejects) == (1, 1, tmp_path / "out.rejects.jsonl")
    (reject,) = _lines(made.rejects)
    assert (reject["file"], reject["row"], reject["data"]) == (str(src), 3, {"prompt": "a ", "completion": "b"})
    assert str(reject["reason"]).startswith("the same as an earlier row (row 1 of the version ")
    src.write_text('{"prompt":"a","completion":"b"}\n')
    assert commands.dedup(bench, str(src), str(tmp_path / "out.jsonl")).rejects is None
    assert not (tmp_path / "out.rejects.jsonl").exists()


def test_a_source_is_registered_once_and_again_when_it_changed(tmp_path: Path, bench: Workbench) -> None:
    src = _sums(tmp_path)
    first = bench.open(src)
    assert bench.open(src) == first
    assert len(bench.ledger.datasets()) == 1
    Path(src).write_text('{"prompt":"a","completion":"b"}\n')
    assert bench.open(src).id != first.id
    assert bench.open(first.id) == first
    assert bench.open("sums").rows == 1


def test_a_version_whose_rows_are_gone_is_registered_again(tmp_path: Path, bench: Workbench) -> None:
    src = _sums(tmp_path)
    first = bench.open(src)
    Path(first.path).write_text("changed")
    assert bench.open(src) == first
    assert commands.subset(bench, src, "again", 3).version.rows == 3


def test_a_home_that_was_moved_still_has_its_versions(tmp_path: Path, bench: Workbench) -> None:
    version = bench.open(_sums(tmp_path))
    bench.ledger.close()
    moved = tmp_path / "moved"
    (tmp_path / "home").rename(moved)
    with Ledger.open(f"sqlite:///{moved / 'lab.db'}") as ledger:
        assert commands.subset(Workbench(moved, ledger), version.id, "few", 2).version.rows == 2


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_a_subset_of_no_number_of_rows_is_refused(size: float, tmp_path: Path, bench: Workbench) -> None:
    with pytest.raises(DataError, match="no number of rows"):
        commands.subset(bench, _sums(tmp_path), "few", size)


def test_mix_takes_by_default_what_needs_no_row_twice(tmp_path: Path, bench: Workbench) -> None:
    first, second = _sums(tmp_path, 12, "a.jsonl"), _sums(tmp_path, 30, "b.jsonl")
    made = commands.mix(bench, [(first, 1), (second, 2)], "both")
    assert made.version.rows == 36
    assert made.remarks == ()
    more = commands.mix(bench, [(first, 1), (second, 1)], "more", size=60)
    assert more.remarks == ("every row of a is taken 2.50 times",)


def test_split_writes_a_file_a_part(tmp_path: Path, bench: Workbench) -> None:
    made = commands.split(bench, _sums(tmp_path), str(tmp_path / "out.jsonl"), Plan({"train": 12, "test": 6}))
    assert [(one.file, one.version.name, len(_lines(one.file))) for one in made] == [
        (tmp_path / "out-train.jsonl", "out-train", 12),
        (tmp_path / "out-test.jsonl", "out-test", 6),
    ]


def test_upsample_by_condition_and_by_weights(tmp_path: Path, bench: Workbench) -> None:
    src = _sums(tmp_path)
    assert commands.upsample(bench, src, "a", where="id = 0", factor=10).version.rows == 27
    assert commands.upsample(bench, src, "b", by="id", weights={"0": 3, "1": 0}).version.rows == 19


def test_difficulty_gives_every_row_or_one_variant(tmp_path: Path, bench: Workbench) -> None:
    src, method = _sums(tmp_path), Method("pass-rate", 8, Decoding(8, 0.8))
    pupil = Pupil()
    made = commands.difficulty(bench, src, str(tmp_path / "scored.jsonl"), pupil, "pupil", method)
    assert {row["difficulty_bin"] for row in _lines(made.made.file)} == {"easy", "medium", "hard"}
    assert bench.open("scored-hard").rows == made.result.counts["hard"] == 4
    asked = pupil.prompts
    hard = commands.difficulty(bench, src, str(tmp_path / "hard.jsonl"), pupil, "pupil", method, keep="hard")
    assert pupil.prompts == asked
    assert [str(row["prompt"])[:3] for row in _lines(hard.made.file)] == ["100", "101", "100", "101"]
    assert commands.trace(bench, str(tmp_path / "scored.jsonl"), 5).source is not None


def test_out_is_a_file_or_a_name_and_never_the_source(tmp_path: Path, bench: Workbench) -> None:
    src = _sums(tmp_path)
    with pytest.raises(DataError, match="OUT is the source"):
        commands.dedup(bench, src, src)
    for out in ("out.csv", "a/b", "", "-x", "x.json"):
        with pytest.raises(DataError, match="neither"):
            Out.parse(out)
    assert Out.parse("v1.2").file is None
    with pytest.raises(DataError, match=r"a size of 2\.5"):
        commands.subset(bench, src, "x", 2.5)
    with pytest.raises(DataError, match="no such file or directory"):
        commands.dedup(bench, "absent", "x")


def test_the_beginning_of_an_id_finds_a_version_unless_several_begin_so(tmp_path: Path, bench: Workbench) -> None:
    version = bench.open(_sums(tmp_path))
    assert bench.find(version.id[:6]) == version
    assert bench.find(version.id[:5]) is None
    twin = version.id[:10] + "0" * 6
    bench.keep(commands.subset(bench, version.id, "few", 2).version)
    bench.keep(replace(version, id=twin, name="twin"))
    with pytest.raises(UsageError, match="several dataset versions begin with"):
        bench.find(version.id[:8])


def test_versions_without_a_study_survive_a_rebuild(tmp_path: Path, bench: Workbench) -> None:
    commands.subset(bench, _sums(tmp_path), "few", 2)
    before = bench.ledger.datasets()
    bench.ledger.rebuild(None)
    assert bench.ledger.datasets() == before != ()


def test_parquet_keeps_order_types_and_names(tmp_path: Path, bench: Workbench) -> None:
    src = tmp_path / "odd.jsonl"
    rows = [{"_n": n, "a": [n], "b": {"c": None if n % 2 else "x"}, "A b": n / 2} for n in range(3000)]
    src.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = commands.subset(bench, str(src), str(tmp_path / "out.parquet"), 3000)
    assert pq.read_table(made.file).to_pylist() == rows
