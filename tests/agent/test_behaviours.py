"""The fifteen behaviours that ML-Intern's tests hold it to, and where each is tested here.

 1  dangling tool calls           below: an orphan anywhere in the history gets its stub; test_session.py after kills
 2  compaction that does nothing  below, and test_wire.py: an overflow is handled once, then fails clearly
 3  doom loop, polling            capabilities/test_loopguard.py
 4  malformed arguments           capabilities/test_faults.py; test_wire.py over a real server
 5  words alone, unfinished plan  test_session.py: at most twice in a row, not without time
 6  approval policy, batches      capabilities/test_policy.py: calls of one answer cannot jointly pass the budget
 7  reserve, reconcile, release   capabilities/test_spending.py; ../guard/test_spending.py
 8  usage thresholds              below: at $5, $10, $20 a person is asked, and where no price is known by tokens; at a
                                  ceiling the session stops; both resume
 9  error classification          models/test_model_errors.py, models/test_retrying.py; test_wire.py for the outcomes
10  session resume                test_session.py; below: the log is only added to, and what cannot be read is left out
11  session reaper                below: nothing of a session lives outside the ledger; one process at a time
12  redaction before disk         capabilities/test_results.py; ../guard/test_secrets.py
13  control plane fails closed    below: keys are in no repr (the web's own routes come with the web)
14  dataset uploads               ../data/test_intake.py: size first, safe names, private, errors that tell no paths
15  model parameters              models/test_local_servers.py (/v1, no token for local servers); below: a model that
                                  cannot be used leaves the session as it was
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.usage import RequestUsage
from tests.agent.scripted import Bench, Script, call, lab_in, prompts, returns, script

from labwright.agent.models import ModelAccess
from labwright.agent.steps import decoded
from labwright.config import Settings
from labwright.contracts.errors import ModelError, UsageError
from labwright.contracts.sessions import Approval, ApprovalAnswered, ApproveMode, SessionAdjusted, SessionBudget
from labwright.intern import Person, work_in


def _put(bench: Bench, *messages: ModelMessage) -> None:
    encoded = [ModelMessagesTypeAdapter.dump_json([message])[1:-1] for message in messages]
    bench.ledger.append_messages(bench.session_id, 0, encoded)


@pytest.mark.parametrize("place", ["in the middle", "at the end"])
def test_1_an_orphan_call_anywhere_gets_a_stub_right_after_its_message(tmp_path: Path, place: str) -> None:
    bench = Bench(tmp_path)
    orphan = ModelResponse([ToolCallPart("touch", {"name": "a"}, tool_call_id="orphan")])
    later = [ModelRequest([UserPromptPart("and?")]), ModelResponse([TextPart("fine")])]
    _put(bench, ModelRequest([UserPromptPart("the goal")]), orphan, *(later if place == "in the middle" else []))
    said = script("done")
    assert bench.turn("go on", said).kind == "done"
    asked = said.asked[0]
    at = next(i for i, m in enumerate(asked) if any(getattr(p, "tool_call_id", "") == "orphan" for p in m.parts))
    after = asked[at + 1]
    assert any(isinstance(p, ToolReturnPart) and p.tool_call_id == "orphan" for p in after.parts)
    assert bench.marks == []


def test_2_what_no_compaction_may_lose_comes_from_the_ledger_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, context_window=6_000, budget=SessionBudget(usd=5))
    (tmp_path / "note.txt").write_text("words " * 1_000)
    bench.turn("ask first", script([call("publish", name="p")]))
    [asked] = bench.view.open_approvals

    def looks(n: int):  # type: ignore[no-untyped-def]
        def reply(_: object):  # type: ignore[no-untyped-def]
            (tmp_path / "note.txt").write_text(f"{n} " + "words " * 1_000)
            return [call("look")]

        return reply

    said = script(*[looks(n) for n in range(14)], "done")
    bench.turn("then read a lot", said)
    last, instructions = said.asked[-1], str(said.infos[-1].instructions)
    assert sum(len(text) for text in returns(last).values()) < 14 * 6_000 / 2  # it was compacted
    assert "the goal" in instructions and "then read a lot" in instructions and "$5.00" in instructions
    assert f"Open approval {asked.id}" in instructions
    heads = [text for text in prompts(last) if text == "ask first"]
    assert len(heads) <= 1  # no duplicated head


def test_2_one_answer_that_ran_away_is_cut_in_what_is_sent_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, context_window=6_000)
    bench.turn("go", script("word " * 60_000))
    said = script("done")
    assert bench.turn("and now?", said).kind == "done"
    assert len(str(said.asked[0])) < 60_000 and prompts(said.asked[0]) == ["go", "and now?"]


def test_8_a_ceiling_stops_the_session_and_a_raised_one_resumes_it_where_it_stood(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(usd=0.4), worst_case=lambda *_: 0.25, price_of=lambda _: 0.2)
    assert bench.turn("go", script([call("touch", name="a")])).kind == "budget"
    assert bench.turn(None, script()).kind == "budget"  # rejected: it stays stopped
    bench.ledger.record(None, SessionAdjusted(bench.session_id, SessionBudget(usd=5), by="someone"))
    after = script("done")
    assert bench.turn(None, after).kind == "done"
    assert list(returns(after.asked[0]).values()) == ["did touch a"] and bench.marks == ["touch a"]


def _costly(folder: Path, approve: ApproveMode = "ask", budget: SessionBudget | None = None) -> Bench:
    return Bench(folder, approve=approve, budget=budget, worst_case=lambda *_: 3.0, price_of=lambda _: 3.0)


def test_8_at_five_dollars_the_session_asks_and_an_approval_resumes_it_where_it_stood(tmp_path: Path) -> None:
    bench = _costly(tmp_path)
    first = script([call("touch", name="a")], [call("touch", name="b")])
    outcome = bench.turn("go", first)
    assert outcome.exit_code == 4 and "$6.00 are spent: go on, up to $10.00?" in outcome.text
    assert bench.turn(None, script()).kind == "waiting"
    bench.answer(outcome.approvals[0].id)
    after = script("done")
    assert bench.turn(None, after).kind == "done"
    assert list(returns(after.asked[0]).values())[-1] == "did touch b" and bench.marks == ["touch a", "touch b"]


def test_8_the_next_question_is_twice_as_far_past_what_is_spent(tmp_path: Path) -> None:
    bench = _costly(tmp_path)
    said = script(*([call("touch", name=str(n))] for n in range(7)))
    asked = bench.turn("go", said)
    for spent, until in ((6, 10), (12, 20)):
        assert f"${spent}.00 are spent: go on, up to ${until}.00?" in asked.text
        bench.answer(asked.approvals[0].id)
        asked = bench.turn(None, said)
    assert "$21.00 are spent: go on, up to $40.00?" in asked.text


def test_8_a_person_at_the_terminal_is_asked_at_once_and_may_agree_to_another_amount(tmp_path: Path) -> None:
    bench = _costly(tmp_path)

    async def agree(approvals: Sequence[Approval]) -> bool:
        bench.answer(approvals[0].id, args={"until_usd": 9})
        bench.ask_person = bench.deps.ask_person = None
        return True

    bench.ask_person = agree
    outcome = bench.turn("go", script(*([call("touch", name=str(n))] for n in range(3))))
    assert outcome.kind == "waiting" and "$9.00 are spent" in outcome.text


def test_8_a_no_stops_the_session_until_the_person_comes_back_with_something_to_do(tmp_path: Path) -> None:
    bench = _costly(tmp_path)
    asked = bench.turn("go", script([call("touch", name="a")], [call("touch", name="b")]))
    bench.answer(asked.approvals[0].id, "denied", why="enough")
    outcome = bench.turn(None, script())
    assert (outcome.kind, outcome.exit_code) == ("budget", 3) and "enough" in outcome.text
    assert bench.turn(None, script()).kind == "budget"
    assert bench.turn("only write the summary", script()).kind == "waiting"


@pytest.mark.parametrize(
    ("approve", "budget", "kind"),
    [("auto", SessionBudget(usd=100), "done"), ("auto", None, "waiting"), ("never", None, "budget")],
)
def test_8_auto_with_a_ceiling_is_not_asked_and_never_ends_instead(
    tmp_path: Path, approve: ApproveMode, budget: SessionBudget | None, kind: str
) -> None:
    bench = _costly(tmp_path, approve, budget)
    said = script(*([call("touch", name=str(n))] for n in range(3)), "done")
    assert bench.turn("go", said).kind == kind


@pytest.mark.parametrize("amount", [True, "a lot", -3, None, 6])
def test_8_an_amount_that_is_none_is_refused_and_is_no_consent(tmp_path: Path, amount: object) -> None:
    bench = _costly(tmp_path)
    asked = bench.turn("go", script([call("touch", name="a")], [call("touch", name="b")])).approvals[0]
    with pytest.raises(UsageError, match="do not fit go_on_spending"):
        bench.answer(asked.id, args={"until_usd": amount})
    bench.ledger.record(None, ApprovalAnswered(bench.session_id, asked.id, "approved", "x", args={"until_usd": amount}))
    assert bench.turn(None, script()).kind == "waiting"


def _dark(folder: Path, approve: ApproveMode = "ask", budget: SessionBudget | None = None) -> Bench:
    """Calls whose price nobody knows, of two and a half million tokens each."""
    return Bench(folder, approve=approve, budget=budget)


def _dark_calls(calls: int) -> Script:
    says = [*([call("touch", name=str(n))] for n in range(calls)), "done"]
    return Script(says, usage=RequestUsage(input_tokens=2_400_000, output_tokens=100_000))


def test_8_calls_without_a_price_are_asked_about_by_tokens(tmp_path: Path) -> None:
    bench, said = _dark(tmp_path), _dark_calls(8)
    outcome = bench.turn("go", said)
    assert outcome.exit_code == 4
    assert "5,000,000 tokens of no known price are spent: go on, up to 10,000,000 tokens" in outcome.text
    (asked,) = outcome.approvals
    assert asked.cost.usd is None and "2 calls of no known price" in asked.preview
    bench.answer(asked.id, args={"until_tokens": 7_000_000})
    outcome = bench.turn(None, said)
    assert "7,500,000 tokens" in outcome.text, "the amount may be edited"
    bench.answer(outcome.approvals[0].id, "denied", why="enough")
    stopped = bench.turn(None, script())
    assert (stopped.kind, "7,500,000 tokens" in stopped.text, "enough" in stopped.text) == ("budget", True, True)


@pytest.mark.parametrize(
    ("approve", "budget", "kind"),
    [
        ("auto", SessionBudget(tokens=10**9), "done"),
        ("auto", SessionBudget(usd=5), "waiting"),  # dollars hold nothing where no price is known
        ("never", None, "done"),
    ],
)
def test_8_a_ceiling_on_tokens_is_the_word_for_them_and_never_does_not_end(
    tmp_path: Path, approve: ApproveMode, budget: SessionBudget | None, kind: str
) -> None:
    assert _dark(tmp_path, approve, budget).turn("go", _dark_calls(3)).kind == kind


def test_8_the_question_about_dollars_says_what_is_in_none(tmp_path: Path) -> None:
    prices = iter([3.0, None, 3.0])
    bench = Bench(tmp_path, worst_case=lambda *_: 0.0, price_of=lambda _: next(prices))
    outcome = bench.turn("go", script(*([call("touch", name=str(n))] for n in range(3))))
    assert "$6.00 are spent: go on, up to $10.00? (not in it: 1 call of no known price" in outcome.text


def test_10_the_log_is_only_added_to_over_resumes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("one", script([call("touch", name="a")], "done"))
    before = bench.ledger.messages(bench.session_id, replaced=True)
    events = bench.ledger.session_events(bench.session_id)
    bench.turn("two", script("done"))
    assert bench.ledger.messages(bench.session_id, replaced=True)[: len(before)] == before
    assert bench.ledger.session_events(bench.session_id)[: len(events)] == events


def test_10_a_message_of_another_version_is_left_out_with_what_follows(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("one", script("first answer"))
    good = bench.ledger.messages(bench.session_id)
    bench.ledger.append_messages(bench.session_id, 2, [b'{"kind": "of the future", "parts": 7}'])
    assert len(decoded(bench.ledger.messages(bench.session_id))) == len(good)
    after = script("done")
    assert bench.turn("two", after).kind == "done"
    assert prompts(after.asked[0]) == ["one", "two"]


def test_11_everything_of_a_session_can_be_had_from_the_ledger_by_another_process(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    plan = [call("write_plan", items=[{"content": "one", "status": "in_progress"}])]
    bench.turn("go", script(plan, [call("publish", name="p")]))
    other = Bench(tmp_path, session_id=bench.session_id)
    assert other.view == bench.view and other.view.state == "suspended"
    other.answer(other.view.open_approvals[0].id)
    said = script("all of it", "really", "yes")
    other.turn(None, said)
    assert "1. [" in said.seen and "one" in said.seen  # the plan


def test_13_keys_are_in_no_repr(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "api_key": "canary-of-the-server"})
    access = ModelAccess(environment={"OPENAI_API_KEY": "canary-of-openai"}, api_key="canary-of-the-server")
    for thing in (settings, access):
        assert "canary" not in repr(thing) and "canary" not in str(thing)


def test_15_a_model_that_cannot_be_used_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.turn("one", script("done"))
    before = bench.view
    lab = lab_in(tmp_path, base_url="http://127.0.0.1:9/v1")

    async def go(model_id: str) -> None:
        async with work_in(lab, bench.session_id, person=Person(), say=lambda _: None, model_id=model_id) as session:
            await session.turn("two", lambda _: None, stream=False)

    for model_id in ("anthropic:claude", "local:gone", "nonsense"):
        with pytest.raises(ModelError):
            asyncio.run(go(model_id))
    assert bench.view == before
