"""Two hundred random faults over short sessions: each ends with a message, loses no event, repeats no effect, and
passes no ceiling.

The model of these sessions is a sensible one: it does its list of things one after another, makes a call again that it
was told had not been carried out or had failed, and leaves alone what it was told is done or unknown. A fault strikes
at a random moment of a turn: an exception in a tool, a provider's error, nonsense from the model, a full disk, a locked
database, or a kill. Most kills are a ledger that is dead from some write on, before or after its commit, which reaches
moments that a signal cannot aim at; some are real ones.
"""

from __future__ import annotations

import errno
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Tool
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelConnectionError, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from sqlalchemy import event
from tests.agent.scripted import Bench, Script, call, killed, mark, prompts, returns

from labwright.agent.resuming import UNKNOWN
from labwright.agent.session import Outcome
from labwright.contracts.errors import LabwrightError, StorageError
from labwright.contracts.sessions import LlmReserved, SessionBudget, ToolStarted
from labwright.ledger import Ledger
from labwright.ledger.connection import open_engine

BLOCKS, CASES, FAULTS = 12, 8, 2  # 192 faults in this process, and 8 real kills
KILLS = 8
_BUSY_MS = 30


class Killed(BaseException):
    """Nothing more happens in this process."""


class FaultyLedger(Ledger):
    """A ledger whose disk or process fails at one of its writes; reads go on, as they do on a full disk."""

    strikes_at = 10**9
    how = ""
    writes = 0

    @contextmanager
    def _struck(self) -> Iterator[None]:
        if self.how == "killed" and self.writes >= self.strikes_at:
            raise Killed
        self.writes += 1
        if self.writes == self.strikes_at and self.how in ("full once", "full", "killed before"):
            self._strike()
        if self.writes > self.strikes_at and self.how == "full":
            self._strike()
        yield
        if self.writes == self.strikes_at and self.how == "killed after":
            self._strike()

    def _strike(self) -> None:
        if self.how.startswith("killed"):
            self.how = "killed"
            raise Killed
        raise StorageError("the disk is full", where="lab.db", cure="free some space and try again")

    def record(self, *args: Any, **options: Any) -> Any:
        with self._struck():
            return super().record(*args, **options)

    @contextmanager
    def deciding(self) -> Iterator[Any]:
        with self._struck(), super().deciding() as decision:
            yield decision

    def append_messages(self, *args: Any, **options: Any) -> None:
        with self._struck():
            super().append_messages(*args, **options)

    def save_head(self, *args: Any, **options: Any) -> None:
        with self._struck():
            super().save_head(*args, **options)


def opened(folder: Path, *, pages: int | None = None) -> FaultyLedger:
    """The lab's ledger; it waits for a lock only a moment, and its file may grow by this many pages."""
    engine, where = open_engine(f"sqlite:///{folder / 'home' / 'lab.db'}")

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        if pages is not None:
            [used] = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {used + pages}")

    engine.dispose()
    return FaultyLedger(engine, where)


# -- the sensible model ------------------------------------------------------------------------------------------------


class Always(Sequence[Any]):
    """Says what a function of the messages says, however often it is asked."""

    def __init__(self, says: Callable[[list[ModelMessage]], Any]) -> None:
        self._says = says

    def __getitem__(self, _place: Any) -> Any:
        return self._says

    def __len__(self) -> int:
        return 10**6


def sensible(things: Sequence[tuple[str, str]], at_once: int) -> Callable[[list[ModelMessage]], Any]:
    """Does `things`, pairs of a tool and a name, some at once."""

    def says(messages: list[ModelMessage]) -> Any:
        told = returns(messages)
        settled: dict[str, bool] = {}
        for message in messages:
            for part in message.parts if isinstance(message, ModelResponse) else ():
                if isinstance(part, ToolCallPart) and part.tool_name in ("work", "announce"):
                    name, said = str(part.args_as_dict().get("name")), told.get(part.tool_call_id, "")
                    over = f"did {name}" in said or UNKNOWN in said or "is still open" in said
                    settled[name] = settled.get(name, False) or over
        left = [(tool, name) for tool, name in things if not settled.get(name)]
        return [call(tool, name=name) for tool, name in left[:at_once]] or "all done"

    return says


def tools_of(folder: Path, strike: Callable[[], None]) -> list[Tool[Any]]:
    def work(name: str) -> str:
        """Do a thing."""
        strike()
        return mark(folder, name)

    def announce(name: str) -> str:
        """Do a thing that a person has to approve."""
        strike()
        return mark(folder, name)

    return [
        Tool(work, metadata={"effects": ("write",)}, max_retries=5),
        Tool(announce, metadata={"effects": ("publish",)}, max_retries=5),
    ]


# -- a case ------------------------------------------------------------------------------------------------------------

_OF_TOOLS = [
    ValueError("no"),
    KeyError("x"),
    RuntimeError("boom"),
    OSError(errno.ENOSPC, "No space left on device"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    StorageError("the disk is full"),
    RecursionError(),
]
_OF_PROVIDERS = [
    ModelHTTPError(status_code=429, model_name="m", body={"message": "slow down"}),
    ModelHTTPError(status_code=500, model_name="m", body={"message": "oops"}),
    ModelHTTPError(status_code=401, model_name="m", body={"message": "bad key"}),
    ModelHTTPError(status_code=400, model_name="m", body={"message": "maximum context length exceeded"}),
    ModelConnectionError("m", "not reached"),
    ModelConnectionError("m", "broke off", phase="read", in_stream=True),
    FallbackExceptionGroup("all failed", [ModelHTTPError(status_code=503, model_name=n) for n in "ab"]),
]
_NONSENSE: list[Any] = [
    [call("no_such_tool", x=1)],
    [ToolCallPart("work", '{"name": ', tool_call_id="broken")],
    [call("work", nome="x")],
    [],
]
KINDS = ("tool", "provider", "nonsense", "full once", "full", "really full", "locked", "killed before", "killed after")


class Case:
    """One session under faults."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice, self.seed = folder, random.Random(seed), seed
        tools = ["work"] * 3 + ["announce"]
        self.things = [(self.dice.choice(tools), f"n{n}") for n in range(self.dice.randint(2, 5))]
        self.says = sensible(self.things, self.dice.randint(1, 3))
        self.budget = SessionBudget(
            steps=self.dice.choice([4, 12, 40]),
            usd=self.dice.choice([0.7, 3, 20]),
            tokens=self.dice.choice([None, 10**6]),
        )
        self.asked = 0
        self.seen: list[ModelMessage] = []
        self.session_id = self.bench(opened(folder)).session_id
        self.told: list[str] = []

    def bench(self, ledger: Ledger, session_id: str | None = None) -> Bench:
        return Bench(
            self.folder, ledger=ledger, session_id=session_id, budget=self.budget,
            worst_case=lambda *_: 0.25, price_of=lambda _: 0.1,
        )  # fmt: skip

    def turn(self, text: str | None, kind: str = "none") -> Outcome | LabwrightError | Killed:
        """One turn in what might be a new process, with one fault in it."""
        at = self.dice.randint(1, 4)
        ledger = opened(self.folder, pages=self.dice.randint(0, 4) if kind == "really full" else None)
        bench = self.bench(ledger, self.session_id)
        ledger.how, ledger.strikes_at = kind, self.dice.randint(1, 25)
        bench.tools[:] = tools_of(self.folder, self._strikes("tool", kind, at))
        other = sqlite3.connect(self.folder / "home" / "lab.db", isolation_level=None, check_same_thread=False)
        counted = {"asked": 0}

        def says(messages: list[ModelMessage]) -> Any:
            self.asked += 1
            self.seen += messages
            counted["asked"] += 1
            if kind == "locked" and counted["asked"] == at:
                other.execute("BEGIN IMMEDIATE")
            if kind == "provider" and counted["asked"] == at:
                raise self.dice.choice(_OF_PROVIDERS)
            return self.dice.choice(_NONSENSE) if kind == "nonsense" and counted["asked"] == at else self.says(messages)

        try:
            return bench.turn(text, Script(Always(says)), stream=self.dice.random() < 0.3)
        except (LabwrightError, Killed) as error:
            return error
        finally:
            other.close()
            ledger.close()

    def _strikes(self, mine: str, kind: str, at: int) -> Callable[[], None]:
        counted = {"calls": 0}

        def strike() -> None:
            counted["calls"] += 1
            if kind == mine and counted["calls"] == at:
                raise self.dice.choice(_OF_TOOLS)

        return strike

    def under_faults(self) -> None:
        for n in range(FAULTS):
            kind = self.dice.choice(KINDS)
            text = f"message {n}" if n == 0 or self.dice.random() < 0.3 else None
            before = self._events()
            self._is_message(self.turn(text, kind), kind)
            assert self._events()[: len(before)] == before, "an event was lost"
            self._answers(0.6)

    def recovers(self) -> Outcome:
        """Goes on without faults until all is done, or a ceiling ends it."""
        for _ in range(8):
            outcome = self.turn(None)
            assert isinstance(outcome, Outcome), f"seed {self.seed}: {outcome!r}"
            self._is_message(outcome, "none")
            if outcome.kind in ("done", "budget"):
                return outcome
            self._answers(1.0)
        raise AssertionError(f"seed {self.seed}: it does not end: {outcome}")

    def check(self, last: Outcome) -> None:
        ledger = opened(self.folder)
        where = f"seed {self.seed}: {self.things}"
        marks = (self.folder / "marks").read_text().splitlines() if (self.folder / "marks").exists() else []
        assert len(marks) == len(set(marks)), f"{where}: an effect happened twice: {marks}"
        calls = ledger.tool_calls(self.session_id)
        known = {
            str(c.args.get("name")): c.outcome
            for c in calls
            if c.tool in ("work", "announce") and c.outcome != "denied"
        }
        assert set(marks) <= set(known), f"{where}: an effect without an event: {marks} {known}"
        assert all(c.outcome is not None for c in calls), f"{where}: a call without an end"
        if last.kind == "done":
            undone = {name for _, name in self.things} - set(marks)
            assert all(known.get(name) == "unknown" for name in undone), f"{where}: {undone} were left: {known}"
        view = ledger.session_view(self.session_id)
        usage, budget = view.usage, self.budget
        assert usage.steps <= (budget.steps or 0) and usage.usd <= (budget.usd or 0) + 1e-9, where
        assert usage.reserved_tokens == usage.reserved_steps == 0, f"{where}: a reservation was left"
        reserved = [r.event for r in ledger.session_events(self.session_id) if isinstance(r.event, LlmReserved)]
        assert self.asked <= len(reserved), f"{where}: a request without a reservation"
        sent = "\n".join(prompts(self.seen))
        if last.kind == "done":
            assert all(said in sent for said in view.said), f"{where}: a message was lost"
        ledger.rebuild(None)
        assert ledger.session_view(self.session_id) == view, f"{where}: the events do not add up to the state"
        ledger.close()

    def _is_message(self, outcome: Outcome | LabwrightError | Killed, kind: str) -> None:
        if isinstance(outcome, Outcome):
            assert outcome.text.strip(), f"seed {self.seed}, {kind}: it ended without a word: {outcome}"
            assert "Traceback" not in outcome.text
        elif isinstance(outcome, LabwrightError):
            assert outcome.what and kind in ("full", "full once", "really full", "locked"), f"{self.seed}: {outcome!r}"
        else:
            assert kind.startswith("killed"), f"seed {self.seed}, {kind}: {outcome!r}"

    def _answers(self, likely: float) -> None:
        ledger = opened(self.folder)
        bench = self.bench(ledger, self.session_id)
        for asked in bench.view.open_approvals:
            if self.dice.random() < likely:
                bench.answer(asked.id)
        ledger.close()

    def _events(self) -> list[Any]:
        ledger = opened(self.folder)
        events = list(ledger.session_events(self.session_id))
        ledger.close()
        return events


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with an empty ledger; making its tables takes longer than a session."""
    folder = tmp_path_factory.mktemp("template")
    Ledger.open(f"sqlite:///{folder / 'home' / 'lab.db'}").close()
    return folder


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_faults_lose_nothing_and_repeat_nothing(tmp_path: Path, template: Path, block: int) -> None:
    for n in range(CASES):
        folder = tmp_path / str(n)
        shutil.copytree(template, folder)
        case = Case(folder, seed=1000 * block + n)
        case.under_faults()
        case.check(case.recovers())
        shutil.rmtree(folder)


def _works_until_killed(folder: Path, session_id: str) -> None:
    """In a process of its own: things with pauses in between, so that a signal has something to hit."""
    dice = random.Random(int(folder.name))
    bench = Bench(folder, session_id=session_id, worst_case=lambda *_: 0.25, price_of=lambda _: 0.1)
    bench.tools[:] = tools_of(folder, lambda: time.sleep(dice.random() * 0.05))
    says = sensible([("work", f"n{n}") for n in range(12)], 3)

    def slowly(messages: list[ModelMessage]) -> Any:
        time.sleep(dice.random() * 0.05)
        return says(messages)

    bench.turn("do them all", Script(Always(slowly)))


@pytest.mark.parametrize("seed", range(KILLS))
def test_real_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, template: Path, seed: int) -> None:
    folder = tmp_path / str(seed)
    shutil.copytree(template, folder)
    bench = Bench(folder, budget=SessionBudget(steps=40, usd=20), worst_case=lambda *_: 0.25, price_of=lambda _: 0.1)
    killed(_works_until_killed, bench, f"n{random.Random(seed).randint(0, 8)}")
    bench.tools[:] = tools_of(folder, lambda: None)
    outcome = bench.turn(None, Script(Always(sensible([("work", f"n{n}") for n in range(12)], 3))))
    assert outcome.kind == "done", outcome
    assert len(bench.marks) == len(set(bench.marks))
    started = [r.event for r in bench.ledger.session_events(bench.session_id) if isinstance(r.event, ToolStarted)]
    assert set(bench.marks) <= {str(e.args["name"]) for e in started}
    ends = {str(c.args["name"]): c.outcome for c in bench.ledger.tool_calls(bench.session_id)}
    assert all(name in bench.marks or ends[name] == "unknown" for name in (f"n{n}" for n in range(12)))
    assert bench.view.usage.reserved_tokens == 0 and prompts(bench.log)[:1] == ["do them all"]
