"""A session over turns, processes, questions, kills and ceilings: what was done is done once, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import CancellationToken, RunContext, Tool
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ApprovalRequired, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.usage import RequestUsage
from tests.agent.scripted import Bench, Script, call, killed, mark, prompts, returns, script

from labwright.agent.deps import Deps
from labwright.agent.resuming import NOT_STARTED, UNKNOWN
from labwright.agent.session import Outcome, Session
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import (
    ApprovalAnswered,
    LlmReserved,
    SessionAdjusted,
    SessionAttached,
    SessionBudget,
    SessionEnded,
    SessionSuspended,
)
from labwright.guard.approvals import LIFETIME_S, Approvals
from labwright.study.lock import held

STREAMING = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


# -- from a prompt to the end ------------------------------------------------------------------------------------------


@STREAMING
def test_a_prompt_leads_over_tools_to_the_end(tmp_path: Path, stream: bool) -> None:
    bench = Bench(tmp_path)
    said = script([call("touch", name="a"), call("touch", name="b")], [call("look", file="marks")], "all done")
    outcome = bench.turn("do it", said, stream=stream)
    assert (outcome.kind, outcome.exit_code, outcome.text) == ("done", 0, "all done")
    assert sorted(bench.marks) == ["touch a", "touch b"]
    assert bench.outcomes == [("touch", "success"), ("touch", "success"), ("look", "success")]
    view = bench.view
    assert (view.state, view.outcome, view.said) == ("ended", "done", ("do it",))
    assert view.usage.steps == 3 and view.usage.reserved_tokens == 0
    assert prompts(bench.log) == ["do it"]


@STREAMING
def test_events_of_a_turn_reach_who_listens(tmp_path: Path, stream: bool) -> None:
    seen: list[str] = []
    Bench(tmp_path).turn(
        "do it",
        script([call("touch", name="a")], "all done"),
        stream=stream,
        on_event=lambda event: seen.append(type(event).__name__),
    )
    assert {"FunctionToolCallEvent", "FunctionToolResultEvent"} <= set(seen)
    assert ("PartDeltaEvent" in seen) is stream


def test_a_second_turn_remembers_the_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("first", script("one"))
    second = script("two")
    bench.turn("second", second)
    assert prompts(second.asked[0]) == ["first", "second"]


def test_with_nothing_left_to_do_no_request_is_made(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("first", script("one"))
    outcome = bench.turn(None, script())
    assert outcome.kind == "done" and "nothing is left" in outcome.text


def test_a_session_goes_on_with_another_model(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("first", script([call("touch", name="a")], "one"))
    other = script("two")

    async def go() -> Any:
        return await bench.session(other, "hf:some/other").turn("second", lambda _: None, stream=False)

    assert asyncio.run(go()).kind == "done"
    assert prompts(other.asked[0]) == ["first", "second"] and "did touch a" in str(other.asked[0])
    assert bench.view.model == "hf:some/other"  # as a person typed it, so that a resume finds it again


def test_two_processes_do_not_work_in_one_session_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("first", script("one"))
    with (
        held(tmp_path / "home" / "sessions" / bench.session_id, "the session", "wait"),
        pytest.raises(UsageError, match="the session is being run by process"),
    ):
        bench.turn("second", script())


# -- approvals ---------------------------------------------------------------------------------------------------------


@STREAMING
def test_with_nobody_there_an_approval_suspends_and_siblings_have_run_once(tmp_path: Path, stream: bool) -> None:
    bench = Bench(tmp_path)
    outcome = bench.turn("go", script([call("touch", name="a"), call("publish", name="p")]), stream=stream)
    assert (outcome.kind, outcome.exit_code) == ("waiting", 4)
    assert "labwright approvals approve" in outcome.text
    assert bench.marks == ["touch a"] and bench.view.state == "suspended"
    [asked] = bench.view.open_approvals
    assert (asked.tool, asked.effects, dict(asked.args)) == ("publish", ("publish",), {"name": "p"})

    again = bench.turn(None, script())  # unanswered: nothing is sent, nothing is done
    assert again.kind == "waiting" and bench.marks == ["touch a"]

    other = Bench(tmp_path, session_id=bench.session_id)  # a person at another terminal
    other.answer(asked.id)
    last = script("published")
    assert other.turn(None, last, stream=stream).kind == "done"
    assert other.marks == ["touch a", "publish p"]
    assert sorted(returns(last.asked[0]).values()) == ["did publish p", "did touch a"]
    assert other.outcomes == [("touch", "success"), ("publish", "success")]


def test_an_approval_with_edited_arguments_runs_these_and_the_model_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p")]))
    bench.answer(bench.view.open_approvals[0].id, args={"name": "better"})
    last = script("published")
    bench.turn(None, last)
    assert bench.marks == ["publish better"]
    [told] = returns(last.asked[0]).values()
    assert "A person changed the arguments" in told and "better" in told


def test_an_edit_that_does_not_fit_is_refused_at_the_answer_and_the_question_stays_open(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p")]))
    (asked,) = bench.view.open_approvals
    with pytest.raises(UsageError, match="'name' is a required property"):
        bench.answer(asked.id, args={"nothing": 1})
    assert bench.view.open_approvals == (asked,)
    bench.answer(asked.id, args={"name": "better"})
    assert bench.turn(None, script("done")).kind == "done" and bench.marks == ["publish better"]


def test_an_edit_that_no_schema_held_back_reaches_no_tool_either(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p")]))
    (asked,) = bench.view.open_approvals
    wrong = ApprovalAnswered(bench.session_id, asked.id, "approved", "ann", args={"nothing": 1})
    bench.ledger.record(None, wrong)  # as the answer to a question of an older version, which kept no schema
    last = script("I see")
    assert bench.turn(None, last).kind == "done"
    assert bench.marks == [] and "not valid" in str(returns(last.asked[0]))


def test_a_denied_call_is_not_made_and_the_model_hears_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p")]))
    bench.answer(bench.view.open_approvals[0].id, "denied", why="not yet")
    last = script("I wait")
    assert bench.turn(None, last).kind == "done"
    assert bench.marks == [] and "A person denied it: not yet" in str(returns(last.asked[0]))


def test_an_approval_that_nobody_answered_in_time_expires_on_resume(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p")]))
    later = Bench(tmp_path, session_id=bench.session_id, now=lambda: time.time() + LIFETIME_S + 1)
    last = script("never mind")
    assert later.turn(None, last).kind == "done"
    assert later.marks == [] and "Nobody answered in time" in str(returns(last.asked[0]))
    assert [a.state for a in later.view.approvals] == ["expired"]


def test_several_questions_of_one_answer_wait_for_the_last_of_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p"), call("publish", name="q"), call("undeclared")]))
    first, second, third = bench.view.open_approvals
    bench.answer(first.id)
    assert bench.turn(None, script()).approvals == (second, third)
    bench.answer(second.id, "denied")
    bench.answer(third.id)
    assert bench.turn(None, script("done")).kind == "done"
    assert sorted(bench.marks) == ["publish p", "undeclared"]


def test_a_new_message_does_not_lose_an_open_question(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("touch", name="a"), call("publish", name="p")]))
    [asked] = bench.view.open_approvals
    second = script("meanwhile")
    outcome = bench.turn("something else", second)
    assert outcome.kind == "waiting" and outcome.text.startswith("meanwhile") and outcome.approvals == (asked,)
    assert prompts(second.asked[0]) == ["go", "something else"]
    assert f"Approval {asked.id} is still open" in str(returns(second.asked[0]))
    assert f"Open approval {asked.id}" in str(second.infos[0].instructions)

    assert bench.turn(None, script()).approvals == (asked,)  # still open, and nothing else to do

    bench.answer(asked.id, args={"name": "late"})
    third = script("published after all")
    assert bench.turn(None, third).kind == "done"
    assert bench.marks == ["touch a", "publish late"]
    assert bench.turn(None, script()).kind == "done" and bench.marks[-1:] == ["publish late"]


def test_an_answer_that_came_before_the_next_message_is_carried_out_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("go", script([call("publish", name="p")]))
    bench.turn("something else", script("meanwhile"))
    bench.answer(bench.view.open_approvals[0].id)
    last = script("both")
    assert bench.turn("and now?", last).kind == "done"
    assert bench.marks == ["publish p"] and prompts(last.asked[0])[-1] == "and now?"


def test_somebody_at_the_terminal_is_asked_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def yes(asked: Any) -> bool:
        for approval in asked:
            Approvals(bench.ledger).answer(approval.id, "approved", by="me", args={"name": "here"})
        return True

    bench.ask_person = yes
    assert bench.turn("go", script([call("publish", name="p")], "done")).kind == "done"
    assert bench.marks == ["publish here"]


def test_in_never_mode_what_would_be_asked_is_denied_and_the_work_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, approve="never")
    said = script([call("publish", name="p"), call("undeclared"), call("touch", name="a")], "did what I could")
    assert bench.turn("go", said).kind == "done"
    assert bench.marks == ["touch a"] and bench.view.approvals == ()
    assert str(returns(said.asked[1])).count("Denied by policy") == 2


def test_a_tool_that_asks_by_itself_finds_nobody_in_never_mode(tmp_path: Path) -> None:
    def asks(ctx: RunContext[Any]) -> str:
        raise ApprovalRequired(metadata={"effects": ["read"], "args": {}, "why": "which one?"})

    bench = Bench(tmp_path, approve="never")
    bench.tools.append(Tool(asks, metadata={"effects": ("read",)}))
    said = script([call("asks")], "I decided")
    assert bench.turn("go", said).kind == "done"
    assert "Nobody may be asked" in str(returns(said.asked[1])) and bench.view.approvals == ()


# -- kills -------------------------------------------------------------------------------------------------------------


def _dies_in_a_tool(folder: Path, session_id: str) -> None:
    calls = [call("touch", "c1", name="a"), call("slow", "c2", seconds=600), call("publish", "c3", name="p")]
    Bench(folder, session_id=session_id).turn("go", script(calls))


def test_a_kill_in_a_tool_repeats_nothing_and_shows_what_is_unknown(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    killed(_dies_in_a_tool, bench, "start it", lambda: ("touch", "success") in bench.outcomes)
    assert sorted(bench.marks) == ["start it", "touch a"]
    after = script([call("look", file="marks")], "I looked")
    bench.turn("go on", after)
    told = returns(after.asked[0])
    assert told["c1"] == "did touch a" and told["c2"] == UNKNOWN and told["c3"] == NOT_STARTED
    assert prompts(after.asked[0]) == ["go", "go on"]
    assert sorted(bench.marks) == ["start it", "touch a"]
    assert ("slow", "unknown") in bench.outcomes and ("touch", "success") in bench.outcomes


def _dies_in_a_model_call(folder: Path, session_id: str) -> None:
    def hangs(_: list[ModelMessage]) -> str:
        mark(folder, "asking")
        time.sleep(600)
        return "never"

    Bench(folder, session_id=session_id, worst_case=lambda *_: 0.25).turn("remember me", script(hangs))


def test_a_kill_in_a_model_call_loses_no_message_and_settles_what_was_reserved(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worst_case=lambda *_: 0.25)
    killed(_dies_in_a_model_call, bench, "asking")
    usage = bench.view.usage
    assert usage.reserved_usd == 0.25 and usage.calls == 0
    after = script("here I am")
    assert bench.turn(None, after).kind == "done"
    assert prompts(after.asked[0]) == ["remember me"]
    usage = bench.view.usage
    assert usage.reserved_usd == 0 and usage.reserved_tokens == 0
    assert usage.usd == 0.25 and usage.calls == 2  # the killed one at its worst case; nobody knows what it took


def _deploying(folder: Path, session_id: str | None = None) -> Bench:
    """A bench with one more tool, that publishes and takes its time."""

    def deploy(seconds: float) -> str:
        """Publish, slowly."""
        mark(folder, "start deploy")
        time.sleep(seconds)
        return mark(folder, "end deploy")

    bench = Bench(folder, session_id=session_id)
    bench.tools.append(Tool(deploy, metadata={"effects": ("publish",)}))
    return bench


def _goes_on_deploying(folder: Path, session_id: str) -> None:
    _deploying(folder, session_id).turn(None, script())


def test_a_kill_in_an_approved_call_does_not_make_it_again(tmp_path: Path) -> None:
    bench = _deploying(tmp_path)
    bench.turn("go", script([call("touch", "c1", name="a"), call("deploy", "c2", seconds=0)]))
    bench.answer(bench.view.open_approvals[0].id, args={"seconds": 600})
    killed(_goes_on_deploying, bench, "start deploy")
    after = script("I look")
    assert bench.turn(None, after).kind == "done"
    assert returns(after.asked[0]) == {"c1": "did touch a", "c2": UNKNOWN}
    assert bench.marks == ["touch a", "start deploy"]


def test_a_kill_in_a_call_that_was_put_again_does_not_make_it_a_third_time(tmp_path: Path) -> None:
    bench = _deploying(tmp_path)
    bench.turn("go", script([call("deploy", "c2", seconds=0)]))
    [asked] = bench.view.open_approvals
    bench.turn("something else", script("meanwhile"))
    bench.answer(asked.id, args={"seconds": 600})
    killed(_goes_on_deploying, bench, "start deploy")
    after = script("I look")
    assert bench.turn(None, after).kind == "done"
    assert returns(after.asked[0])[asked.id] == UNKNOWN and bench.marks == ["start deploy"]


def test_a_session_that_another_machine_took_up_while_a_person_thought_is_left_to_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    sessions: list[Session] = []

    async def thinks(asked: Any) -> bool:
        with sessions[0].paused("a question"):
            bench.ledger.record(None, SessionAttached(bench.session_id, 7, "local:stub", "gpu7", "b-7", 3))
            for approval in asked:
                bench.answer(approval.id)
        return True

    async def go() -> Outcome:
        sessions.append(bench.session(script([call("publish", name="p")])))
        return await sessions[0].turn("go", lambda _: None, stream=False)

    bench.ask_person = thinks
    outcome = asyncio.run(go())
    assert outcome.kind == "failed" and "is being run on gpu7" in outcome.text
    assert bench.view.state == "running" and bench.view.process is not None and bench.view.process.host == "gpu7"
    assert bench.marks == []


def _dies_between_answer_and_call(folder: Path, session_id: str) -> None:
    bench = Bench(folder, session_id=session_id)

    async def dies(asked: Any) -> bool:
        for approval in asked:
            bench.answer(approval.id)
        bench.mark("answered")
        await asyncio.sleep(600)
        return True

    bench.ask_person = dies
    bench.turn("go", script([call("touch", name="a"), call("publish", name="p")]))


def test_a_kill_between_an_approval_and_its_call_still_makes_the_call(tmp_path: Path) -> None:
    """The answer is in the ledger; the process that would have acted on it is gone before it could."""
    bench = Bench(tmp_path)
    killed(_dies_between_answer_and_call, bench, "answered")
    assert bench.turn(None, script("done")).kind == "done"
    assert bench.marks == ["touch a", "answered", "publish p"]


def test_an_interrupted_turn_goes_on_without_repeating_anything(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worst_case=lambda *_: 0.25, price_of=lambda _: 0.1)

    async def interrupted() -> Any:
        token = CancellationToken()
        said = script([call("touch", name="a"), call("slow", "c2", seconds=600)])
        turn = asyncio.create_task(bench.session(said).turn("go", lambda _: None, stream=False, cancellation=token))
        while not {"touch a", "start it"} <= set(bench.marks):
            await asyncio.sleep(0.01)
        token.cancel()
        return await turn

    outcome = asyncio.run(interrupted())
    assert (outcome.kind, outcome.exit_code) == ("interrupted", 1)
    after = script("I look first")
    assert bench.turn("what happened?", after).kind == "done"
    assert prompts(after.asked[0]) == ["go", "what happened?"]
    assert "c2" in returns(after.asked[0]) and ("slow", "unknown") in bench.outcomes
    assert sorted(bench.marks) == ["start it", "touch a"]


@pytest.mark.parametrize("hangs", ["tool", "model"])
def test_a_session_ends_when_its_time_is_over_whatever_takes_so_long(tmp_path: Path, hangs: str) -> None:
    """On a busy machine the time may be over before the first call: then that is what ends it."""
    bench = Bench(tmp_path, budget=SessionBudget(wall_clock_s=1.0), extra=[_Hangs()] if hangs == "model" else [])
    outcome = bench.turn("go", script([call("slow", seconds=600)]))
    assert (outcome.kind, outcome.exit_code) == ("budget", 3) and "time" in outcome.text
    assert bench.view.outcome == "budget" and "end it" not in bench.marks
    bench.ledger.record(None, SessionAdjusted(bench.session_id, SessionBudget(wall_clock_s=3600), None, "someone"))
    bench = Bench(tmp_path, ledger=bench.ledger, session_id=bench.session_id)
    assert bench.turn("go on", script("done")).kind == "done"


class _Hangs(AbstractCapability[Deps]):
    """A server that takes a request and never answers."""

    async def wrap_model_request(self, ctx: Any, *, request_context: Any, handler: Any) -> Any:
        await asyncio.Event().wait()


# -- failures ----------------------------------------------------------------------------------------------------------


def test_a_refusal_of_the_provider_ends_the_turn_and_a_resume_asks_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worst_case=lambda *_: 0.25)
    refused = ModelHTTPError(status_code=401, model_name="scripted", body={"message": "bad key"})
    outcome = bench.turn("hello", script(refused))
    assert (outcome.kind, outcome.exit_code) == ("failed", 1) and "bad key" in outcome.text
    assert bench.view.usage.usd == 0 and bench.view.usage.reserved_usd == 0  # it cost nothing
    after = script("hello to you")
    assert bench.turn(None, after).kind == "done"
    assert prompts(after.asked[0]) == ["hello"]


def test_a_message_that_was_never_sent_goes_out_with_the_next_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(tokens=10))
    assert bench.turn("the first", script()).kind == "budget"
    bench.ledger.record(None, SessionAdjusted(bench.session_id, SessionBudget()))
    after = script("answered")
    assert bench.turn("the second", after).kind == "done"
    assert prompts(after.asked[0]) == ["the first\n\nthe second"]
    again = script("fine")
    bench.turn("the third", again)
    assert prompts(again.asked[0])[-1] == "the third"


# -- the plan ----------------------------------------------------------------------------------------------------------


def _plan(*contents: str) -> Any:
    return [call("write_plan", items=[{"content": c, "status": "pending"} for c in contents])]


@STREAMING
def test_words_alone_with_an_open_plan_continue_the_work_at_most_twice(tmp_path: Path, stream: bool) -> None:
    bench = Bench(tmp_path)
    said = script(_plan("one", "two"), "I stop", "I stop again", "I really stop")
    assert bench.turn("go", said, stream=stream).text == "I really stop"
    assert "still has open items (one; two)" in prompts(said.asked[2])[-1]
    assert len(prompts(said.asked[-1])) == 3


def test_a_tool_call_in_between_starts_the_count_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script(_plan("one"), "stop", "stop", [call("touch", name="a")], "stop", "stop", "end")
    assert bench.turn("go", said).text == "end"


def test_with_the_plan_done_words_alone_end_the_turn(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    done = [call("write_plan", items=[{"content": "one", "status": "completed"}])]
    assert bench.turn("go", script(_plan("one"), done, "finished")).text == "finished"


def test_with_no_time_left_an_open_plan_does_not_continue(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(wall_clock_s=100_000))
    late = Bench(tmp_path, session_id=bench.session_id, now=lambda: time.time() + 95_000)  # into the last tenth
    assert late.turn("go", script(_plan("one"), "I stop")).text == "I stop"


# -- ceilings ----------------------------------------------------------------------------------------------------------

_CEILINGS = [
    pytest.param(SessionBudget(steps=3), "step", id="steps"),
    pytest.param(SessionBudget(tokens=40_000), "tokens", id="tokens"),
    pytest.param(SessionBudget(usd=0.7), r"\$0.25", id="dollars"),
]


@STREAMING
@pytest.mark.parametrize(("budget", "said"), _CEILINGS)
def test_a_ceiling_ends_the_session_and_nothing_is_sent_beyond(
    tmp_path: Path, budget: SessionBudget, said: str, stream: bool
) -> None:
    price = {"worst_case": lambda *_: 0.25, "price_of": lambda _: 0.2}
    bench = Bench(tmp_path, budget=budget, **price)  # type: ignore[arg-type]
    endless = Script(
        [[call("touch", name=str(n))] for n in range(20)], RequestUsage(input_tokens=9000, output_tokens=5)
    )
    if stream:  # a streamed answer is measured by its size: a ceiling of tokens would never come near
        endless.says = [[call("touch", name=f"{n} " + "x" * 30_000)] for n in range(20)]
    outcome = bench.turn("go", endless, stream=stream)
    assert (outcome.kind, outcome.exit_code) == ("budget", 3), outcome
    assert said.strip("\\") in outcome.text or said.replace("\\", "") in outcome.text
    assert 0 < len(endless.asked) < 20
    events = [r.event for r in bench.ledger.session_events(bench.session_id)]
    assert sum(isinstance(e, LlmReserved) for e in events) == len(endless.asked)
    usage = bench.view.usage
    assert usage.steps <= (budget.steps or usage.steps)
    assert usage.tokens <= (budget.tokens or usage.tokens)
    assert usage.usd <= (budget.usd or usage.usd)
    ended = [e for e in events if isinstance(e, SessionEnded | SessionSuspended)]
    assert isinstance(ended[-1], SessionEnded) and ended[-1].outcome == "budget"
    more = script()
    assert bench.turn(None, more).kind == "budget" and not more.asked


def test_a_time_ceiling_ends_the_session(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(wall_clock_s=3600))
    clock = {"ahead": 0.0}
    bench = Bench(tmp_path, session_id=bench.session_id, now=lambda: time.time() + clock["ahead"])

    def an_hour_passes(_: list[ModelMessage]) -> Any:
        clock["ahead"] = 3601
        return [call("touch", name="a")]

    said = script(an_hour_passes)
    outcome = bench.turn("go", said)
    assert outcome.kind == "budget" and "time" in outcome.text and len(said.asked) == 1


def test_every_answer_that_was_paid_for_is_in_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(steps=2))
    bench.turn("go", script([call("touch", name="a")], [call("touch", name="b")]))
    assert sum(isinstance(m, ModelResponse) for m in bench.log) == 2
    assert sorted(returns(bench.log).values()) == ["did touch a", "did touch b"]
