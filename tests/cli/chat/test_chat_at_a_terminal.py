"""`labwright chat` as a person sees it: a real process on a real pty, against a server on loopback."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cli.chat.terminal_of_a_person import Terminal
from tests.servers.openai_server import OpenAIServer, Reply, call, held, late, text
from tests.toys.empty_ledger import place_ledger

from labwright.agent.steps import decoded
from labwright.guard.approvals import Approvals
from labwright.ledger import Ledger

HELLO = text("Hello **there**.\n\n- one\n- two\n\nThat is all.")


class Room:
    """A lab's home and a workspace, with a server that answers from a script."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.home = place_ledger(folder / "home")
        self.workspace = folder / "work"
        self.workspace.mkdir()
        self._stack = stack
        self.server: OpenAIServer

    def open(self, *script: Reply, **env: str) -> None:
        self.server = self._stack.enter_context(OpenAIServer(script, models=["stub", "other"]))
        given = {
            k: v for k, v in os.environ.items() if not k.startswith(("LABWRIGHT_", "EDITOR", "VISUAL", "ANTHROPIC"))
        }
        self._env = {**given, "LABWRIGHT_HOME": str(self.home), "LABWRIGHT_BASE_URL": self.server.url, **env}

    def sit(self, *words: str, bare: bool = False) -> Terminal:
        """At a terminal, with the prompt there."""
        typed = () if bare else words or ("chat", "--model", "local:stub")
        terminal = self._stack.enter_context(Terminal(*typed, env=self._env, cwd=self.workspace))
        terminal.expect("labwright", "›")
        return terminal

    @property
    def ledger(self) -> Ledger:
        return self._stack.enter_context(Ledger.open(f"sqlite:///{self.home / 'lab.db'}"))

    def said_to_the_model(self) -> list[str]:
        """The last words of each request."""
        return [str(asked.json["messages"][-1]["content"]) for asked in self.server.requests]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(tmp_path, stack)


def test_an_answer_streams_and_a_tool_call_is_folded(room: Room) -> None:
    room.open(call("run_command", {"command": "printf '1\\n2\\n3\\n4\\n5\\n'"}, saying="I look."), HELLO)
    chat = room.sit()
    chat.type("hi")
    shown = chat.expect("I look.", "● run_command", "… 2 more lines", "Hello there.", " • one", "That is all.")
    assert shown.index("I look.") < shown.index("● run_command") < shown.index("Hello there.")
    assert "**" not in shown and "pydantic" not in shown
    chat.expect("tokens · 2 calls unpriced", "left $5.00")
    chat.ctrl("d")
    assert chat.ended() == 0
    assert room.server.requests[0].streams


def test_bare_labwright_on_a_terminal_is_a_chat_and_a_model_may_be_chosen_in_it(room: Room) -> None:
    room.open(text("here I am"))
    chat = room.sit(bare=True)
    chat.say("hi", "no model is chosen", "/model lists", "› hi")
    chat.ctrl("c")
    chat.say("/model local:stub", "model local:stub")
    chat.say("hi", "here I am")
    chat.type("/quit")
    assert chat.ended() == 0


def test_an_approval_shows_what_and_is_answered_as_it_is_or_edited(room: Room, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/asked/changed/' \"$1\"\n")
    editor.chmod(0o755)
    asks = [call("run_command", {"command": f"echo {word} >> marks"}) for word in ("first", "asked", "third")]
    room.open(
        asks[0], text("ran."), asks[1], text("ran edited."), asks[2], text("was denied."),
        LABWRIGHT_SANDBOX="off", EDITOR=str(editor),
    )  # fmt: skip
    chat = room.sit()
    began = time.monotonic()
    chat.type("one")
    chat.expect("A1  run_command", "outside the sandbox", "command: echo first", "cost $0.00", "A1?")
    time.sleep(2.5)  # a person thinks: that time is not the session's
    chat.say("y", "A1 approved", "● run_command", "ran.")
    (session,) = room.ledger.sessions()
    assert room.ledger.session_view(session.id).wall_clock_s < time.monotonic() - began - 2.5
    chat.type("two")
    chat.expect("A2?")
    chat.type("e")
    chat.expect("-command: echo asked", "+command: echo changed", "A2?")
    chat.say("y", "ran edited.")
    chat.type("three")
    chat.expect("A3?")
    chat.say("n not now", "A3 denied", "not now", "was denied.")
    assert (room.workspace / "marks").read_text() == "first\nchanged\n"
    assert "not now" in room.said_to_the_model()[-1]


def test_an_approval_that_is_put_off_stays_open_over_a_message_and_runs_once_it_is_answered(room: Room) -> None:
    ask = call("run_command", {"command": "echo done >> marks"})
    room.open(ask, text("meanwhile."), text("at last."), LABWRIGHT_SANDBOX="off")
    chat = room.sit()
    chat.type("one")
    chat.expect("A1?")
    chat.say("later", "A1 stays open")
    chat.say("how are you?", "meanwhile.")
    assert not (room.workspace / "marks").exists()
    chat.type("/approve a1")
    chat.expect("echo done", "A1?")
    chat.say("y", "at last.")
    assert (room.workspace / "marks").read_text() == "done\n"


def test_an_approval_may_be_answered_elsewhere_and_what_was_typed_before_it_is_no_answer(room: Room) -> None:
    ask = call("run_command", {"command": "echo done >> marks"})
    typed = threading.Event()
    room.open(held(typed, ask), text("it ran."), text("thanks."), LABWRIGHT_SANDBOX="off")
    chat = room.sit()
    chat.type("one")
    chat.expect("thinking")
    chat.type("yes", enter=True)  # ahead of any question
    for _ in range(4):  # the spinner goes on: what was typed has been read
        chat.expect("thinking")
    typed.set()
    chat.expect("A1?")
    time.sleep(0.5)
    assert room.ledger.approval("A1").state == "open"
    Approvals(room.ledger).answer("A1", "approved", by="somebody")
    chat.expect("A1 approved by somebody", "it ran.", "› yes")  # kept as the draft of the next message
    assert (room.workspace / "marks").read_text() == "done\n"


def test_ctrl_c_interrupts_a_late_reply_and_the_next_message_works(room: Room) -> None:
    room.open(late(600, text("too late")), text("here again"))
    chat = room.sit()
    chat.type("slow one")
    chat.expect("thinking")
    while not room.server.requests:
        chat.expect("thinking")
    chat.ctrl("c")
    chat.expect("interrupted", "›")
    time.sleep(2.1)
    chat.say("and now?", "here again")
    said = [m.get("content") for m in room.server.requests[-1].json["messages"] if m["role"] == "user"]
    assert "slow one" in said[0] and "and now?" in said[-1]
    chat.ctrl("c")
    chat.expect("again leaves", "›")
    assert chat.leave() == 0


def test_a_second_ctrl_c_leaves_in_the_middle_of_a_turn(room: Room) -> None:
    room.open(call("run_command", {"command": "sleep 600"}), text("never"))
    chat = room.sit()
    chat.type("sleep")
    chat.expect("run_command")
    time.sleep(0.5)
    assert chat.leave() == 0
    (session,) = room.ledger.sessions()
    assert session.state == "ended" and session.outcome == "interrupted"


def test_undo_takes_a_turn_back_and_offers_its_words_again(room: Room) -> None:
    room.open(text("one"), call("run_command", {"command": "touch there"}), text("two"), text("three"))
    chat = room.sit()
    chat.say("first", "one")
    chat.say("second", "two")
    chat.say("/undo", "took back: second", "is not undone: run_command", "› second")
    chat.ctrl("c")  # not again
    chat.say("third", "three")
    messages = room.server.requests[-1].json["messages"]
    said = " ".join(str(m.get("content")) for m in messages if m["role"] != "system")
    assert "first" in said and "third" in said and "second" not in said and "two" not in said
    (session,) = room.ledger.sessions()
    assert len(decoded(room.ledger.messages(session.id))) == 4
    assert len(decoded(room.ledger.messages(session.id, replaced=True))) > 6


def test_the_model_changes_in_the_middle_and_one_that_cannot_be_used_changes_nothing(room: Room) -> None:
    room.open(text("one"), text("two"), text("three"), text("four"))
    chat = room.sit()
    chat.say("first", "one")
    chat.say("/model", "local:other", "autopilot", "now: local:stub")
    chat.say("/model anthropic:some", "no key for anthropic", "ANTHROPIC_API_KEY")
    chat.say("second", "two")
    chat.say("/model local:other", "model local:other")
    chat.say("/effort high", "effort: high")
    chat.say("third", "three")
    assert [asked.json["model"] for asked in room.server.requests] == ["stub", "stub", "other"]
    assert room.server.requests[-1].json["reasoning_effort"] == "high"
    assert [m["content"] for m in room.server.requests[-1].json["messages"] if m["role"] == "assistant"] == [
        "one",
        "two",
    ]
    chat.say("/budget usd 9", "ceilings: $9.00", "spent:", "left:")
    chat.say("/compact", "nothing to leave out")
    chat.say("/study", "no studies yet")
    chat.say("/nonsense", "there is no /nonsense", "/help")


def test_a_session_is_resumed_with_its_last_words_and_another_is_begun(room: Room) -> None:
    room.open(text("the first answer"), text("the second"), text("a new one"))
    before = room.sit()
    before.say("remember me", "the first answer")
    before.ctrl("d")
    assert before.ended() == 0
    (session,) = room.ledger.sessions()
    chat = room.sit("chat", "--resume")
    assert "› remember me" in chat.text and "the first answer" in chat.text
    chat.say("go on", "the second")
    assert "remember me" in str(room.server.requests[-1].json)
    chat.say("/new", session.id)
    chat.say("something else", "a new one")
    assert "remember me" not in str(room.server.requests[-1].json["messages"][-1])
    chat.say(f"/resume {session.id}", "› go on", "the second")
    assert len(room.ledger.sessions()) == 2


def test_control_codes_of_a_model_or_a_tool_never_reach_the_screen(room: Room) -> None:
    shout = "printf '\\033]0;owned\\007\\033[2Jcleared'"
    room.open(call("run_command", {"command": shout}), text("plain \x1b]0;owned\x07 \x1b[2J words"))
    chat = room.sit()
    chat.say("hi", "words")
    assert b"\x1b]0;" not in chat.raw and b"\x1b[2J" not in chat.raw.partition(b"plain")[2]


def test_a_typed_secret_is_in_no_history_file(room: Room) -> None:
    room.open(text("ok"), HF_TOKEN="hf_" + "a1B2" * 9)
    chat = room.sit()
    chat.say("use hf_" + "a1B2" * 9, "ok")
    chat.ctrl("d")
    chat.ended()
    history = room.home / "chat_history"
    assert "a1B2a1B2" not in history.read_text() and "use " in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    assert "a1B2a1B2" not in str(room.server.requests[0].json)
