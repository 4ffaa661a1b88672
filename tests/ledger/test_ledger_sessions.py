"""The intern's sessions in the ledger: what their events add up to, and the log of their messages."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DatabaseError
from tests.ledger import ledger_samples as samples
from tests.servers.ledger_places import FreshLedger, rows_of

from labwright.contracts import sessions as events
from labwright.contracts.errors import BudgetError, StorageError, UsageError
from labwright.contracts.events import BudgetReconciled, NoteTaken
from labwright.contracts.processes import ProcessMark
from labwright.contracts.sessions import SessionBudget
from labwright.ledger import Ledger


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as opened:
        yield opened


def begin(ledger: Ledger, session: str = "i-1", at: float = 100.0) -> None:
    ledger.record(None, samples.opened(session), at=at)
    ledger.record(None, events.SessionAttached(session, 7, "autopilot"), at=at)


def test_a_session_that_was_suspended_killed_and_resumed_shows_as_it_happened(ledger: Ledger) -> None:
    ledger.record_many(None, samples.session_history("i-1"))
    view = ledger.session_view("i-1")
    assert (view.state, view.outcome, view.reason, view.model) == ("ended", "done", "it sorts", "other")
    assert view.process == ProcessMark(13, "gpu7", "b-1", 99)
    assert (view.goal, view.workspace, view.approve) == ("sort three numbers", "/work", "auto")
    assert view.budget == SessionBudget(usd=9.0)
    assert (view.opened_at, view.last_at, view.ended_at) == (1000.0, 5030.0, 5030.0)
    assert view.wall_clock_s == 10.0 + 2.0 + 10.0, "neither the wait for an answer nor the time after a kill counts"
    assert (view.said, view.studies) == (("in two hours, please",), ("s-1",))
    usage = view.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.tokens) == (910, 400, 120, 1030)
    assert (usage.usd, usage.unpriced_calls, usage.calls, usage.steps) == (0.01, 1, 2, 2)
    assert (usage.reserved_tokens, usage.reserved_usd, usage.reserved_steps) == (0, 0.0, 0)
    approved, denied = view.approvals
    assert (approved.state, approved.by, approved.answered_at) == ("approved", "ann", 5000.0)
    assert (approved.args["hours"], approved.final_args) == (2, {"hours": 1})
    assert (denied.state, denied.why, denied.final_args) == ("denied", "too dear", denied.args)
    assert approved.cost.usd is None, "an unknown price stays unknown"
    read, run = ledger.tool_calls("i-1")
    assert (read.tool, read.outcome, read.result, read.effects) == ("read_log", "success", "loss 0.1", ("read",))
    assert (run.run_id, run.call_id, run.outcome, run.args) == ("r2", "c1", "unknown", {"hours": 1})
    assert view.account == ledger.session_account("i-1")


def test_a_session_at_work_counts_until_now_and_reserves_in_advance(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record(None, events.LlmReserved("i-1", "l1", "m", 1000, 500, 0.02), at=110.0)
    ledger.record(None, events.LlmReserved("i-1", "l2", "m", 10, 5, None, agent="researcher"), at=110.0)
    view = ledger.session_view("i-1", now=130.0)
    assert (view.state, view.wall_clock_s) == ("running", 30.0)
    assert ledger.session_view("i-1").wall_clock_s == 10.0
    usage = view.usage
    assert (usage.reserved_tokens, usage.reserved_usd, usage.reserved_steps) == (1515, 0.02, 1)
    assert (usage.reserved_unpriced_calls, usage.calls, usage.tokens, usage.usd) == (1, 0, 0, 0.0)
    assert [call.call_id for call in ledger.llm_calls("i-1", open_only=True)] == ["l1", "l2"]


def test_an_answer_that_comes_after_a_kill_is_no_wall_clock(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record(None, samples.asked("i-1", "A1"), at=105.0)
    ledger.record(None, events.ApprovalAnswered("i-1", "A1", "approved", "ann"), at=9000.0)
    assert ledger.session_view("i-1").wall_clock_s == 5.0
    assert ledger.session_view("i-1").last_at == 9000.0


def test_what_a_session_s_studies_spend_counts_on_the_session(ledger: Ledger) -> None:
    begin(ledger)
    for study, usd in (("s-1", 1.25), ("s-2", 50.0)):
        ledger.record(study, samples.created())
        ledger.record(study, BudgetReconciled("b", 1.0, 1, usd=usd))
    ledger.record(None, events.StudyLinked("i-1", "s-1"))
    ledger.record(None, events.StudyLinked("i-1", "s-1"))
    assert ledger.session_account("i-1").usage.studies_usd == 1.25
    assert ledger.session_view("i-1").studies == ("s-1",)


def test_what_a_study_s_judge_takes_counts_on_the_study_and_on_its_session(ledger: Ledger) -> None:
    begin(ledger)
    judge, nobody = "judge-s-1", SessionBudget()
    ledger.record("s-1", samples.created())
    ledger.record(None, events.StudyLinked("i-1", "s-1"))
    for session in (judge, "judge-e-1"):  # the other is of an evaluation outside any study
        ledger.record(None, events.SessionOpened(session, "judge", "m", "w", "never", nobody))
        for n, usd in enumerate((0.5, None, 0.25, 0.125)):
            ledger.record(None, events.LlmReserved(session, f"c{n}", "m", 10, 5, usd, agent="judge"))
        ledger.record(None, events.LlmReconciled(session, "c0", 8, 0, 2, 0.4))
        ledger.record(None, events.LlmReconciled(session, "c1", 8, 0, 2, None))
        ledger.record(None, events.LlmReleased(session, "c3"))
    budget = ledger.status("s-1").budget
    assert (budget.used_usd, budget.reserved_usd) == (0.4, 0.25)
    assert (budget.judge.calls, budget.judge.tokens, budget.judge.unpriced_calls) == (2, 20, 1)
    assert ledger.judge_usage("s-1") == ledger.judge_usage("e-1") == budget.judge
    usage = ledger.session_account("i-1").usage
    assert (usage.studies_usd, usage.studies_tokens, usage.studies_unpriced_calls) == (0.65, 35, 1)
    assert (usage.unpriced_tokens, usage.usd, usage.calls) == (10, 0.0, 0)


def test_sessions_are_listed_with_what_they_took_and_what_waits(ledger: Ledger) -> None:
    ledger.record_many(None, samples.session_history("i-1"))
    begin(ledger, "i-2")
    ledger.record(None, samples.asked("i-2", "A9"))
    first, second = ledger.sessions()
    assert (first.id, first.state, first.tokens, first.usd, first.unpriced_calls) == ("i-1", "ended", 1030, 0.01, 1)
    assert (second.id, second.open_approvals, first.open_approvals, second.tokens) == ("i-2", 1, 0, 0)
    assert [a.id for a in ledger.approvals(open_only=True)] == ["A9"]
    assert [a.id for a in ledger.approvals("i-1")] == ["i-1-A1", "i-1-A2"]


def test_a_session_s_events_are_found_by_the_session_and_belong_to_no_study(ledger: Ledger) -> None:
    history = samples.session_history("i-1")
    begin(ledger, "i-0")
    ledger.record_many(None, history)
    ledger.record(None, NoteTaken("of no session"))
    recorded = ledger.session_events("i-1")
    assert [r.event for r in recorded] == [event for _, event in history]
    assert {r.study_id for r in recorded} == {None}
    assert ledger.session_events("i-1", after=recorded[-2].seq) == recorded[-1:]


def test_an_unknown_session_or_approval_is_a_usage_error_that_names_those_there_are(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record(None, samples.asked("i-1", "A1"))
    for ask in (ledger.session_view, ledger.session_account):
        with pytest.raises(UsageError) as caught:
            ask("i-9")
        assert "i-1" in (caught.value.cure or "")
    with pytest.raises(UsageError) as missing:
        ledger.approval("A7")
    assert "A1" in (missing.value.cure or "")


CONTRADICTIONS = {
    "a second opening": samples.opened("i-1"),
    "an event of an unknown session": events.UserSaid("i-9", "hello"),
    "a second reservation of one call": events.LlmReserved("i-1", "l1", "m", 1, 1, None),
    "a second reconciliation": events.LlmReconciled("i-1", "l0", 1, 0, 1, None),
    "a tool that starts again while it runs": events.ToolStarted("i-1", "r1", "c1", "t", ("write",), {}),
    "the end of a tool that never started": events.ToolEnded("i-1", "r1", "c9", "success"),
    "a second end of a tool": events.ToolEnded("i-1", "r1", "c0", "failed"),
    "an approval that is asked twice": samples.asked("i-1", "A1"),
    "an approval of another session": events.ApprovalAsked("i-1", samples.asked("i-2", "A3").approval),
    "a second answer": events.ApprovalAnswered("i-1", "A0", "denied", "bob"),
    "an answer to nothing": events.ApprovalAnswered("i-1", "A9", "denied", "bob"),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_a_session_is_refused_and_leaves_nothing(ledger: Ledger, ledger_url: str, what: str) -> None:
    begin(ledger)
    ledger.record(None, events.LlmReserved("i-1", "l1", "m", 1, 1, None))
    ledger.record(None, events.LlmReconciled("i-1", "l0", 1, 0, 1, None))
    ledger.record(None, events.ToolStarted("i-1", "r1", "c0", "t", ("read",), {}))
    ledger.record(None, events.ToolEnded("i-1", "r1", "c0", "success"))
    ledger.record(None, events.ToolStarted("i-1", "r1", "c1", "t", ("write",), {}))
    ledger.record(None, samples.asked("i-1", "A0"))
    ledger.record(None, events.ApprovalAnswered("i-1", "A0", "approved", "ann"))
    ledger.record(None, samples.asked("i-1", "A1"))
    before, count = samples.state_rows(ledger_url), len(ledger.events())
    with pytest.raises(StorageError):
        ledger.record(None, CONTRADICTIONS[what])
    assert samples.state_rows(ledger_url) == before
    assert len(ledger.events()) == count


def test_an_event_of_a_session_is_refused_in_a_study(ledger: Ledger) -> None:
    ledger.record("s-1", samples.created())
    begin(ledger)
    with pytest.raises(StorageError, match="belongs to a session"):
        ledger.record("s-1", events.UserSaid("i-1", "hello"))


def test_a_call_id_that_a_server_gives_again_is_another_call(ledger: Ledger) -> None:
    begin(ledger)
    for number in range(2):
        ledger.record(None, events.ToolStarted("i-1", "r1", "call_0", "t", ("write",), {"n": number}))
        ledger.record(None, events.ToolEnded("i-1", "r1", "call_0", "success", str(number)))
    assert [(call.args, call.result) for call in ledger.tool_calls("i-1")] == [({"n": 0}, "0"), ({"n": 1}, "1")]


def test_what_was_unknown_may_become_known_and_a_denied_call_never_started(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record(None, events.ToolStarted("i-1", "r1", "c1", "t", (), {}))
    assert [call.call_id for call in ledger.tool_calls("i-1", open_only=True)] == ["c1"]
    ledger.record(None, events.ToolEnded("i-1", "r1", "c1", "unknown"))
    ledger.record(None, events.ToolEnded("i-1", "r1", "c1", "success", "it did happen"))
    ledger.record(None, events.ToolEnded("i-1", "r1", "c2", "denied", "no"))
    assert [call.outcome for call in ledger.tool_calls("i-1")] == ["success"]


def test_spending_that_was_given_back_too_early_still_counts(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record(None, events.LlmReserved("i-1", "l1", "m", 10, 10, 0.5))
    ledger.record(None, events.LlmReleased("i-1", "l1", "timed out"))
    ledger.record(None, events.LlmReconciled("i-1", "l1", 9, 0, 9, 0.4))
    assert ledger.session_account("i-1").usage.usd == 0.4


def plausible_events() -> st.SearchStrategy[tuple[float, events.SessionEvent]]:
    """Anything that may happen in a session, in no order that makes sense."""
    name, this, number = st.sampled_from(["a", "b"]), st.just("i-1"), st.integers(0, 50)
    price = st.none() | st.just(0.25)
    outcome = st.sampled_from(["success", "unknown", "denied"])
    kinds = st.one_of(
        st.builds(events.SessionAttached, this, number, name),
        st.builds(events.SessionSuspended, this, name),
        st.builds(events.SessionEnded, this, st.just("done")),
        st.builds(events.SessionAdjusted, this, st.none() | st.builds(SessionBudget, price)),
        st.builds(events.UserSaid, this, name),
        st.builds(events.StudyLinked, this, name),
        st.builds(events.LlmReserved, this, name, st.just("m"), number, number, price, agent=name),
        st.builds(events.LlmReconciled, this, name, number, st.just(0), number, price),
        st.builds(events.LlmReleased, this, name),
        st.builds(events.ToolStarted, this, name, name, name, st.just(("read",)), st.just({"x": 1})),
        st.builds(events.ToolEnded, this, name, name, outcome),
        st.builds(samples.asked, this, name),
        st.builds(events.ApprovalAnswered, this, name, st.sampled_from(["approved", "expired"]), name),
    )
    return st.tuples(st.floats(0, 1000), kinds)


def rebuilds_to_the_same_state(ledger_url: str, history: list[tuple[float, events.SessionEvent]]) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, samples.opened("i-1"), at=0.0)
        for at, event in history:
            try:
                ledger.record(None, event, at=at)
            except StorageError:  # it contradicts what is there, and must leave no trace
                continue
        before, view = samples.state_rows(ledger_url), ledger.session_view("i-1")
        assert view.wall_clock_s >= 0
        ledger.rebuild(None)
        assert samples.state_rows(ledger_url) == before
        assert ledger.session_view("i-1") == view


@given(history=st.lists(plausible_events(), max_size=25))
@settings(max_examples=25, deadline=None)
def test_any_order_of_a_session_s_events_rebuilds_to_the_same_state(
    sqlite_ledger: FreshLedger, history: list[tuple[float, events.SessionEvent]]
) -> None:
    with sqlite_ledger() as url:
        rebuilds_to_the_same_state(url, history)


@given(history=st.lists(plausible_events(), min_size=10, max_size=25))
@settings(max_examples=5, deadline=None)
def test_any_order_of_a_session_s_events_rebuilds_to_the_same_state_on_postgresql_too(
    postgres_ledger: FreshLedger, history: list[tuple[float, events.SessionEvent]]
) -> None:
    with postgres_ledger() as url:
        rebuilds_to_the_same_state(url, history)


def test_rebuilding_a_study_leaves_the_sessions_alone(ledger: Ledger, ledger_url: str) -> None:
    ledger.record_many("s-1", samples.rich_history("s-1"))
    ledger.record_many(None, samples.session_history("i-1"))
    ledger.append_messages("i-1", 0, [b"kept"])
    before = samples.state_rows(ledger_url)
    ledger.rebuild("s-1")
    ledger.rebuild(None)
    assert samples.state_rows(ledger_url) == before
    assert ledger.messages("i-1") == [b"kept"], "messages are a log of their own, and no state"


def test_a_decision_sees_what_it_records_and_is_undone_whole(ledger: Ledger) -> None:
    begin(ledger)
    with ledger.deciding() as decision:
        decision.record(events.LlmReserved("i-1", "l1", "m", 1, 1, 0.5))
        assert decision.account("i-1").usage.reserved_usd == 0.5
        assert decision.llm_call("i-1", "l1") is not None
        assert decision.llm_call("i-1", "l2") is None
    with pytest.raises(BudgetError), ledger.deciding() as decision:
        decision.record(events.LlmReserved("i-1", "l2", "m", 1, 1, 0.5))
        raise BudgetError("changed its mind")
    assert [call.call_id for call in ledger.llm_calls("i-1")] == ["l1"]


# Messages


def test_messages_are_appended_and_read_back_in_order(ledger: Ledger) -> None:
    assert ledger.messages("i-1") == []
    ledger.append_messages("i-1", 0, [b"a", b"b"])
    ledger.append_messages("i-1", 2, [b"c"])
    ledger.append_messages("i-2", 0, [b"\x00other\xff"])
    assert ledger.messages("i-1") == [b"a", b"b", b"c"]
    assert ledger.messages("i-2") == [b"\x00other\xff"]


def test_a_compaction_rewrites_from_its_index_on_and_the_history_keeps_what_was_said(ledger: Ledger) -> None:
    ledger.append_messages("i-1", 0, [b"goal", b"long", b"longer", b"tail"])
    ledger.append_messages("i-1", 1, [b"summary", b"tail"])
    assert ledger.messages("i-1") == [b"goal", b"summary", b"tail"]
    ledger.append_messages("i-1", 3, [b"next"])
    ledger.append_messages("i-1", 3, [])  # an undo
    assert ledger.messages("i-1") == [b"goal", b"summary", b"tail"]
    everything = [b"goal", b"long", b"longer", b"tail", b"summary", b"next"]
    assert ledger.messages("i-1", replaced=True) == everything, "each once, in the order it was written"


@pytest.mark.parametrize("start", [-1, 3])
def test_messages_leave_no_gap(ledger: Ledger, start: int) -> None:
    ledger.append_messages("i-1", 0, [b"a", b"b"])
    with pytest.raises(StorageError, match="position"):
        ledger.append_messages("i-1", start, [b"x"])
    assert ledger.messages("i-1") == [b"a", b"b"]


def test_the_head_is_the_last_that_was_saved(ledger: Ledger) -> None:
    assert ledger.head("i-1") is None
    ledger.save_head("i-1", b"first")
    ledger.save_head("i-1", b"\x00second")
    ledger.save_head("i-2", b"other")
    assert ledger.head("i-1") == b"\x00second"


def test_a_step_s_messages_cost_milliseconds_also_late_in_a_long_session(ledger: Ledger) -> None:
    ledger.append_messages("i-1", 0, [b"x" * 1000] * 5000)
    started = time.process_time()
    for number in range(50):
        ledger.append_messages("i-1", 5000 + 2 * number, [b"y" * 1000, b"z" * 1000])
    assert (time.process_time() - started) / 50 < 0.05
    assert len(ledger.messages("i-1")) == 5100


# A ledger from before there were sessions


def test_a_ledger_without_sessions_is_brought_up_to_date_and_keeps_everything(bare_url: str) -> None:
    samples.migrated_to("0001", bare_url)
    body = '{"text": "from before", "about": "", "kind": "note_taken"}'
    rows_of(bare_url, f"INSERT INTO events (at, kind, body) VALUES (5.0, 'note_taken', '{body}')")
    with Ledger.open(bare_url) as ledger:
        assert [r.event for r in ledger.events()] == [NoteTaken("from before")]
        begin(ledger)
        assert [s.id for s in ledger.sessions()] == ["i-1"]
    with pytest.raises(DatabaseError, match="append-only"):
        rows_of(bare_url, "UPDATE events SET session_id = 'i-2'")
