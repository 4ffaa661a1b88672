"""Lineage: the tree of steps, and every row's way back to the file and row it came from."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.data.transforms.rows_of import rows_in, version_of

from labwright.contracts.data import Location
from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion, Lineage
from labwright.data.lineage import drawn, lineage, trace
from labwright.data.sources import open_source
from labwright.data.transforms import Plan, Rules, dedup, keep_rows, mix, split, subset, upsample
from labwright.data.versions import register, register_table


def test_every_row_is_traced_through_every_transform_to_its_file_and_line(tmp_path: Path) -> None:
    rows = [{"text": f"sentence {n // 2} of the first file", "level": n} for n in range(60)]
    first = version_of(tmp_path, rows, "first")
    second = version_of(tmp_path, [{"text": f"another one, number {n}", "level": 100 + n} for n in range(20)], "second")
    kept = keep_rows(dedup(first), Rules(where="level % 4 = 0"))
    mixed = mix([kept, second], [1, 2], 45, seed=3)
    repeated = upsample(mixed, where="level < 50", factor=2)
    part = split(repeated, Plan({"train": 0.7, "test": 0.3}, seed=1, duplicates="exact"))["train"]
    final = subset(part, 20, seed=9)
    texts = {name: (tmp_path / f"{name}.jsonl").read_text().splitlines() for name in ("first", "second")}
    for number, row in enumerate(rows_in(final), start=1):
        way = trace(final, number)
        assert way.ends == ""
        assert way.source is not None
        assert json.loads(texts[Path(way.source.file).stem][way.source.row - 1]) == row
        names = [step.transform for step in way.steps]
        assert names[:4] == ["subset", "split", "upsample", "mix"]
        assert names[4:] in (["filter", "dedup", "register", "source"], ["register", "source"])
    assert {step.code.split("+")[0] for step in final.lineage} == {"labwright 0.1.0"}


def test_a_step_that_leaves_its_rows_as_they_were_does_not_go_round_in_circles(tmp_path: Path) -> None:
    version = version_of(tmp_path, [{"text": f"row {n}"} for n in range(3)])
    same = dedup(keep_rows(version, Rules(where="true")))
    assert same.id == version.id
    assert [step.transform for step in trace(same, 2).steps] == ["dedup", "filter", "register", "source"]
    assert [node.step.transform for node in lineage(same).walk()] == ["dedup", "filter", "register"]


def test_lines_are_those_of_the_file_blank_ones_counted(tmp_path: Path) -> None:
    path = tmp_path / "gaps.jsonl.gz"
    path.write_bytes(gzip.compress(b'\n{"text":"a"}\n\n\n{"text":"b"}\n'))
    version = register_table(open_source(str(path)), "gaps", tmp_path / "home")
    assert trace(version, 2).source == Location(str(path), 5)


def test_several_files_of_a_source_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"text,label\none of {name},x\ntwo of {name},y\n")
    version = register_table(open_source(str(tmp_path / "*.csv")), "both", tmp_path / "home")
    assert version.format == "text"
    assert trace(version, 3).source == Location(str(tmp_path / "b.csv"), 1)
    assert version.lineage[0].params["files"] == 2


def test_a_study_s_version_is_traced_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt":"a","completion":"b"}\n\n{"prompt":"c","completion":"d"}\n')
    version = register(path, "train", "prompt-completion", tmp_path / "home")
    assert trace(version, 2).source == Location(str(path), 3)


def test_what_an_older_version_did_not_record_is_said(tmp_path: Path) -> None:
    version = version_of(tmp_path, [{"text": "a"}, {"text": "b"}])
    old = replace(version, lineage=(Lineage("register", {"path": "x.jsonl"}),))
    way = trace(old, 1)
    assert (way.source, "older version" in way.ends) == (None, True)
    later = subset(old, 1, 0)
    assert [step.transform for step in trace(later, 1).steps] == ["subset", "register"]
    with pytest.raises(DataError, match="nothing was recorded"):
        lineage(replace(version, lineage=()))


def test_rows_that_are_not_there_and_records_that_are_gone_are_errors(tmp_path: Path) -> None:
    version = version_of(tmp_path, [{"text": "a"}])
    for row in (0, 2):
        with pytest.raises(DataError, match=f"no row {row}"):
            trace(version, row)
    for file in (tmp_path / "home" / "origins").iterdir():
        file.write_bytes(b"damaged")
    with pytest.raises(DataError, match="gone or damaged"):
        trace(version, 1)


def test_the_tree_is_drawn_with_parameters_and_without_telling_twice(tmp_path: Path) -> None:
    base = version_of(tmp_path, [{"text": f"row {n}"} for n in range(10)], "base")
    small = subset(base, 5, 1)
    mixed = mix([small, dedup(small), base], [1, 1, 2], 8, 0)
    lines = [line.partition(" (")[0] for line in drawn(lineage(mixed))]
    assert lines == [
        f"{mixed.id}  mix",
        f"├─ {small.id}  subset",
        f"│  └─ {base.id}  register",
        f"├─ {small.id}  dedup",
        f"│  └─ {small.id}  subset",
        f"└─ {base.id}  register",
    ]
    assert "size=5, seed=1, not_drawn=5" in drawn(lineage(mixed))[1]
    assert drawn(lineage(mixed))[4].endswith("(as above)")


def test_the_format_is_the_one_that_every_row_fits(tmp_path: Path) -> None:
    def of(rows: list[dict[str, object]], name: str) -> DatasetVersion:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return register_table(open_source(str(path)), name, tmp_path / "home")

    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert of([chat], "chat").format == "messages"
    assert of([chat, {"messages": []}], "broken").format == "rows"
    assert of([{"prompt": "a", "completion": "b", "text": "c"}, {"prompt": "a", "text": "c"}], "text").format == "text"
