"""Reading metrics.jsonl while it is being written."""

from __future__ import annotations

import math
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labwright.watch import Tailer


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_file_that_does_not_exist_yet_has_no_points(tmp_path: Path) -> None:
    assert Tailer(tmp_path / "metrics.jsonl").read() == ([], 0)


def test_only_new_whole_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tailer = Tailer(path)
    append(path, '{"step": 1, "time": 5.5, "loss": 0.7}\n{"step": 2, "lo')
    (point,), offset = tailer.read()
    assert (point.step, point.at, point.values) == (1, 5.5, {"loss": 0.7})
    assert offset == len('{"step": 1, "time": 5.5, "loss": 0.7}\n')
    assert tailer.read() == ([], offset)
    append(path, 'ss": 0.6}\n')
    (point,), offset = tailer.read()
    assert (point.step, point.at, point.values) == (2, 5.5, {"loss": 0.6})
    assert offset == path.stat().st_size
    assert tailer.bad_lines == 0


def test_reading_may_start_where_an_earlier_reader_stopped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, '{"step": 1}\n{"step": 2}\n')
    assert [p.step for p in Tailer(path, offset=12).read()[0]] == [2]


def test_not_a_number_and_infinity_arrive_as_such(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, '{"step": 1, "loss": NaN, "grad_norm": Infinity, "note": "x", "flag": true}\n')
    (point,), _ = Tailer(path).read()
    assert math.isnan(point.values["loss"])
    assert point.values["grad_norm"] == math.inf
    assert set(point.values) == {"loss", "grad_norm"}


def test_bad_lines_are_counted_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    bad = ["nonsense", "[1]", "{}", '{"step": "one"}', '{"step": 1.5}', '{"step": true}', '{"step": NaN}', "[" * 9999]
    append(path, "\n".join([*bad, '{"step": 3, "loss": 1' + "0" * 400 + "}", "", '{"step": 4.0, "loss": 1}']) + "\n")
    tailer = Tailer(path)
    points, _ = tailer.read()
    assert [(p.step, p.values) for p in points] == [(4, {"loss": 1.0})]
    assert tailer.bad_lines == len(bad) + 1


def test_a_line_without_end_is_skipped_and_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tailer = Tailer(path)
    append(path, "x" * (3 << 20))
    assert tailer.read()[0] == []
    append(path, 'yy\n{"step": 7}\n')
    points, offset = tailer.read()
    assert [p.step for p in points] == [7]
    assert offset == path.stat().st_size
    assert tailer.bad_lines == 1


def test_a_file_written_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, '{"step": 1}\n{"step": 2}\n')
    tailer = Tailer(path)
    tailer.read()
    path.write_text('{"step": 1}\n')
    assert [p.step for p in tailer.read()[0]] == [1]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"step": 1}\n')
    link = tmp_path / "metrics.jsonl"
    link.symlink_to(secret)
    assert Tailer(link).read() == ([], 0)


def test_a_pipe_or_a_folder_is_not_waited_for_and_the_file_that_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tailer = Tailer(path)
    os.mkfifo(path)
    assert tailer.read() == ([], 0)
    path.unlink()
    path.mkdir()
    assert tailer.read() == ([], 0)
    path.rmdir()
    append(path, '{"step": 1}\n')
    assert [p.step for p in tailer.read()[0]] == [1]


def test_a_file_that_becomes_a_link_is_not_read_on(tmp_path: Path) -> None:
    path, secret = tmp_path / "metrics.jsonl", tmp_path / "secret"
    append(path, '{"step": 1}\n')
    append(secret, '{"step": 1}\n{"step": 2}\n')
    tailer = Tailer(path)
    _, offset = tailer.read()
    path.unlink()
    path.symlink_to(secret)
    assert tailer.read() == ([], offset)


def test_the_bad_lines_of_a_file_that_was_written_anew_count_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, 'nonsense\n{"step": 1}\n{"step": 2}\n')
    tailer = Tailer(path)
    tailer.read()
    path.write_text('nonsense\n{"step": 1}\n')
    tailer.read()
    assert tailer.bad_lines == 1


@given(cuts=st.lists(st.integers(0, 200), max_size=8))
def test_points_do_not_depend_on_how_the_writing_was_cut(tmp_path_factory: object, cuts: list[int]) -> None:
    text = "".join(f'{{"step": {n}, "time": {n}.5, "loss": 0.{n}}}\n' for n in range(1, 6))
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"  # type: ignore[attr-defined]
    tailer, found, last = Tailer(path), [], 0
    for cut in [*sorted(min(c, len(text)) for c in cuts), len(text)]:
        append(path, text[last:cut])
        last = cut
        found += tailer.read()[0]
    assert [(p.step, p.at) for p in found] == [(n, n + 0.5) for n in range(1, 6)]
