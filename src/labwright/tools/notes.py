"""Notes: what the agent wants to know again, in this session or in a later one.

A note about a study goes into the ledger, where the report shows it. All others go into a file of the workspace, which
a person may read and edit, and which later sessions there find.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

from pydantic_ai.toolsets import FunctionToolset

from labwright.contracts.errors import UsageError
from labwright.contracts.events import NoteTaken
from labwright.tools.answers import answer, clipped, page
from labwright.tools.declare import declare
from labwright.tools.desk import Desk
from labwright.tools.family import Family

NOTES_FILE = "NOTES.md"
_MOST_NOTE = 2000
_MOST_FILE = 1_000_000

DESCRIPTION = "notes that outlive this session: write and search"
INSTRUCTIONS = "Note what a later session must know: what was tried, what failed and why. Search before you begin."


def family(desk: Desk) -> Family:
    """The tools of notes at a desk."""
    do = NoteTools(desk)
    tools = [declare(do.note_write, effects=("write",)), declare(do.note_search, effects=("read",))]
    return Family("notes", DESCRIPTION, INSTRUCTIONS, FunctionToolset[Any](tools, id="notes"))


class NoteTools:
    """The functions behind the tools. Their docstrings are what the model reads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def note_write(self, text: str, study: str = "") -> str:
        """Write a note.

        Args:
            text: a few sentences
            study: id, if it belongs into that study's record
        """
        line = clipped(text, _MOST_NOTE)
        if not line:
            raise UsageError("the note says nothing", cure="write a sentence")
        if study:
            self._desk.ledger.status(study)  # an unknown id is named
            self._desk.ledger.record(study, NoteTaken(line, about="note"))
            return answer({"noted": True, "in": study})
        _append(self._desk.workspace / NOTES_FILE, f"- {time.strftime('%Y-%m-%d')} {line}\n")
        return answer({"noted": True, "in": NOTES_FILE})

    def note_search(self, words: str = "", skip: int = 0) -> str:
        """Notes with any of these words, most of them first; without words the newest.

        Args:
            words: to look for
            skip: for the next page
        """
        wanted = words.lower().split()
        found: list[tuple[int, dict[str, Any]]] = []
        for where, text in reversed(self._every()):
            hits = sum(word in text.lower() for word in wanted)
            if hits or not wanted:
                found.append((hits, {"in": where, "note": clipped(text, 500)}))
        found.sort(key=lambda entry: -entry[0])
        return page("notes", (entry for _, entry in found), skip=skip)

    def _every(self) -> list[tuple[str, str]]:
        """All notes, oldest first: where, and what."""
        lines = _read(self._desk.workspace / NOTES_FILE).splitlines()
        notes = [(NOTES_FILE, line.lstrip("- ")) for line in lines if line.strip() and not line.startswith("#")]
        for summary in self._desk.ledger.summaries():
            view = self._desk.ledger.study_view(summary.id)
            notes += [(summary.id, n.text) for n in view.notes if n.about == "note"]
        return notes


def _append(path: Path, text: str) -> None:
    """Write to the end of the file; a link that a command left under its name is not followed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"the note cannot be written: {error.strerror}", where=path.name) from error
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(text)


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_MOST_FILE).decode(errors="replace") if stat.S_ISREG(os.fstat(descriptor).st_mode) else ""
