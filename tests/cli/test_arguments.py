"""A person's edits of a call's arguments, typed or made in an editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from labwright.cli.arguments import edited, with_changes
from labwright.contracts.errors import UsageError

ARGS = {"script": "train.py", "hours": 4, "note": None}


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ("hours=1", "hours", 1),
        ("hours=one", "hours", "one"),  # the schema says what is wrong with it
        ("script=5", "script", "5"),  # what was text stays text
        ("script=a=b c.py", "script", "a=b c.py"),
        ("script=", "script", ""),
        ("note=why not", "note", "why not"),
        ('new={"a": [1, null]}', "new", {"a": [1, None]}),
    ],
)
def test_one_argument_is_set_and_the_others_stay(change, name, value):
    assert with_changes(ARGS, [change]) == {**ARGS, name: value}


@pytest.mark.parametrize("change", ["hours", "=1", ""])
def test_a_change_without_a_name_or_a_value_is_refused(change):
    with pytest.raises(UsageError, match="sets no argument"):
        with_changes(ARGS, ["hours=1", change])


def _editor(folder: Path, script: str) -> str:
    editor = folder / "an editor"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    return f"'{editor}'"


def test_an_editor_changes_what_a_person_changes_in_it(tmp_path: Path) -> None:
    args = {**ARGS, "script": "import os\nprint(1)\n"}
    assert edited(args, _editor(tmp_path, 'sed -i "s/print(1)/print(2)/" "$1"'), tmp_path / "A1") == {
        **args,
        "script": "import os\nprint(2)\n",
    }


@pytest.mark.parametrize(
    ("script", "said"), [("exit 1", "ended with 1"), ('echo "[" > "$1"', "are no arguments"), (None, "no editor")]
)
def test_an_editor_that_fails_or_leaves_nonsense_answers_nothing(tmp_path: Path, script: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        edited(ARGS, _editor(tmp_path, script) if script else "", tmp_path / "A1")


def test_an_editor_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not start"):
        edited(ARGS, str(tmp_path / "nowhere"), tmp_path / "A1")
    with pytest.raises(UsageError, match="No closing quotation"):
        edited(ARGS, "it's gone", tmp_path / "A1")


def test_what_was_written_and_refused_is_there_at_the_next_edit(tmp_path: Path) -> None:
    draft = tmp_path / "drafts" / "A1.yaml"
    with pytest.raises(UsageError, match="are no arguments") as refused:
        edited(ARGS, _editor(tmp_path, 'echo "a: [1" > "$1"'), draft)
    assert refused.value.where == str(draft)
    assert edited(ARGS, _editor(tmp_path, 'echo "]" >> "$1"'), draft) == {"a": [1]}
