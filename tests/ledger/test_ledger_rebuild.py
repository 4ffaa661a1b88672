"""The state is what the events add up to: replaying them gives the same rows."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger import ledger_samples as samples
from tests.servers.ledger_places import FreshLedger

from labwright.contracts import events
from labwright.contracts.errors import StorageError
from labwright.contracts.research import BASE, Outcome, StudyState
from labwright.ledger import Ledger
from labwright.ledger.projection import fold


def test_every_kind_of_event_has_a_rule_and_is_in_the_histories() -> None:
    kinds = set(get_args(events.Event))
    assert kinds <= set(fold.registry)
    happened = [*samples.rich_history("s-1"), *samples.session_history("i-1"), *samples.library_history()]
    assert {type(event) for _, event in happened} == kinds


def test_rebuilding_a_rich_history_gives_the_same_state(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        for study in ("s-1", "s-2"):
            ledger.record_many(study, samples.rich_history(study))
        ledger.record(None, events.QueryMetered("bench-1", "test", "evaluation", "m"))
        ledger.record(None, samples.evaluation(None, "m", 0.5))
        ledger.record_many(None, samples.session_history("i-1"))
        ledger.record_many(None, samples.library_history())
        before, view, recorded = samples.state_rows(ledger_url), ledger.study_view("s-1"), ledger.events()
        for study_id in ("s-1", None):
            ledger.rebuild(study_id)
            assert samples.state_rows(ledger_url) == before
        assert ledger.study_view("s-1") == view
        assert ledger.events() == recorded


def plausible_events() -> st.SearchStrategy[tuple[float, events.Event]]:
    """Anything that may happen in a study, in no order that makes sense."""
    trial = st.integers(1, 3)
    attempt = st.integers(1, 3)
    name = st.sampled_from(["a", "b"])
    kinds = st.one_of(
        st.builds(samples.session),
        st.builds(events.PhaseStarted, st.sampled_from(["prepare", "search", "test"])),
        st.builds(samples.trial, st.just("s-1"), trial),
        st.builds(samples.queued, st.just("s-1"), trial, attempt=attempt),
        st.builds(samples.started, st.just("s-1"), trial, attempt=attempt),
        st.builds(samples.ended, st.just("s-1"), trial, st.none() | st.just(5.0), st.none() | st.just(9.0)),
        st.builds(samples.evaluation, st.just("s-1"), st.sampled_from([BASE, "s-1.t1.r1"]), st.just(0.5)),
        st.builds(samples.verdict, st.just("s-1"), trial, st.sampled_from(Outcome)),
        st.builds(samples.dataset),
        st.builds(events.BudgetReserved, name, st.just("run"), st.just(6.0), st.just(1)),
        st.builds(events.BudgetReconciled, name, st.just(5.0), st.just(1)),
        st.builds(events.BudgetReleased, name),
        st.builds(events.BudgetRaised, st.just(1800.0), st.just(None), st.just("alice")),
        st.builds(events.QueryMetered, st.just("bench-1"), st.just("dev"), st.just("evaluation"), st.just(BASE)),
        st.builds(events.StudyEnded, st.just(StudyState.STOPPED), st.just("why"), st.just(3.0), st.just(1.0)),
    )
    return st.tuples(st.floats(0, 1000), kinds)


def rebuilds_to_the_same_state(ledger_url: str, history: list[tuple[float, events.Event]]) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.record("s-1", samples.created(), at=0.0)
        accepted = 1
        for at, event in history:
            try:
                ledger.record("s-1", event, at=at)
            except StorageError:  # it contradicts what is there, and must leave no trace
                continue
            accepted += 1
        before, view, status = samples.state_rows(ledger_url), ledger.study_view("s-1"), ledger.status("s-1")
        assert len(ledger.events()) == accepted
        ledger.rebuild("s-1")
        assert samples.state_rows(ledger_url) == before
        assert (ledger.study_view("s-1"), ledger.status("s-1")) == (view, status)


@given(history=st.lists(plausible_events(), max_size=25))
@settings(max_examples=25, deadline=None)
def test_any_order_of_events_rebuilds_to_the_same_state(
    sqlite_ledger: FreshLedger, history: list[tuple[float, events.Event]]
) -> None:
    with sqlite_ledger() as url:
        rebuilds_to_the_same_state(url, history)


@given(history=st.lists(plausible_events(), min_size=10, max_size=25))
@settings(max_examples=5, deadline=None)
def test_any_order_of_events_rebuilds_to_the_same_state_on_postgresql_too(
    postgres_ledger: FreshLedger, history: list[tuple[float, events.Event]]
) -> None:
    with postgres_ledger() as url:
        rebuilds_to_the_same_state(url, history)


def test_a_refused_event_leaves_nothing_behind(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.record_many("s-1", samples.rich_history("s-1"))
        before, count = samples.state_rows(ledger_url), len(ledger.events())
        for refused in (samples.trial("s-1", 1), samples.evaluation("s-1", BASE, 0.9), samples.started("s-1", 9)):
            with pytest.raises(StorageError):
                ledger.record("s-1", refused)
        with pytest.raises(StorageError):
            ledger.record_many("s-1", [(500.0, events.NoteTaken("first")), (500.0, samples.trial("s-1", 1))])
        with pytest.raises(StorageError, match=r"trial_proposed in s-1 contradicts .*trials"):
            ledger.record("s-1", samples.trial("s-1", 1))
        assert samples.state_rows(ledger_url) == before
        assert len(ledger.events()) == count


def test_an_event_of_an_unknown_study_is_refused(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        with pytest.raises(StorageError, match="no study 's-9'"):
            ledger.record("s-9", events.NoteTaken("lost"))
        assert ledger.events() == ()
