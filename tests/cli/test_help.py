"""What `--help` says, of all commands: nothing cut off, names in place of types, and every command in the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from labwright.cli.main import app

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
FRONT = typer.main.get_command(app)


def commands() -> Iterator[tuple[str, ...]]:
    """All commands that do something, as they are typed."""
    for name, command in FRONT.commands.items():
        inner = getattr(command, "commands", None)
        yield from ((name, sub) for sub in inner) if inner else [(name,)]


def help_of(*words: str) -> str:
    command = FRONT
    for word in words:
        command = command.commands[word]
    return command.get_help(typer.Context(command, info_name=" ".join(words), terminal_width=80))


@pytest.mark.parametrize("words", [(), *[(name,) for name, c in FRONT.commands.items() if hasattr(c, "commands")]])
def test_a_list_of_commands_cuts_no_sentence_off(words: tuple[str, ...]) -> None:
    _, _, listed = help_of(*words).partition("Commands:")
    assert listed
    assert "..." not in listed


def test_an_options_value_is_named_after_what_it_is_not_after_its_type() -> None:
    found = {
        f"{' '.join(words)}: {line.strip()}"
        for words in commands()
        for line in help_of(*words).partition("Options:")[2].splitlines()
        if re.match(r"\s+(-\w, )?--[\w-]+ <", line)
    }
    assert found == set()


def test_every_command_is_in_the_reference() -> None:
    told = REFERENCE.read_text(encoding="utf-8")
    missing = [words for words in commands() if not re.search(rf"\b{re.escape(words[-1])}\b", told)]
    assert missing == []


def test_a_newcomer_meets_the_studies_first_and_is_told_how_to_begin() -> None:
    front = help_of()
    listed = re.findall(r"^  (\w+)  ", front.partition("Commands:")[2], re.MULTILINE)
    assert listed[0] == "study"
    assert listed[-1] == "doctor"
    assert "labwright study init DIR" in " ".join(front.split())
