"""The data gate: spans of dev are shown, of the sealed test only a number is told, however many rows there are."""

from __future__ import annotations

import json
import random
from pathlib import Path

from labwright.contracts.research import DatasetVersion
from labwright.data.versions import load, register
from labwright.referee.contamination import bench_items, check, count
from labwright.referee.pack import Item

_POOL = [f"word{number}" for number in range(2000)]
_PLANTED = (3, 400, 999)


def _items() -> list[Item]:
    rng = random.Random(1)
    return [Item(f"i{number}", " ".join(rng.choices(_POOL, k=30)), str(number)) for number in range(20)]


def _pairs(rows: int = 1000) -> list[tuple[str, str]]:
    rng, items = random.Random(2), _items()
    pairs = [(" ".join(rng.choices(_POOL, k=30)), "an answer") for _ in range(rows)]
    for place in _PLANTED:
        pairs[place] = (f"Now then: {items[place % 20].prompt}", "it")
    return pairs


def _version(folder: Path) -> DatasetVersion:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in _pairs()))
    return register(file, "rows", "prompt-completion", folder / "home")


def test_against_dev_the_rows_are_shown_and_against_the_test_only_counted(tmp_path: Path) -> None:
    version = _version(tmp_path)
    dev, kept = check(version, _items(), "dev", "block")
    assert kept is None
    assert (dev.rows_checked, dev.rows_hit, dev.action) == (1000, 3, "block")
    assert [hit.row for hit in dev.hits] == [place + 1 for place in _PLANTED]
    test, _ = check(version, _items(), "test", "block")
    assert (test.rows_hit, test.hits) == (3, ())


def test_dropping_keeps_the_other_rows_under_a_new_version(tmp_path: Path) -> None:
    version = _version(tmp_path)
    report, kept = check(version, _items(), "test", "drop")
    assert kept is not None
    assert (report.action, report.kept_dataset_id, kept.rows) == ("drop", kept.id, 997)
    again, _ = check(kept, _items(), "test", "drop")
    assert (again.action, again.rows_hit) == ("pass", 0)
    assert len(load(kept)) == 997


def test_the_count_for_an_audit_is_the_gates_count() -> None:
    assert count(iter(_pairs()), _items()) == 3
    assert count([], _items()) == 0


def test_a_brief_question_is_found_with_any_of_its_answers() -> None:
    items = [Item("a", "Who painted it?", "Monet", answers=("Monet", "Claude Monet", "C. Monet"))]
    assert count([("Who painted it?", "Claude Monet")], items) == 1
    assert count([("Who painted it?", "C. Monet"), ("Who painted it?", "Picasso")], items) == 1


def test_a_sentence_with_a_blank_is_found_as_it_is_and_filled() -> None:
    sentence = (
        "Ann from the old harbour thanked her neighbour Eve all evening long because _ had repaired the red boat."
    )
    rows = [(sentence, "Eve"), (sentence.replace("_", "Eve"), ""), ("Ann likes boats.", "")]
    for answer in ("Eve", "B", "1"):
        assert count(rows, [Item("a", sentence, answer, ("Ann", "Eve"), blank="_")]) == 2
    filled = {item.input for item in bench_items([Item("a", "Ann and _ met.", "B", ("Ann", "Eve"), blank="_")])}
    assert filled == {"Ann and _ met.", "Ann and Eve met."}


def test_a_hit_by_several_answers_is_shown_once(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    prompt = " ".join(_POOL[:20])
    file.write_text(json.dumps({"prompt": prompt, "completion": "x"}) + "\n")
    version = register(file, "rows", "prompt-completion", tmp_path / "home")
    report, _ = check(version, [Item("a", prompt, "x", answers=("x", "y", "z"))], "dev", "block")
    assert (report.rows_hit, len(report.hits)) == (1, 1)


def test_data_that_shares_a_source_with_the_benchmark_is_blocked_whole_whatever_its_rows_say(tmp_path: Path) -> None:
    report, kept = check(_version(tmp_path), _items(), "test", "drop", ("a/b (test)",))
    assert kept is None
    assert (report.action, report.rows_hit, report.shared_sources) == ("block", 3, ("a/b (test)",))
