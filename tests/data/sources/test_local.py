"""Files, directories and globs as tables: what they hold, how splits are told, what is refused and where."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.sources import Loaded, Scratch, open_source

ROWS: list[dict[str, Any]] = [
    {"prompt": f"p{n}", "completion": "é" * (n % 3), "n": n, "turns": [{"role": "user", "content": f"c{n}"}]}
    for n in range(300)
]


def jsonl(path: Path, rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    match "".join(path.suffixes):
        case ".jsonl" | ".json.lines" | "":
            path.write_bytes(text)
        case ".jsonl.gz":
            path.write_bytes(gzip.compress(text))
        case ".jsonl.zst":
            with pa.CompressedOutputStream(str(path), "zstd") as sink:
                sink.write(text)
        case ".json":
            path.write_text(json.dumps(rows, indent=1))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=50)
        case ".arrow":
            table = pa.Table.from_pylist(rows)
            with pa.ipc.new_stream(path, table.schema) as sink:
                sink.write_table(table, max_chunksize=70)
        case ".feather":
            feather.write_feather(pa.Table.from_pylist(rows), path)
    return path


def refused(path: Path | str, **options: Any) -> list[str]:
    """What streaming and loading each complain of."""
    said = []
    for way in ("rows", "load"):
        with pytest.raises(DataError) as caught, Scratch() as scratch:
            table = open_source(str(path), **options)
            _ = list(table.rows()) if way == "rows" else table.load(scratch)
        said.append(str(caught.value))
    return said


FORMATS = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.parquet", "a.arrow", "a.feather"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_streams_and_loads_the_same_rows(tmp_path: Path, name: str) -> None:
    table = open_source(str(write(tmp_path / name, ROWS)))
    assert [row for _, row in table.rows()] == ROWS
    with Scratch(tmp_path / "scratch") as scratch:
        loaded = table.load(scratch)
        assert loaded.rows == len(ROWS)
        assert loaded.fetch([299, 0, 150]) == [ROWS[299], ROWS[0], ROWS[150]]
        assert loaded.locate(150).row == 151
        query = f"SELECT bool_and(_n = n), sum(length(turns[1].content)) FROM {loaded.relation}"
        assert scratch.connection.sql(query).fetchall() == [(True, 1090)]
    assert not list((tmp_path / "scratch").iterdir())


def test_csv_has_types_and_quoted_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label,score\n"two\nlines, quoted ""so""",1,0.5\nplain,2,\n')
    table = open_source(str(path))
    expected = [
        {"text": 'two\nlines, quoted "so"', "label": 1, "score": 0.5},
        {"text": "plain", "label": 2, "score": None},
    ]
    assert [row for _, row in table.rows()] == expected
    with Scratch() as scratch:
        assert table.load(scratch).fetch([0, 1]) == expected
    (tmp_path / "a.tsv").write_text("text\tlabel\nx, y\t3\n")
    assert [row for _, row in open_source(str(tmp_path / "a.tsv")).rows()] == [{"text": "x, y", "label": 3}]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("id;text\n1;a, b\n2;c\n", [{"id": 1, "text": "a, b"}, {"id": 2, "text": "c"}]),  # as Excel has it in Europe
        ("id|text\n1|a;b\n", [{"id": 1, "text": "a;b"}]),
        ("id\ttext\n1\tx\n", [{"id": 1, "text": "x"}]),
        ('id;"a;b"\n1;x\n', [{"id": 1, "a;b": "x"}]),
        ("a;b,c\n1,2\n", [{"a;b": 1, "c": 2}]),  # a comma says that commas part
        ("what; and why\nbecause\n", [{"what; and why": "because"}]),  # one column, with a semicolon in its name
        ("id;text\n", []),
    ],
)
def test_csv_is_read_whatever_mark_parts_its_columns(tmp_path: Path, text: str, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "a.csv").write_text(text)
    table = open_source(str(tmp_path / "a.csv"))
    assert [row for _, row in table.rows()] == rows
    if rows:
        with Scratch() as scratch:
            assert table.load(scratch).fetch(range(len(rows))) == rows


def test_csv_files_that_part_their_columns_differently_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,x\n")
    (tmp_path / "b.csv").write_text("id;text\n2;y\n")
    with pytest.raises(DataError, match=r"a comma in .*a\.csv, a semicolon here"), Scratch() as scratch:
        open_source(str(tmp_path)).load(scratch)


def test_text_is_one_row_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\nthree")
    table = open_source(str(tmp_path / "a.txt"))
    assert [(str(place)[-1], row) for place, row in table.rows()] == [
        ("1", {"text": "one"}),
        ("2", {"text": ""}),
        ("3", {"text": "three"}),
    ]
    with Scratch() as scratch:
        assert table.load(scratch).fetch([2]) == [{"text": "three"}]


def test_a_file_without_a_suffix_is_told_by_its_content(tmp_path: Path) -> None:
    assert open_source(str(write(tmp_path / "rows", ROWS[:3]))).files[0].format == "jsonl"
    pq.write_table(pa.table({"a": [1]}), tmp_path / "cache")
    assert open_source(str(tmp_path / "cache")).files[0].format == "parquet"
    (tmp_path / "image").write_bytes(b"\x89PNG\r\n")
    assert "no format that can be read" in refused(tmp_path / "image")[0]


def test_columns_of_mixed_types_load_as_json_text(tmp_path: Path) -> None:
    rows = [{"a": 1, "d": "2024-01-01"}, {"a": "x", "d": "soon"}, {"a": [1, {"b": None}], "d": None}]
    with Scratch() as scratch:
        loaded = open_source(str(jsonl(tmp_path / "a.jsonl", rows))).load(scratch)
        assert dict(loaded.columns) == {"a": "JSON", "d": "VARCHAR"}
        assert loaded.fetch([0, 1, 2]) == rows


def test_a_type_that_changes_late_is_found(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"a": "x" * 900, "b": str(n)} for n in range(40_000)]
    rows[39_000] = {"a": "x", "b": 12, "new": True}
    with Scratch() as scratch:
        loaded = open_source(str(jsonl(tmp_path / "a.jsonl", rows))).load(scratch)
        assert dict(loaded.columns) == {"a": "VARCHAR", "b": "JSON", "new": "BOOLEAN"}
        assert loaded.fetch([39_000, 1]) == [rows[39_000], {"a": "x" * 900, "b": "1", "new": None}]


def test_strings_that_look_like_dates_or_ids_stay_strings(tmp_path: Path) -> None:
    row = {"when": "2024-01-01T10:00:00Z", "id": "550e8400-e29b-41d4-a716-446655440000", "in": {"at": ["12:30:00"]}}
    with Scratch() as scratch:
        assert open_source(str(jsonl(tmp_path / "a.jsonl", [row]))).load(scratch).fetch([0]) == [row]


def test_names_that_mean_something_in_sql_are_only_names(tmp_path: Path) -> None:
    rows = [{"_n": 7, "rowid": 8, 'a"b': 9, "select": 1, "f": 2, "c0": 3, "Label": 4, "a b'c": {"x'y\"z": 5}}]
    with Scratch() as scratch:
        loaded = open_source(str(jsonl(tmp_path / "it's [odd]*.jsonl", rows))).load(scratch)
        assert loaded.fetch([0]) == rows
        assert loaded.renamed == {"_n": "_n_"}


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('\n{"a":1}\n\n  \n{"a":2}\n{"a":3}')
    table = open_source(str(tmp_path / "a.jsonl"))
    assert [place.row for place, _ in table.rows()] == [2, 5, 6]
    with Scratch() as scratch:
        loaded = table.load(scratch)
        assert [loaded.locate(n).row for n in range(3)] == [2, 5, 6]
        with pytest.raises(IndexError):
            loaded.locate(3)


def test_a_dataset_over_files_keeps_their_order(tmp_path: Path) -> None:
    for part in range(12):
        jsonl(tmp_path / "d" / f"part-{part:02}.jsonl", [{"n": part * 2}, {"n": part * 2 + 1, "late": part}])
    table = open_source(str(tmp_path / "d"))
    assert [row["n"] for _, row in table.rows()] == list(range(24))
    with Scratch() as scratch:
        loaded = table.load(scratch)
        assert scratch.connection.sql(f"SELECT bool_and(n = _n) FROM {loaded.relation}").fetchall() == [(True,)]
        assert str(loaded.locate(23)) == f"{tmp_path}/d/part-11.jsonl:2"


def test_parquet_files_with_other_columns_are_one_table(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": ["x"], "a": [3]}), tmp_path / "2.parquet")
    with Scratch() as scratch:
        loaded = open_source(str(tmp_path)).load(scratch)
        assert loaded.fetch([0, 2]) == [{"a": 1, "b": None}, {"a": 3, "b": "x"}]


def test_splits_are_told_by_names_and_folders(tmp_path: Path) -> None:
    for name in (
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/extra-00000-of-00001.parquet",
    ):
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "a" / name)
    for name in ("b/test/part.jsonl", "b/dev.jsonl", "b/training_v2.jsonl", "b/.hidden/train.jsonl"):
        jsonl(tmp_path / name, [{"x": 1}])
    sharded = open_source(str(tmp_path / "a"))
    assert [(size.name, size.files) for size in sharded.splits] == [("train", 2), ("extra", 1)]
    named = open_source(str(tmp_path / "b"), split="test")
    assert [size.name for size in named.splits] == ["train", "validation", "test"]
    assert [file.name for file in named.files] == [str(tmp_path / "b/test/part.jsonl")]
    with pytest.raises(DataError, match="no split 'holdout'") as caught:
        open_source(str(tmp_path / "b"), split="holdout")
    assert "train, validation, test" in str(caught.value)


def test_a_folder_above_the_source_tells_no_split(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "test" / "rows.jsonl", [{"x": 1}])
    assert open_source(str(path)).split == "train"


def test_a_glob_takes_what_fits(tmp_path: Path) -> None:
    for name in ("a/1.jsonl", "b/c/2.jsonl", "b/3.csv"):
        jsonl(tmp_path / name, [{"x": name}])
    table = open_source(f"{tmp_path}/**/*.jsonl")
    assert [row["x"] for _, row in table.rows()] == ["a/1.jsonl", "b/c/2.jsonl"]
    with pytest.raises(DataError, match="no file fits"):
        open_source(f"{tmp_path}/**/*.parquet")


def test_what_is_no_data_is_passed_over_and_said(tmp_path: Path) -> None:
    jsonl(tmp_path / "rows.jsonl", [{"x": 1}])
    (tmp_path / "README.md").write_text("# hello")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "dataset_info.json").write_text("{}")
    table = open_source(str(tmp_path))
    assert len(table.files) == 1
    assert "README.md" in table.remarks[0] and "notes.txt" in table.remarks[0]


def test_formats_are_not_mixed_in_silence(tmp_path: Path) -> None:
    jsonl(tmp_path / "rows.jsonl", [{"x": 1}])
    (tmp_path / "rows.csv").write_text("x\n1\n")
    assert "2 formats: csv, jsonl" in refused(tmp_path)[0]


def test_a_folder_without_data_and_a_missing_path_are_errors(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    assert "holds no data" in refused(tmp_path)[0]
    assert "no such file" in refused(tmp_path / "gone.jsonl")[0]
    assert "no such file" in refused("data/gone.jsonl")[0]


def test_a_version_is_found_by_its_id(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "objects" / "ab12.jsonl", [{"x": 1}])
    version = DatasetVersion("ab12cd34ab12cd34", "sums", str(path), "text", 1, "sums.jsonl")
    table = open_source(version.id, version=lambda name: version if name == version.id else None)
    assert (table.name, [row for _, row in table.rows()]) == ("sums", [{"x": 1}])


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    one = open_source(str(jsonl(tmp_path / "a.jsonl", ROWS[:5]))).digest()
    assert one == open_source(str(jsonl(tmp_path / "b.jsonl", ROWS[:5]))).digest()
    assert one != open_source(str(jsonl(tmp_path / "a.jsonl", ROWS[:6]))).digest()


# Samples


def test_a_sample_of_lines_is_spread_and_knows_its_places(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"n": n, "text": "x" * (n % 50)} for n in range(50_000)])
    with Scratch() as scratch:
        loaded = open_source(str(path)).load(scratch, most_rows=1000)
        numbers = [row["n"] for row in loaded.fetch(range(loaded.rows))]
        assert loaded.rows == loaded.sampled == 1000
        assert "64 places" in loaded.how
        assert max(numbers) > 45_000  # type: ignore[type-var]
        assert [loaded.locate(i).row for i in range(1000)] == [int(str(n)) + 1 for n in numbers]


@pytest.mark.parametrize("name", [*FORMATS, "a.csv"])
def test_at_most_so_many_rows_are_loaded_and_it_says_whether_there_are_more(tmp_path: Path, name: str) -> None:
    if name == "a.csv":
        (tmp_path / name).write_text("n\n" + "".join(f"{n}\n" for n in range(300)))
    else:
        write(tmp_path / name, ROWS)
    table = open_source(str(tmp_path / name))
    with Scratch() as scratch:
        assert [loaded.rows for loaded in (table.load(scratch, most_rows=7), table.load(scratch, most_rows=300))] == [
            7,
            300,
        ]
        assert table.load(scratch, most_rows=7).sampled == 7
        whole = table.load(scratch, most_rows=300)
        assert (whole.sampled, whole.how) == (None, "every row")


# Malformed input


def test_a_cut_line_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a":1}\n{"a":\n{"a":3}\n')
    assert all(said.startswith(f"{path}:2: this is not JSON") for said in refused(path))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"a":"\xff"}', "not UTF-8"),
        (b"[1]", "a list, not an object"),
        (b'"text"', "a string, not an object"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b'{"a":1,"a":2}', "'a' is there twice"),
        (b'{"a":"\\ud800"}', "half a character"),
        (b'{"":1}', "a column has no name"),
        (b'{"a":1} trailing', "this is not JSON"),
    ],
)
def test_a_broken_line_names_file_and_line(tmp_path: Path, line: bytes, what: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":0}\n' * 99 + line + b"\n")
    for said in refused(path):
        assert said.startswith(f"{path}:100: ") and what in said


def test_a_line_of_50_megabytes_is_refused_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":"' + b"x" * 50_000_000 + b'"}\n')
    assert all(f"{path}:2: the line has 50,000,009 bytes" in said for said in refused(path))


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("x,y\n1,2\n3\n", ":2", "1 fields, the header has 2"),
        ("x,y\n1,2\n3,4,5\n", ":2", "3 fields, the header has 2"),
        ('x,y\n1,2\n3,"4\n', ":2", "not CSV"),
        ("x,x\n1,2\n", ", header", "'x' is there twice"),
        ("x,\n1,2\n", ", header", "no name"),
    ],
)
def test_ragged_csv_names_file_and_row(tmp_path: Path, text: str, place: str, what: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    for said in refused(path):
        assert said.startswith(f"{path}{place}: ") and what in said


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather", "a.jsonl.gz", "a.jsonl.zst", "a.json"])
def test_a_truncated_file_says_so(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, ROWS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    for said in refused(path):
        assert said.startswith(f"{path}:"), said


def test_a_parquet_file_damaged_inside_names_the_row_before_which_it_stopped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", ROWS)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(data)
    for said in refused(path):
        assert said.startswith(f"{path}:"), said


@pytest.mark.parametrize("depth", [200, 100_000])
def test_a_row_that_is_nested_too_deep_is_named(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a":1}\n{"a":' + "[" * depth + "]" * depth + "}\n")
    with pytest.raises(DataError) as caught, Scratch() as scratch:
        open_source(str(path)).load(scratch)
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  "])
def test_nothing_is_an_error_not_an_empty_success(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match="no rows"), Scratch() as scratch:
        open_source(str(tmp_path / "a.jsonl")).load(scratch)


def test_nested_nulls_load(tmp_path: Path) -> None:
    rows = [{"a": None, "b": {"c": None, "d": [None, {"e": None}]}}, {"a": [], "b": None}]
    with Scratch() as scratch:
        loaded = open_source(str(jsonl(tmp_path / "a.jsonl", rows))).load(scratch)
        assert loaded.fetch([0, 1]) == rows


def test_a_broken_line_of_a_sample_names_the_line_of_the_file(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"n": n, "text": "x" * 200} for n in range(20_000)])
    data = path.read_bytes().replace(b'{"n": 0,', b'{"n":: 0', 1)
    path.write_bytes(data)
    with pytest.raises(DataError, match="this is not JSON") as caught, Scratch() as scratch:
        open_source(str(path)).load(scratch, most_rows=500)
    assert caught.value.where == f"{path}:1"


# The scratch database


def test_sql_in_a_scratch_reads_no_other_file(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"x": 1}])
    with Scratch(tmp_path / "scratch") as scratch:
        open_source(str(path)).load(scratch)
        for query in (
            f"SELECT * FROM read_json('{path}')",
            "SELECT * FROM read_text('/etc/hostname')",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                scratch.connection.execute(query)
        with pytest.raises(duckdb.Error):
            scratch.connection.execute(f"COPY (SELECT 1) TO '{tmp_path}/out.csv'")


def test_several_tables_meet_in_one_scratch(tmp_path: Path) -> None:
    one, two = jsonl(tmp_path / "1.jsonl", [{"k": 1}]), jsonl(tmp_path / "2.jsonl", [{"k": 1, "v": "x"}])
    with Scratch() as scratch:
        left, right = (open_source(str(path)).load(scratch) for path in (one, two))
        query = f"SELECT v FROM {left.relation} JOIN {right.relation} USING (k)"
        assert scratch.connection.sql(query).fetchall() == [("x",)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def lacks_nothing(found: Any, row: Any) -> bool:
    """Whether all of a row is there; SQL fills what others have with nulls."""
    if isinstance(row, dict) and isinstance(found, dict):
        extra = [found[name] for name in found if name not in row]
        return all(lacks_nothing(found.get(name), value) for name, value in row.items()) and not any(
            isinstance(value, list) and value for value in extra
        )
    if isinstance(row, list) and isinstance(found, list):
        return len(found) == len(row) and all(map(lacks_nothing, found, row))
    return bool(found == row)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "messages"]), json_values, min_size=1), min_size=1, max_size=6)
)
def test_whatever_json_holds_is_there_after_loading(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    table = open_source(str(jsonl(tmp_path / "a.jsonl", rows)))
    assert [row for _, row in table.rows()] == rows
    with Scratch() as scratch:
        loaded: Loaded = table.load(scratch)
        for found, row in zip(loaded.fetch(range(loaded.rows)), rows, strict=True):
            assert lacks_nothing(found, row), (found, row)
