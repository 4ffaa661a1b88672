"""Notes that outlive a session: in the workspace, or in a study's record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.toys.toy_study import FinishedStudy, toy_lab

from labwright.contracts.errors import UsageError
from labwright.desk import LabDesk
from labwright.tools.notes import NOTES_FILE, NoteTools


def test_a_note_is_found_by_a_later_session_of_the_workspace(tmp_path: Path) -> None:
    lab = toy_lab(tmp_path / "home", sandbox="off")
    NoteTools(LabDesk(lab, tmp_path)).note_write("Rates above 1e-2 diverge\non this data.")
    found = json.loads(NoteTools(LabDesk(lab, tmp_path)).note_search("diverge nonsense"))
    lab.ledger.close()
    assert found["notes"][0]["note"].endswith("Rates above 1e-2 diverge on this data.")


def test_a_note_about_a_study_stands_in_its_record(finished: FinishedStudy, tmp_path: Path) -> None:
    notes = NoteTools(LabDesk(finished.lab, tmp_path))
    notes.note_write("The noisy half teaches nothing.", study=finished.view.id)
    assert json.loads(notes.note_search("noisy half"))["notes"][0]["in"] == finished.view.id
    assert not (tmp_path / NOTES_FILE).exists()


def test_a_link_in_the_notes_place_is_not_followed(tmp_path: Path) -> None:
    lab = toy_lab(tmp_path / "home", sandbox="off")
    secret = tmp_path / "secret"
    secret.write_text("- a secret\n")
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / NOTES_FILE).symlink_to(secret)
    notes = NoteTools(LabDesk(lab, tmp_path / "workspace"))
    assert json.loads(notes.note_search())["notes"] == []
    with pytest.raises(UsageError, match="cannot be written"):
        notes.note_write("over it")
    lab.ledger.close()
    assert secret.read_text() == "- a secret\n"
