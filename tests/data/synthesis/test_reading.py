"""What is wrong with a spec is said with its line, its field and a cure, before a row is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.synthesis.specs import SUMS, llm_spec, write_spec

from labwright.contracts.errors import SpecError
from labwright.data.synthesis import read_spec


def refused(folder: Path, text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        read_spec(write_spec(folder, text))
    return caught.value


def test_a_good_spec_is_read_whole(tmp_path: Path) -> None:
    spec = read_spec(write_spec(tmp_path, SUMS)).spec
    assert spec.counts() == {"small": 12, "large": 8}
    assert spec.checks.dedup.near


@pytest.mark.parametrize(
    ("wrong", "right", "says", "line"),
    [
        ("count: 12", "cuont: 12", "unknown key 'cuont'", 7),
        ("count: 12", "count: many", "count", 7),
        ("kind: template", "kind: templat", "'templat' is no kind of generator", 3),
        ("  kind: template\n", "", "has to say its `kind`", 3),
        ("  kind: template\n", "  kind: template\n  shots: 3\n", "unknown key 'shots'", 5),
        ("{{ verb }} {{ a }}", "{{ verb }} {{ c }}", "has no variable 'c'", 5),
        ("{{ verb }} {{ a }}", "{{ verb }} {{ a }", "no valid template", 5),
        ("{{ verb }} {{ a }}", "{{ verb | shell }} {{ a }}", "filter", 5),
        ("{{ verb }} {{ a }}", "{% include 'x' %} {{ a }}", "not possible here", 5),
        ('b: "integer(1, 9)"}', 'b: "integer(1,"}', "no valid expression", 7),
        ('a: "integer(1, 9)"', 'a: "b + 1"', "has no variable 'b'", 7),
        ("completion:", "compeltion:", "'compeltion' is no field", 5),
        ("name: large", "name: small", "share a name", 1),
        ("count: 8", "share: 0.5", "is not given", 1),
        ("name: sums", "name: sums\nchecks: {forbid: ['(']}", "no regular expression", 3),
        ("name: sums", "name: sums\nchecks: {verifier: {script: check.py}}", "there is no file", 3),
        ("name: sums", "name: sums\nchecks: {verifier: 'row.prompt == c'}", "has no variable 'c'", 3),
        ("name: sums", "name: sums\nchecks: {verifier: {}}", "either an `expression` or a `script`", 3),
        ("name: sums", "name: sums\nslice_column: prompt", "is a field of the rows already", 3),
        ("name: sums", "name: sums\ntarget: 30", "add up to 20", 1),
        ("name: sums", "name: sums\nfields: {label: strng}", "label", 3),
        ("count: 12", "count: 12, count: 13", "given twice", 7),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, wrong: str, right: str, says: str, line: int) -> None:
    assert wrong in SUMS
    error = refused(tmp_path, SUMS.replace(wrong, right, 1))
    assert says in error.one_line()
    if line > 1:  # a complaint about the whole has no line of its own
        assert f"spec.yaml:{line}" in (error.where or "")


def test_a_typo_is_answered_with_the_right_name(tmp_path: Path) -> None:
    error = refused(tmp_path, SUMS.replace("count: 12", "cuont: 12", 1))
    assert error.cure is not None and "did you mean 'count'" in error.cure
    error = refused(tmp_path, llm_spec(checks="{judge: {rubrik: x}}"))
    assert error.cure is not None and "did you mean 'rubric'" in error.cure


def test_a_script_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "make.py").write_text("")
    text = "generator: {kind: program, script: ../make.py}\nslices: [{name: a, count: 1}]\n"
    assert "outside the spec's folder" in refused(tmp_path / "inside", text).what


def test_what_is_no_yaml_or_no_file_is_said(tmp_path: Path) -> None:
    assert "not valid YAML" in refused(tmp_path, "slices: [").what
    assert "empty" in refused(tmp_path, "").what
    with pytest.raises(SpecError, match="no such file"):
        read_spec(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(SpecError, match="UTF-8"):
        read_spec(tmp_path / "latin.yaml")


def test_shares_of_a_target_add_up(tmp_path: Path) -> None:
    text = """
target: 100
generator: {kind: llm}
slices: [{name: a, share: 0.335}, {name: b, share: 0.335}, {name: c, share: 0.33}]
"""
    assert sum(read_spec(write_spec(tmp_path, text)).spec.counts().values()) == 100


def test_the_digest_is_of_what_decides_the_rows_and_not_of_the_budget(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("one")
    base = "name: sums\nchecks: {verifier: {script: check.py}}"
    first = read_spec(write_spec(tmp_path, SUMS.replace("name: sums", base))).digest()
    budget = read_spec(write_spec(tmp_path, SUMS.replace("name: sums", base + "\nbudget: {usd: 3}"))).digest()
    seed = read_spec(write_spec(tmp_path, SUMS.replace("name: sums", base + "\nseed: 3"))).digest()
    (tmp_path / "check.py").write_text("two")
    script = read_spec(write_spec(tmp_path, SUMS.replace("name: sums", base))).digest()
    assert first == budget
    assert len({first, seed, script}) == 3
