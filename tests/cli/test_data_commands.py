"""`labwright data` as a person types it, over files and a Hub on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.toys.empty_ledger import place_ledger

from labwright.cli.actions import data_transforms
from labwright.contracts.errors import UsageError

Shell = Callable[..., subprocess.CompletedProcess[str]]
SPEC = """
name: sums
generator: {kind: template, row: {prompt: "Add {{ a }} and {{ b }}.", completion: "{{ a + b }}"}}
slices: [{name: small, count: 6, let: {a: "integer(1, 99)", b: "integer(1, 99)"}}]
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a command of `labwright data` in a folder with some data in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    rows = [{"instruction": f"Add {n} and {n}.", "output": str(2 * n), "level": "hard" if n > 5 else "easy"}
            for n in range(10)]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in [*rows, rows[0]])
    (folder / "train.jsonl").write_text(text, encoding="utf-8")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LABWRIGHT_HOME": str(place_ledger(tmp_path / "home")), "LABWRIGHT_OFFLINE": "1"}
        command = [sys.executable, "-m", "labwright", "data", *words]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    return run


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_is_inspected_and_its_columns_described(shell: Shell, tmp_path: Path) -> None:
    found = document(shell("inspect", "train.jsonl", "--json"))
    columns = {column["name"]: column for column in found["columns"]}
    assert found["splits"][0]["rows"] == 11 and columns["level"]["frequent"][0] == ["easy", 7]
    (tmp_path / "work" / "odd.jsonl").write_text('{"instruction": "Look.", "\\u001b[2Jgone": 1}\n')
    shown = shell("inspect", "odd.jsonl", "--samples", "1").stdout
    assert "instruction" in shown and "sample 1" in shown
    assert "[2Jgone" in shown and "\x1b" not in shown, "a column's name moves no cursor"


def test_a_chain_of_commands_has_one_lineage_down_to_the_row_of_the_file(shell: Shell) -> None:
    assert document(shell("dedup", "train.jsonl", "once.jsonl", "--json"))["dropped"] == 1
    made = document(shell("filter", "once.jsonl", "hard.jsonl", "--where", "level = 'hard'", "--json"))
    assert made["rows"] == 4
    chain = shell("lineage", "hard.jsonl").stdout.splitlines()
    assert [line.split()[-1] != "" for line in chain] and len(chain) == 3
    traced = document(shell("lineage", made["version"], "--row", "1", "--json"))
    assert traced["steps"][-1]["place"]["row"] == 7


def test_rows_are_converted_and_those_that_cannot_be_are_kept_aside(shell: Shell, tmp_path: Path) -> None:
    with (tmp_path / "work" / "train.jsonl").open("a") as file:
        file.write('{"instruction": "Say nothing.", "output": null, "level": "easy"}\n')
    done = document(shell("convert", "train.jsonl", "out.jsonl", "--to", "messages", "--json"))
    assert (done["rows"], done["rejected"], done["columns_left_out"]) == (11, 1, ["level"])
    rejected = json.loads((tmp_path / "work" / "out.rejects.jsonl").read_text())
    assert rejected["row"] == 12 and "output" in rejected["reason"]
    assert document(shell("inspect", done["version"], "--json"))["splits"][0]["rows"] == 11


def test_parts_of_a_split_share_no_row(shell: Shell, tmp_path: Path) -> None:
    shell("split", "train.jsonl", "part.jsonl", "--part", "train=0.7", "--part", "test=0.3")
    parts = [set((tmp_path / "work" / f"part-{name}.jsonl").read_text().splitlines()) for name in ("train", "test")]
    assert parts[0] and parts[1] and not parts[0] & parts[1]


def test_rows_are_generated_from_a_spec_and_known_as_a_version(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "work" / "sums.yaml").write_text(SPEC, encoding="utf-8")
    made = document(shell("synth", "sums.yaml", "sums.jsonl", "--json"))
    assert made["complete"] and made["rows"] == 6
    assert "synthesise" in shell("lineage", made["version"]).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("inspect", "nope.jsonl"), 2, "nope.jsonl"),
        (("inspect", "hub:org/nothing"), 1, "org/nothing"),
        (("convert", "train.jsonl", "x.jsonl", "--to", "poetry"), 2, "there is no 'poetry'"),
        (("convert", "train.jsonl", "x.jsonl", "--to", "prompt", "--column", "prompt"), 2, "which column it is"),
        (("filter", "train.jsonl", "x.jsonl", "--where", "read_text('/etc/passwd') = ''"), 2, "is not allowed here"),
        (("filter", "train.jsonl", "x.jsonl", "--where", "level = 'none'"), 2, "leaves no rows"),
        (("mix", "train.jsonl=a", "x.jsonl"), 2, "is not NAME=NUMBER"),
        (("lineage", "0123456789abcdef"), 2, "0123456789abcdef"),
        (("synth", "none.yaml", "x.jsonl"), 2, "none.yaml"),
    ],
)
def test_mistakes_are_named_with_their_cure(shell: Shell, words: tuple[str, ...], code: int, said: str) -> None:
    done = shell(*words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr and "cure:" in done.stderr


def test_a_part_that_is_named_twice_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(UsageError, match="'a' is named twice"):
        data_transforms.split("train.jsonl", "x", ["a=0.5", "a=0.5"], None, None, "near", 0, False, False)
