"""A look at a dataset: what it says of columns, when it is exact, and what it says when it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.servers.hub_server import HubDataset, HubServer

from labwright.contracts.data import ColumnProfile, Inspection
from labwright.contracts.errors import DataError
from labwright.data.inspection import cut, inspect
from labwright.data.profiles import profile
from labwright.data.sources import Scratch, open_source
from labwright.data.sources.types import readable


def jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def column(found: Inspection, name: str) -> ColumnProfile:
    return next(one for one in found.columns if one.name == name)


def test_columns_are_described_exactly(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"n": n, "text": "x" * n, "kind": "ab"[n % 2], "ok": n > 50, "turns": [{"role": "user"}] * (n % 3)}
        for n in range(101)
    ]
    rows[7] |= {"n": None, "text": " \n ", "kind": None}
    found = inspect(open_source(jsonl(tmp_path / "a.jsonl", rows)))
    assert found.sampled is None and not [one for one in found.remarks if "sample" in one]
    assert dict(found.schema) == {
        "n": "int64",
        "text": "string",
        "kind": "string",
        "ok": "bool",
        "turns": "list<struct<role: string>>",
    }
    n = column(found, "n")
    assert (n.rows, n.nulls, n.low, n.high, n.distinct, n.distinct_is_exact) == (101, 1, 0, 100, 100, True)
    assert n.mean == pytest.approx(50.43)
    assert n.quantiles[2] == pytest.approx(50.5)
    assert sum(count for _, count in n.histogram) == 100
    text = column(found, "text")
    assert (text.nulls, text.empty, text.low, text.high) == (0, 2, 0, 100)
    assert column(found, "kind").frequent == (("a", 51), ("b", 49))
    assert column(found, "ok").frequent == (("false", 51), ("true", 50))
    assert column(found, "turns").empty == 34
    assert [(size.name, size.rows) for size in found.splits] == [("train", 101)]


def test_mixed_columns_say_what_they_mix(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": None, "c": {}}, {"a": "x", "b": None, "c": {}}, {"a": None, "b": None, "c": {}}]
    found = inspect(open_source(jsonl(tmp_path / "a.jsonl", rows)))
    assert dict(found.schema) == {"a": "mixed (int64, string)", "b": "null", "c": "object"}
    assert (column(found, "a").nulls, column(found, "a").frequent) == (1, (("int64", 1), ("string", 1)))


def test_not_a_number_counts_as_null(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0, float("nan"), None, float("inf"), 3.0]}), tmp_path / "a.parquet")
    found = inspect(open_source(str(tmp_path / "a.parquet")))
    x = column(found, "x")
    assert (x.nulls, x.low, x.high, x.mean) == (3, 1.0, 3.0, 2.0)
    assert [row["x"] for row in found.samples] == [1.0, None, None, None, 3.0]


def test_every_split_is_counted(tmp_path: Path) -> None:
    jsonl(tmp_path / "train.jsonl", [{"x": 1}] * 5)
    (tmp_path / "test.jsonl").write_text('{"x": 1}\n\n{"x": 2}')
    found = inspect(open_source(str(tmp_path)))
    assert [(size.name, size.rows) for size in found.splits] == [("train", 5), ("test", 2)]


def test_long_cells_are_cut_and_say_so(tmp_path: Path) -> None:
    row = {"text": "x" * 5000, "turns": [{"content": "y" * 900}] * 40, "short": "z"}
    found = inspect(open_source(jsonl(tmp_path / "a.jsonl", [row])))
    sample: Mapping[str, Any] = found.samples[0]
    assert sample["text"].endswith("… (5,000 characters)") and len(sample["text"]) < 450
    assert sample["turns"][-1] == "… (40 members)" and sample["turns"][0]["content"].endswith("(900 characters)")
    assert sample["short"] == "z"
    assert "long cells are cut" in found.remarks[-1]
    assert cut("short") == "short"


def test_what_does_not_fit_the_time_is_sampled_and_said(tmp_path: Path) -> None:
    rows = [{"n": n, "text": "x" * 400} for n in range(20_000)]
    found = inspect(open_source(jsonl(tmp_path / "a.jsonl", rows)), seconds=0.05)
    assert found.sampled is not None and found.sampled < 20_000
    assert any(f"rest on {found.sampled:,} rows from 64 places" in remark for remark in found.remarks)
    assert [size.rows for size in found.splits] == [20_000]
    high = column(found, "n").high
    assert isinstance(high, int) and high > 15_000


def test_columns_that_time_did_not_reach_rest_on_a_sample(tmp_path: Path) -> None:
    rows = [{"n": n, "text": "x"} for n in range(50_000)]
    with Scratch() as scratch:
        loaded = open_source(jsonl(tmp_path / "a.jsonl", rows)).load(scratch)
        found = profile(loaded, 0.0)
    assert found.sampled == 20_000
    assert [one.rows for one in found.columns] == [20_000, 20_000]
    assert "time ran out: n, text" in found.remarks[0]


def test_nothing_is_described_of_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a":1}\n{"a"\n')
    with pytest.raises(DataError, match=r"a.jsonl:2"):
        inspect(open_source(str(tmp_path / "a.jsonl")))


def test_a_dataset_on_the_hub_is_described_with_its_classes(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": n % 2} for n in range(50)]
    features = {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}}
    with HubServer([HubDataset("acme/cls", {"default": {"train": rows}}, features=features, licence="mit")]) as server:
        found = inspect(open_source("acme/cls", hub=server.access(tmp_path)))
    assert (found.licence, found.sampled) == ("mit", None)
    assert column(found, "label").frequent == (("0 (no)", 25), ("1 (yes)", 25))


def test_the_hubs_statistics_serve_where_only_a_sample_is_read(tmp_path: Path) -> None:
    rows = [{"n": n, "text": f"{n}" * 9} for n in range(20_000)]
    whole = {
        "column_name": "n",
        "column_type": "int",
        "column_statistics": {
            "nan_count": 4,
            "min": -5,
            "max": 99_999,
            "mean": 7.5,
            "histogram": {"hist": [3, 4], "bin_edges": [0, 10, 20]},
        },
    }
    statistics = {"num_examples": 123_456, "statistics": [whole, None, {"column_name": 3}], "partial": False}
    dataset = HubDataset("acme/large", {"default": {"train": rows}}, statistics=statistics)
    with HubServer([dataset]) as server:
        found = inspect(open_source("acme/large", hub=server.access(tmp_path)), seconds=0.001)
        n = column(found, "n")
        assert (n.rows, n.nulls, n.low, n.high, n.mean) == (123_456, 4, -5, 99_999, 7.5)
        assert column(found, "text").rows == found.sampled
        assert any("over all rows" in remark for remark in found.remarks)
        dataset.statistics = {**statistics, "partial": True}
        part = inspect(open_source("acme/large", hub=server.access(tmp_path / "again")), seconds=0.001)
        assert column(part, "n").rows == part.sampled


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("STRUCT(a JSON, b BIGINT[])", "struct<a: mixed, b: list<int64>>"),
        ("MAP(VARCHAR, DOUBLE)", "map<string, float64>"),
        ("DECIMAL(10,2)", "decimal(10,2)"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("INTEGER[3]", "list<int32>"),
        ("JSON[]", "list<mixed>"),
    ],
)
def test_types_read_as_a_person_says_them(sql: str, shown: str) -> None:
    assert readable(sql) == readable(duckdb.type(sql)) == shown
