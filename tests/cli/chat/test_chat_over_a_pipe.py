"""`labwright chat` with something else than a person at its ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.servers.openai_server import OpenAIServer, Reply, call, text
from tests.toys.empty_ledger import place_ledger

from labwright.ledger import Ledger

Pipe = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """Sends lines into `labwright chat`, or into other words; its output."""

    def run(
        given: str, *script: Reply, words: tuple[str, ...] = ("chat", "-m", "local:stub"), **env: str
    ) -> subprocess.CompletedProcess[str]:
        with OpenAIServer(script) as server:
            own = {k: v for k, v in os.environ.items() if not k.startswith("LABWRIGHT_")}
            environment = {
                **own,
                "LABWRIGHT_HOME": str(place_ledger(tmp_path / "home")),
                "LABWRIGHT_BASE_URL": server.url,
                **env,
            }
            return subprocess.run(
                [sys.executable, "-m", "labwright", *words], input=given, capture_output=True, text=True,
                cwd=tmp_path, env=environment, timeout=300, check=False,
            )  # fmt: skip

    yield run


def test_each_line_is_a_turn_and_nothing_but_answers_is_printed_on_stdout(pipe: Pipe, tmp_path: Path) -> None:
    looked = call("run_command", {"command": "printf '\\033[31mred'"})
    done = pipe("hi\n\nand you?\n", looked, text("**one** \x1b[2J"), text("two"), FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert done.stdout == "**one** �[2J\ntwo\n"
    assert "run_command" in done.stderr and "\x1b" not in done.stdout + done.stderr
    with Ledger.open(f"sqlite:///{tmp_path / 'home' / 'lab.db'}") as ledger:
        (session,) = ledger.sessions()
        assert ledger.session_view(session.id).said == ("hi", "and you?")


def test_a_dataset_is_attached_and_the_next_message_names_it(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "1", "completion": "2"}\n')
    (tmp_path / "bad.jsonl").write_text('{"prompt": \n')
    done = pipe("/attach pairs.jsonl\n/attach bad.jsonl\nlook at it\n", text("seen"))
    assert done.stdout.endswith("seen\n") and "bad.jsonl" in done.stdout, done.stderr
    with Ledger.open(f"sqlite:///{tmp_path / 'home' / 'lab.db'}") as ledger:
        (session,) = ledger.sessions()
        assert ledger.session_view(session.id).said == ("Attached: attached/pairs.jsonl, 1 row. look at it",)
    assert sorted(path.name for path in (tmp_path / "attached").iterdir()) == ["pairs.jsonl"]


def test_a_run_takes_attachments_and_refuses_one_that_is_no_data(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("prompt,completion\n1,2\n")
    run = ("run", "look", "-m", "local:stub", "--attach")
    assert pipe("", text("seen"), words=(*run, "pairs.csv")).stdout == "seen\n"
    refused = pipe("", text("seen"), words=(*run, "notes.exe"))
    assert refused.returncode == 2 and "notes.exe" in refused.stderr


def test_what_needs_a_person_waits_and_the_exit_code_says_so(pipe: Pipe) -> None:
    ask = call("run_command", {"command": "echo hello"})
    done = pipe("do it\n", ask, LABWRIGHT_SANDBOX="off")
    assert done.returncode == 4 and done.stdout == "" and "A1" in done.stderr
    answered = pipe(
        "/approve A1 yes\n", text("it ran"), words=("chat", "--resume", "-m", "local:stub"), LABWRIGHT_SANDBOX="off"
    )
    assert answered.returncode == 0 and answered.stdout.endswith("it ran\n")


def test_commands_work_without_control_codes_and_a_missing_model_is_said(pipe: Pipe) -> None:
    done = pipe("/help\n/budget usd 3\n/nonsense\n", FORCE_COLOR="1")
    assert done.returncode == 0 and "/resume" in done.stdout and "ceilings: $3.00" in done.stdout
    assert "\x1b" not in done.stdout
    missing = pipe("hi\n", words=("chat",))
    assert missing.returncode == 2 and "LABWRIGHT_MODEL" in missing.stderr


def test_an_autopilot_that_gives_up_has_failed(pipe: Pipe) -> None:
    goal = "Teach smollm2-135m-instruct to sort numbers; benchmark no/pack; data no.jsonl; 15m"
    done = pipe("", words=("run", goal, "-m", "autopilot"))
    assert done.returncode == 1 and "study_create did not go through" in done.stdout + done.stderr


def test_wrong_arguments_of_commands_change_nothing_and_a_turn_taken_back_is_not_said_again(
    pipe: Pipe, tmp_path: Path
) -> None:
    wrong = ("/budget steps 2.7", "/budget usd", "/approve auto please", "/new train a model", "/undo 2", "/quit now")
    lines = ("first", "/undo", "do it", *wrong, "/approve A1 yes unless it writes", "/budget USD 3")
    ask = call("run_command", {"command": "echo hello"})
    told = pipe("\n".join(lines), text("one"), ask, LABWRIGHT_SANDBOX="off").stdout
    assert told.startswith("one\ntook back: first (2 messages)\n")
    assert "'2.7' is no ceiling" in told and "the ceiling's number is missing" in told and "ceilings: $3.00" in told
    assert all(f"{name} takes nothing after it" in told for name in ("/approve auto", "/new", "/undo", "/quit", "yes"))
    with Ledger.open(f"sqlite:///{tmp_path / 'home' / 'lab.db'}") as ledger:
        (session,) = ledger.sessions()
        view = ledger.session_view(session.id)
    assert view.said == ("first", "do it") and view.approve == "ask" and view.budget.steps is None
    assert [a.state for a in view.approvals] == ["open"]


def test_bare_labwright_without_a_terminal_is_its_help(pipe: Pipe) -> None:
    done = pipe("hi\n", words=())
    assert done.returncode == 0 and "Usage:" in done.stdout and "chat" in done.stdout
