"""One process a study: whoever runs it keeps others out, and whoever only looks keeps nobody out."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from labwright.contracts.errors import UsageError
from labwright.study.lock import is_held, study_lock


def test_a_study_that_runs_is_held_and_a_second_process_is_told_who_has_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with study_lock(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(UsageError, match=f"being run by process {os.getpid()}"), study_lock(tmp_path):
            pass
    assert not is_held(tmp_path)


def test_a_look_that_takes_long_keeps_no_study_from_starting(tmp_path: Path) -> None:
    looking = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    ran = threading.Event()

    def run() -> None:
        with study_lock(tmp_path):
            ran.set()

    study = threading.Thread(target=run)
    study.start()
    time.sleep(0.6)  # a process that looks was put aside for so long
    assert not ran.is_set()
    os.close(looking)
    study.join()
    assert ran.is_set()
