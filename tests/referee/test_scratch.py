"""Referees of one lab work side by side: what one stages is another's to remove only when it died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labwright.referee.scratch import Scratch

_DIES_HOLDING = """
import os, signal, sys
from pathlib import Path
from labwright.referee.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.stage / "weights").write_text("half of them")
print(scratch.stage, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_live_referee_stages_stays_when_another_one_starts_and_ends(tmp_path: Path) -> None:
    first = Scratch(tmp_path)
    (first.stage / "weights").write_text("all of them")
    second = Scratch(tmp_path)
    assert (first.stage / "weights").read_text() == "all of them"
    second.close()
    assert (first.stage / "weights").exists()
    assert not second.stage.exists()
    first.close()
    assert not first.stage.exists()


def test_what_a_killed_referee_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", _DIES_HOLDING, str(tmp_path)], capture_output=True, text=True, check=False
    )
    left = Path(dead.stdout.strip())
    assert (left / "weights").exists()
    Scratch(tmp_path).close()
    assert not left.exists()


def test_a_folder_whose_lock_was_never_made_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "r-killed").mkdir()
    Scratch(tmp_path).close()
    assert not (tmp_path / "r-killed").exists()
