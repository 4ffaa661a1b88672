"""A question to a person is answered once, from wherever, and survives the process that asked it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from labwright.contracts.effects import Cost
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import Approval, ApprovalAnswered, SessionBudget, SessionOpened
from labwright.guard.approvals import LIFETIME_S, Approvals
from labwright.ledger import Ledger

ARGS = {"script": "train.py", "hours": 4}


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as ledger:
        for session in ("i-1", "i-2"):
            ledger.record(None, SessionOpened(session, "g", "m", "/w", "ask", SessionBudget()))
        yield ledger


@pytest.fixture
def approvals(ledger: Ledger, clock: Clock) -> Approvals:
    return Approvals(ledger, now=clock)


def ask(approvals: Approvals, call_id: str = "c1", session: str = "i-1", **more: object) -> Approval:
    given = {"what": "start a run", "preview": "+ lr = 1e-3", "cost": Cost(2.0), "budget_left": "$3.00", **more}
    return approvals.ask(session, call_id, "launch", ("execute", "spend"), ARGS, **given)  # type: ignore[arg-type]


def test_a_question_shows_what_the_diff_the_cost_and_what_is_left(approvals):
    asked = ask(approvals)
    assert approvals.get(asked.id) == asked
    assert (asked.id, asked.state, asked.what, asked.preview) == ("A1", "open", "start a run", "+ lr = 1e-3")
    assert (asked.cost, asked.budget_left, asked.effects) == (Cost(2.0), "$3.00", ("execute", "spend"))
    assert (asked.asked_at, asked.expires_at) == (1000.0, 1000.0 + LIFETIME_S)
    assert asked.final_args == ARGS


@pytest.mark.parametrize(
    ("effects", "usd"), [(("read",), 0.0), (("spend",), None), ((), None)], ids=["free", "spends", "undeclared"]
)
def test_without_an_estimate_the_cost_is_unknown_unless_the_tool_is_free(approvals, effects, usd):
    assert approvals.ask("i-1", "c", "t", effects, {}, what="w").cost.usd == usd


def test_an_approval_goes_ahead_with_the_model_s_arguments(approvals):
    answered = approvals.answer(ask(approvals).id, "approved", by="ann")
    assert (answered.state, answered.by, answered.answered_at, answered.final_args) == ("approved", "ann", 1000.0, ARGS)
    assert approvals.open() == ()


@pytest.mark.parametrize("edited", [{"script": "train.py", "hours": 1}, '{"script": "train.py", "hours": 1}'])
def test_edited_arguments_take_the_place_of_the_model_s(approvals, edited):
    answered = approvals.answer(ask(approvals).id, "approved", by="ann", args=edited)
    assert answered.final_args == {"script": "train.py", "hours": 1}
    assert answered.args == ARGS, "what the model asked for is kept"


@pytest.mark.parametrize("edited", ["{", "[1]", '"text"', "null", '{"x": NaN}', {"x": float("inf")}, {"x": object()}])
def test_edited_arguments_that_are_no_json_object_are_refused_and_the_question_stays_open(approvals, edited):
    asked = ask(approvals)
    with pytest.raises(UsageError, match="edited arguments") as caught:
        approvals.answer(asked.id, "approved", by="ann", args=edited)
    assert caught.value.cure
    assert approvals.open() == (asked,)


def test_a_denial_says_why_and_edits_nothing(approvals):
    asked = ask(approvals)
    with pytest.raises(UsageError, match="edited"):
        approvals.answer(asked.id, "denied", by="ann", args={"hours": 1})
    denied = approvals.answer(asked.id, "denied", by="ann", why="too dear")
    assert (denied.state, denied.why) == ("denied", "too dear")


def test_a_second_answer_is_told_what_the_first_was_and_changes_nothing(approvals, ledger):
    asked = ask(approvals)
    first = approvals.answer(asked.id, "approved", by="ann")
    with pytest.raises(UsageError, match="already approved by ann") as caught:
        approvals.answer(asked.id, "denied", by="bob")
    assert "the first answer holds" in caught.value.cure
    assert approvals.get(asked.id) == first
    assert sum(isinstance(r.event, ApprovalAnswered) for r in ledger.session_events("i-1")) == 1


def test_an_unknown_approval_is_named_with_those_that_wait(approvals):
    ask(approvals)
    with pytest.raises(UsageError, match="'A9'") as caught:
        approvals.answer("A9", "approved", by="ann")
    assert "A1" in caught.value.cure


def test_an_approval_expires_once_its_time_is_over(approvals, clock):
    soon, never = ask(approvals, "c1", lifetime_s=60.0), ask(approvals, "c2", lifetime_s=None)
    assert approvals.expire() == ()
    clock.now += 60.0
    assert approvals.open() == (never,)
    (expired,) = approvals.expire()
    assert (expired.id, expired.state, expired.by) == (soon.id, "expired", "")
    assert approvals.expire() == ()
    assert approvals.open() == (never,)


def test_an_answer_that_comes_too_late_finds_it_expired_and_says_so(approvals, clock, ledger):
    asked = ask(approvals, lifetime_s=60.0)
    clock.now += 61.0
    with pytest.raises(UsageError, match="expired"):
        approvals.answer(asked.id, "approved", by="ann")
    assert ledger.approval(asked.id).state == "expired", "and that is recorded"
    with pytest.raises(UsageError, match="expired"):
        approvals.answer(asked.id, "approved", by="ann")


def test_the_same_question_asked_again_after_a_kill_is_the_same_approval(approvals, ledger, clock):
    asked = ask(approvals)
    again = Approvals(ledger, now=clock)
    assert ask(again) == asked
    assert ask(again, "c2") != asked
    assert ask(again, session="i-2").session_id == "i-2"
    approvals.answer(asked.id, "denied", by="ann")
    assert ask(again).id not in {asked.id}, "once answered, it is another question"
    assert [a.id for a in approvals.open("i-2")] == ["A3"]


PROCESS = """
import sys
from labwright.contracts.errors import UsageError
from labwright.guard.approvals import Approvals
from labwright.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    approvals = Approvals(ledger)
    if sys.argv[2] == "ask":
        asked = approvals.ask("i-1", "c1", "launch", ("execute",), {"n": 1}, what="start")
        print(asked.id, flush=True)
        sys.stdin.read()
    else:
        try:
            print(approvals.answer(sys.argv[3], "approved", by=sys.argv[2]).by)
        except UsageError:
            print("too late")
"""


def start(ledger_url: str, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, ledger_url, *args]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_an_open_approval_survives_a_kill_and_is_answered_once_from_other_processes(ledger_url, ledger):
    asker = start(ledger_url, "ask")
    approval_id = asker.stdout.readline().strip()
    asker.kill()
    asker.communicate()
    assert [a.id for a in Approvals(ledger).open("i-1")] == [approval_id]
    others = [start(ledger_url, name, approval_id) for name in ("ann", "bob", "eve")]
    said = [process.communicate()[0].strip() for process in others]
    assert sorted(said).count("too late") == 2
    answered = ledger.approval(approval_id)
    assert answered.state == "approved"
    assert answered.by in said


def test_questions_asked_at_once_get_numbers_of_their_own(approvals):
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda number: ask(approvals, f"c{number}"), range(20)))
    assert {a.id for a in asked} == {f"A{n}" for n in range(1, 21)}
