"""Reading a benchmark pack: what is right is read, what is wrong is named with file, line, field and cure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import DataError, LabwrightError, SpecError
from labwright.contracts.specs import BenchmarkSpec
from labwright.referee.making import make_items
from labwright.referee.pack import Case, choice_index, item_fields, read_items, read_pack

SPEC = BenchmarkSpec.model_validate({"name": "sums", "scorer": {"kind": "exact"}})
CHOICE = BenchmarkSpec.model_validate({"name": "sums", "scorer": {"kind": "choice"}})
ITEMS = [{"prompt": f"{n} + 1 =", "answer": str(n + 1)} for n in range(6)]


def write(folder: Path, items: object = ITEMS, **changes: object) -> Path:
    content = {"name": "sums", "scorer": {"kind": "exact"}, "generation": {"few_shot": 2}, **changes}
    (folder / "benchmark.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    for name in ("dev", "test"):
        assert isinstance(items, list)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


def test_without_a_shots_file_the_first_dev_items_are_the_worked_examples(tmp_path: Path) -> None:
    pack = read_pack(write(tmp_path))
    assert [item.id for item in pack.shots] == ["dev-1", "dev-2"]
    assert [item.id for item in pack.dev] == ["dev-3", "dev-4", "dev-5", "dev-6"]
    assert pack.notes == ("the first 2 items of dev.jsonl serve as worked examples and are not scored",)


def test_a_shots_file_leaves_dev_whole(tmp_path: Path) -> None:
    write(tmp_path, shots="shots.jsonl")
    (tmp_path / "shots.jsonl").write_text('{"prompt": "90 + 1 =", "answer": 91}\n{"prompt": "80 + 1 =", "answer": 81}')
    pack = read_pack(tmp_path)
    assert ([item.answer for item in pack.shots], len(pack.dev)) == (["91", "81"], 6)


def test_a_worked_example_that_stands_in_dev_is_refused(tmp_path: Path) -> None:
    write(tmp_path, shots="dev.jsonl")
    with pytest.raises(SpecError, match="also stands in dev"):
        read_pack(tmp_path)


def test_the_pack_id_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
        write(folder)
    write(folders[2], [*ITEMS, {"prompt": "9 + 1 =", "answer": "10"}])
    first, same, other = (read_pack(folder).pack_id for folder in folders)
    assert first == same != other


def test_an_unknown_key_is_named_with_its_line_and_the_right_spelling(tmp_path: Path) -> None:
    write(tmp_path, generation={"few_shot": 2, "max_new_token": 5})
    with pytest.raises(SpecError) as caught:
        read_pack(tmp_path)
    assert caught.value.where == f"{tmp_path}/benchmark.yaml:6 (generation.max_new_token)"
    assert str(caught.value.cure).startswith("did you mean 'max_new_tokens'? known here: ")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scorer": {"kind": "regexp"}}, r"benchmark.yaml:3 \(scorer.kind\)"),
        ({"scorer": {"kind": "regex"}}, "needs `pattern`"),
        ({"scorer": {"kind": "regex", "pattern": "("}}, "no regular expression"),
        ({"scorer": {"kind": "regex", "pattern": "abc"}}, "no group"),
        ({"scorer": None}, "scorer"),
        ({"dev": "dve.jsonl"}, "did you mean dev.jsonl"),
        ({"dev": "../dev.jsonl"}, "outside the pack"),
        ({"dev": {"script": "make.py", "count": 3}}, "must be a file"),
        ({"generation": {"few_shot": 6}}, "no dev items are left"),
        ({"generation": {"shot_template": "{answer} {prompt}"}}, "shot_template"),
        ({"scorer": {"kind": "choice"}, "generation": {"chat": True}}, "chat: false"),
    ],
)
def test_a_spec_that_cannot_work_is_named(changes: dict[str, object], named: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=named):
        read_pack(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: [", "benchmark.yaml:"),
        ("- a\n", "is a mapping of"),
        ("", "is empty"),
        ("name: x\nname: y\n", "'name' is given twice; the first is on line 1"),
        ("name: x", "the field 'scorer' is missing"),
        ("name: x\nscorer: exact\n", r"benchmark.yaml:2 \(scorer\): 'scorer' has to be a mapping"),
        ("name: x\nscorer: {kind: exact}\ntest: {script: a.py, cuont: 3}\n", r"yaml:3 .*unknown key 'cuont'"),
        ("name: x\nscorer: {kind: exact}\ndev: 3\n", r"benchmark.yaml:3"),
        ("name: x\nscorer: {kind: exact, ignore: ['(']}\n", r"yaml:2 \(scorer.ignore\): .*no regular expression"),
    ],
)
def test_a_file_that_is_no_spec_is_named(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "benchmark.yaml").write_text(text)
    with pytest.raises(SpecError, match=named):
        read_pack(tmp_path)


def test_a_directory_without_a_spec_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"needs a benchmark\.yaml"):
        read_pack(tmp_path)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "items.jsonl:2: is no JSON"),
        ("[1]", "items.jsonl:2:"),
        ('{"answer": "3"}', r"items.jsonl:2 \(prompt\)"),
        ('{"prompt": "?", "answer": null}', r"items.jsonl:2 \(answer\)"),
        ('{"prompt": "?", "answer": ""}', r"items.jsonl:2 \(answer\)"),
        ('{"prompt": 3, "answer": "3"}', r"items.jsonl:2 \(prompt\)"),
        ('{"id": "one", "prompt": "?", "answer": "3"}', r"items.jsonl:2 \(id\): the id 'one' is that of line 1"),
    ],
)
def test_a_malformed_item_is_named_by_file_line_and_field(line: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": "one", "prompt": "1 + 1 =", "answer": 2}\n' + line + "\n")
    with pytest.raises(DataError, match=named):
        read_items(path, SPEC)


def test_an_empty_items_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="holds no items"):
        read_items(tmp_path / "items.jsonl", SPEC)


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ({"prompt": "?", "answer": "A"}, "at least two choices"),
        ({"prompt": "?", "answer": "C", "choices": ["x", "y"]}, "none of the choices"),
        ({"prompt": "?", "answer": "A", "answers": ["A", "z"], "choices": ["x", "y"]}, "'z' is none of the choices"),
        ({"prompt": "? _ _ so", "answer": "A", "blank": "_", "choices": ["x", "y"]}, "the prompt once"),
        ({"prompt": "? _", "answer": "A", "blank": "_", "choices": ["x", "y"]}, "text after it"),
    ],
)
def test_a_choice_item_needs_choices_that_hold_the_answer(item: dict[str, object], named: str, tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps(item))
    with pytest.raises(DataError, match=named):
        read_items(tmp_path / "items.jsonl", CHOICE)


def test_what_follows_a_blank_is_not_divided_by_the_length_of_what_fills_it(tmp_path: Path) -> None:
    by_length = CHOICE.model_copy(update={"scorer": CHOICE.scorer.model_copy(update={"length_normalised": True})})
    item = {"prompt": "Ann thanked _ again.", "answer": "A", "blank": "_", "choices": ["Eve", "Joan"]}
    (tmp_path / "items.jsonl").write_text(json.dumps(item))
    assert read_items(tmp_path / "items.jsonl", CHOICE)[0].filled == "Ann thanked Eve again."
    with pytest.raises(DataError, match=r"items.jsonl:1 \(blank\): length_normalised"):
        read_items(tmp_path / "items.jsonl", by_length)


def test_the_first_of_several_answers_is_the_one_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"prompt": "?", "answers": ["", "Paris", 7]}')
    (item,) = read_items(tmp_path / "items.jsonl", SPEC)
    assert (item.answer, item.accepted) == ("Paris", ("Paris", "7"))


def test_cases_are_the_key_of_a_program(tmp_path: Path) -> None:
    code = BenchmarkSpec.model_validate({"name": "sums", "scorer": {"kind": "code"}})
    (tmp_path / "items.jsonl").write_text('{"prompt": "?", "cases": [{"input": "1", "output": "2"}]}')
    assert read_items(tmp_path / "items.jsonl", code)[0].cases == (Case("1", "2"),)
    (tmp_path / "items.jsonl").write_text('{"prompt": "?", "cases": [{"input": "1"}]}')
    with pytest.raises(DataError, match=r"items.jsonl:1 \(cases.0.output\)"):
        read_items(tmp_path / "items.jsonl", code)


@given(st.text(), st.lists(st.text(), max_size=4))
def test_any_answer_names_a_choice_or_none(answer: str, choices: list[str]) -> None:
    index = choice_index(answer, tuple(choices))
    assert index is None or 0 <= index < len(choices)


@given(st.binary(max_size=200))
def test_any_bytes_are_items_or_an_error_for_a_person(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(raw)
    try:
        assert read_items(path, SPEC)
    except LabwrightError as error:
        assert error.where is not None


MAKER = """
import argparse, json
p = argparse.ArgumentParser()
for name in ("--seed", "--count", "--split", "--out"):
    p.add_argument(name)
a = p.parse_args()
with open(a.out, "w") as out:
    for n in range(int(a.count)):
        out.write(json.dumps({"prompt": f"{a.split} {a.seed} {n}", "answer": n}) + "\\n")
"""


def test_a_maker_makes_items_from_its_seed(tmp_path: Path) -> None:
    script = tmp_path / "make.py"
    script.write_text(MAKER)
    items = make_items(script, 7, 3, "test", Sandbox("auto"), SPEC)
    assert [(item.id, item.prompt) for item in items] == [(f"test-{n + 1}", f"test 7 {n}") for n in range(3)]


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("raise SystemExit('no idea')", "no idea"),
        ("pass", "exit code 0"),
        (MAKER.replace("range(int(a.count))", "range(1)"), "made 1 items instead of 3"),
        (MAKER.replace('"answer"', '"anwser"'), "malformed"),
    ],
)
def test_a_maker_that_fails_is_named(script: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "make.py").write_text(script)
    with pytest.raises(LabwrightError, match=named) as caught:
        make_items(tmp_path / "make.py", 7, 3, "test", Sandbox("off"), SPEC)
    assert "make.py" in (caught.value.where or "")


BY_INSTRUCTIONS, BY_CALLS, BY_PAIRS, BY_SPANS, BY_CRITERIA = (
    BenchmarkSpec.model_validate({"name": "own", "scorer": {"kind": kind}})
    for kind in ("instructions", "calls", "pairwise", "spans", "criteria")
)


@pytest.mark.parametrize(
    ("spec", "key", "named"),
    [
        (BY_INSTRUCTIONS, {}, "needs `instructions`"),
        (BY_INSTRUCTIONS, {"instructions": [{"id": "keywords:sense"}]}, "no instruction 'keywords:sense'"),
        (BY_INSTRUCTIONS, {"instructions": [{"id": "keywords:existence"}]}, "`keywords` has to be a list"),
        (BY_INSTRUCTIONS, {"instructions": [{"name": "x"}]}, "Field required"),
        (BY_CALLS, {"answer": "f(x=1)"}, "needs `calls`"),
        (BY_CALLS, {"calls": [{"name": "f", "arguments": {"x": []}}]}, "no value of 'x' is accepted"),
        (BY_CALLS, {"calls": [{"name": "f", "arguments": {"x": 1}}]}, "valid list"),
        (BY_PAIRS, {"answer": "y"}, "needs `baseline`"),
        (BY_PAIRS, {"baseline": " "}, "needs `baseline`"),
        (BY_SPANS, {}, "needs `answer`"),
        (BY_SPANS, {"spans": [[]]}, "at least 1 item"),
        (BY_CRITERIA, {"rubric": "Kind."}, "needs `criteria`"),
        (BY_CRITERIA, {"criteria": [{"text": "Wrong.", "points": -1}]}, "no criterion has positive points"),
        (BY_CRITERIA, {"criteria": [{"text": "", "points": 1}]}, "at least 1 character"),
        (BY_CRITERIA, {"criteria": [{"text": "Kind."}]}, "Field required"),
        (BY_CRITERIA, {"criteria": [{"text": "Kind.", "points": float("inf")}]}, "finite number"),
    ],
)
def test_an_item_whose_key_cannot_be_used_is_named(
    spec: BenchmarkSpec, key: dict[str, object], named: str, tmp_path: Path
) -> None:
    (tmp_path / "dev.jsonl").write_text(json.dumps({"prompt": "?", **key}) + "\n")
    with pytest.raises(DataError, match=named) as caught:
        read_items(tmp_path / "dev.jsonl", spec)
    assert f"{tmp_path}/dev.jsonl:1" in str(caught.value.where)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        (BY_INSTRUCTIONS, {"instructions": [{"id": "startend:end_checker", "settings": {"end_phrase": "So."}}]}),
        (BY_CALLS, {"calls": [{"name": "f", "arguments": {"x": [1, {"a": [2]}]}, "types": {"x": "any"}}]}),
        (BY_PAIRS, {"baseline": "A plain answer."}),
        (BY_SPANS, {"answer": "a", "spans": [["a", "b"], ["3"]]}),
        (BY_CRITERIA, {"criteria": [{"text": "Kind.", "points": 5}, {"text": "Wrong.", "points": -2.5}]}),
    ],
)
def test_an_item_is_written_as_it_was_read(spec: BenchmarkSpec, key: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(json.dumps({"id": "i", "prompt": "?", **key}) + "\n")
    read = read_items(tmp_path / "dev.jsonl", spec)
    (tmp_path / "again.jsonl").write_text(json.dumps(item_fields(read[0])) + "\n")
    assert read_items(tmp_path / "again.jsonl", spec) == read


def test_a_blank_separator_and_pass_at_k_of_shares_are_refused(tmp_path: Path) -> None:
    write(tmp_path, scorer={"kind": "spans", "separator": " "})
    with pytest.raises(SpecError, match="separator is blank"):
        read_pack(tmp_path)
    drawn = {"few_shot": 2, "samples": 4, "temperature": 0.7, "pass_at": 2}
    for kind in ("spans", "pairwise", "rubric", "criteria"):
        write(tmp_path, scorer={"kind": kind}, generation=drawn)
        with pytest.raises(SpecError, match="gives fractions"):
            read_pack(tmp_path)


def test_a_pack_keeps_its_id_where_new_settings_are_not_used(tmp_path: Path) -> None:
    said = read_pack(write(tmp_path)).pack_id
    write(tmp_path, scorer={"kind": "exact", "loose": False, "whole": False, "separator": None})
    assert read_pack(tmp_path).pack_id == said
