"""`labwright sessions`, and the beginnings of `run` and `resume`, as a person's typing reaches them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from labwright.contracts.sessions import SessionAttached, SessionBudget, SessionOpened
from labwright.ledger import Ledger

Do = Callable[..., tuple[int, str, str]]


@pytest.fixture
def opened(tmp_path: Path) -> str:
    """A session whose process was killed; its goal has brackets."""
    (tmp_path / "home").mkdir()
    gone = subprocess.Popen(["true"])
    gone.wait()
    with Ledger.open(f"sqlite:///{tmp_path}/home/lab.db") as ledger:
        goal, budget = "teach [/b] [mask] words", SessionBudget()
        ledger.record(None, SessionOpened("i-1", goal, "local:stub", str(tmp_path), "ask", budget))
        ledger.record(None, SessionAttached("i-1", gone.pid, "local:stub"))
    return "i-1"


def test_a_killed_session_is_said_to_be_cut_off_and_brackets_are_words(do: Do, opened: str) -> None:
    code, listed, _ = do("sessions", "list_all")
    assert code == 0 and "cut off" in listed and "running" not in listed
    assert "teach [/b] [mask] words" in listed
    _, shown, _ = do("sessions", "show", opened)
    assert f"cut off: its process is gone, and `labwright sessions resume {opened}` goes on" in shown


def test_a_trace_into_a_directory_that_is_not_there_is_refused(do: Do, opened: str, tmp_path: Path) -> None:
    code, _, err = do("sessions", "export", opened, tmp_path / "nowhere" / "trace.jsonl")
    assert code == 2 and "No such file or directory" in err and "Traceback" not in err


def test_an_empty_message_begins_no_turn(do: Do, opened: str) -> None:
    nothing = (None,) * 6
    code, _, err = do("intern", "resume", opened, " \n", *nothing)
    assert code == 2 and "the message is empty" in err


def test_a_model_that_cannot_be_used_opens_no_session(do: Do, tmp_path: Path) -> None:
    code, _, err = do("intern", "run", "go", "nobody:knows", "ask", 5.0, 2.0, None, None, tmp_path, ())
    assert code == 2 and "nobody:knows" in err
    assert do("sessions", "list_all")[1].startswith("no sessions yet")
