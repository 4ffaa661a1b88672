"""A ledger that machines share: what another one took up is neither said to be dead nor taken away from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.ledger import ledger_samples as samples
from tests.toys.empty_ledger import place_ledger

from labwright.agent.attaching import attach
from labwright.compute.whereabouts import marked
from labwright.contracts.errors import UsageError
from labwright.contracts.events import NoteTaken, SessionStarted
from labwright.contracts.sessions import ApprovalAnswered, SessionAttached, SessionBudget, SessionEnded, SessionOpened
from labwright.ledger import Ledger
from labwright.study.engine import STOP_FILE
from labwright.study.lock import study_lock

Do = Callable[..., tuple[int, str, str]]
OTHER = replace(marked(), host="gpu7", boot="b-7")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A session and a study that a machine called gpu7 took up three hours ago, with a process number of this one."""
    place_ledger(tmp_path / "home")
    ago = time.time() - 3 * 3600
    with Ledger.open(f"sqlite:///{tmp_path}/home/lab.db") as opened:
        opened.record(None, SessionOpened("i-1", "sort", "local:stub", str(tmp_path), "ask", SessionBudget()), ago)
        opened.record(None, SessionAttached("i-1", OTHER.pid, "local:stub", OTHER.host, OTHER.boot, OTHER.ticks), ago)
        directory = str(tmp_path / "home" / "studies" / "s-1")
        opened.record("s-1", replace(samples.created(), directory=directory), ago)
        opened.record("s-1", SessionStarted(OTHER.pid, OTHER.host, "autopilot", OTHER.boot, OTHER.ticks), ago)
        yield opened


def test_a_session_of_another_machine_is_listed_with_when_it_was_heard_last(do: Do, ledger: Ledger) -> None:
    code, listed, _ = do("sessions", "list_all")
    assert code == 0 and "on gpu7, 3 h" in listed and "cut off" not in listed
    _, shown, _ = do("sessions", "show", "i-1")
    assert "running on gpu7, which recorded something 3 h" in shown
    assert "labwright sessions release i-1" in shown
    assert ledger.session_view("i-1").wall_clock_s == 0.0 and "0 s" in shown, "nobody knows that it worked until now"


def test_a_session_of_another_machine_is_taken_up_only_once_it_is_released(do: Do, ledger: Ledger) -> None:
    before = ledger.session_events("i-1")
    code, _, err = do("intern", "resume", "i-1", None, None, "auto", 9.0, None, None, None)
    assert code == 2 and "session i-1 is being run on gpu7" in err and "labwright sessions release i-1" in err
    with pytest.raises(UsageError, match="is being run on gpu7"):
        attach(ledger, "i-1", "autopilot")
    assert ledger.session_events("i-1") == before
    assert do("sessions", "release", "i-1")[0] == 0
    assert (ledger.session_view("i-1").state, ledger.session_view("i-1").reason) == (
        "suspended",
        "its process on gpu7 is gone",
    )
    attach(ledger, "i-1", "autopilot")
    assert ledger.session_view("i-1").process == marked()
    code, _, err = do("sessions", "release", "i-1")
    assert code == 2 and "no other machine works in session i-1" in err


def test_the_time_in_which_another_machine_was_gone_is_on_nobody_s_budget(do: Do, ledger: Ledger) -> None:
    heard = time.time() - 2 * 3600  # an hour after both were taken up
    ledger.record(None, samples.asked("i-1", "A1"), heard)
    ledger.record(None, ApprovalAnswered("i-1", "A1", "denied", "someone"))  # which is no work of the session's
    ledger.record("s-1", NoteTaken("it trains"), heard)
    assert (do("sessions", "release", "i-1")[0], do("studies", "release", "s-1")[0]) == (0, 0)
    attach(ledger, "i-1", "autopilot")
    me = marked()
    ledger.record("s-1", SessionStarted(me.pid, me.host, "autopilot", me.boot, me.ticks))
    assert ledger.session_view("i-1").wall_clock_s == pytest.approx(3600, abs=1)
    assert ledger.study_view("s-1").wall_clock_s == pytest.approx(3600, abs=1)


def test_what_another_machine_has_ended_is_anybody_s(ledger: Ledger) -> None:
    ledger.record(None, SessionEnded("i-1", "done", "it sorts"))
    attach(ledger, "i-1", "autopilot")
    assert ledger.session_view("i-1").state == "running"


def test_a_study_of_another_machine_is_shown_as_its_own(do: Do, ledger: Ledger) -> None:
    assert "on gpu7" in do("studies", "list_all")[1]
    _, shown, _ = do("studies", "status", "s-1")
    assert "runs on gpu7, which recorded something 3 h" in shown and "its process is gone" not in shown
    assert "labwright study release s-1" in shown


def test_a_study_of_another_machine_is_resumed_only_once_it_is_released(do: Do, ledger: Ledger, tmp_path: Path) -> None:
    code, _, err = do("studies", "resume", "s-1", "autopilot", "process", None, None)
    assert code == 2 and "study s-1 is being run on gpu7" in err and "labwright study release s-1" in err
    assert do("studies", "release", "s-1")[0] == 0
    assert ledger.study_view("s-1").state == "stopped"
    code, _, err = do("studies", "resume", "s-1", "autopilot", "process", None, None)
    assert code == 2 and "the files of study s-1 are not on this machine; it ran on gpu7" in err
    assert not (tmp_path / "home" / "studies").exists(), "no empty folder is made in its place"
    code, _, err = do("studies", "release", "s-1")
    assert code == 2 and "no other machine runs study s-1" in err


def test_a_study_of_another_machine_is_stopped_through_the_home_that_both_have(
    do: Do, ledger: Ledger, tmp_path: Path
) -> None:
    code, _, err = do("studies", "stop", "s-1")
    assert code == 2 and "stop it there" in err
    directory = tmp_path / "home" / "studies" / "s-1"
    directory.mkdir(parents=True)
    code, said, _ = do("studies", "stop", "s-1")
    assert code == 0 and "asked s-1 on gpu7" in said
    assert (directory / STOP_FILE).exists()


def test_a_study_whose_lock_is_held_is_run_here_whatever_the_ledger_says(
    do: Do, ledger: Ledger, tmp_path: Path
) -> None:
    directory = tmp_path / "home" / "studies" / "s-1"
    with study_lock(directory):
        assert "running" in do("studies", "list_all")[1]
        assert do("studies", "release", "s-1")[0] == 2
        (directory / "lock").write_text("12 gpu7\n")
        with pytest.raises(UsageError, match="the study is being run by process 12 on gpu7"), study_lock(directory):
            pass
    assert "cut off" not in do("studies", "list_all")[1]
    assert do("studies", "release", "s-1")[0] == 0


def test_a_copy_of_a_ledger_is_made_by_the_names_of_files(do: Do, ledger: Ledger, tmp_path: Path) -> None:
    code, said, _ = do("ledger", "copy", str(tmp_path / "home" / "lab.db"), str(tmp_path / "new" / "lab.db"))
    assert code == 0 and "copied 4 events, 1 studies, 1 sessions" in said
    assert "not ended when it was copied: s-1, i-1" in said
    assert f"LABWRIGHT_LEDGER_URL=sqlite:///{tmp_path}/new/lab.db" in said
    code, _, err = do("ledger", "copy", str(tmp_path / "nowhere.db"), str(tmp_path / "other.db"))
    assert code == 2 and "no ledger to copy" in err and not (tmp_path / "other.db").exists()
