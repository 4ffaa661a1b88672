"""A session's ceilings hold, from whichever threads and processes its calls come, and unknown prices are no zeros."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.contracts.errors import BudgetError
from labwright.contracts.events import BudgetReconciled, StudyCreated
from labwright.contracts.sessions import SessionAttached, SessionBudget, SessionOpened, StudyLinked
from labwright.guard.spending import SpendingKeeper
from labwright.ledger import Ledger

START = 1000.0
SPEC = {"goal": "g", "base_model": "m", "benchmark": "b", "data": [{"name": "d", "path": "d.jsonl"}]}


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as ledger:
        yield ledger


def keeper(ledger: Ledger, after_s: float = 0.0, session: str = "i-1", **ceilings: float) -> SpendingKeeper:
    if session not in {summary.id for summary in ledger.sessions()}:
        budget = SessionBudget(**ceilings)  # type: ignore[arg-type]
        ledger.record(None, SessionOpened(session, "g", "m", "/w", "ask", budget), at=START)
        ledger.record(None, SessionAttached(session, 1, "m"), at=START)
    return SpendingKeeper(ledger, session, now=lambda: START + after_s)


@pytest.mark.parametrize(
    ("ceilings", "call", "says", "option"),
    [
        ({"usd": 1.0}, (10, 10, 1.5), r"may need \$1.5000 and \$1.0000 are left", "--budget-usd"),
        ({"tokens": 100}, (90, 20, 0.0), r"may need 110 tokens and 100 are left", "--budget-tokens"),
        ({"steps": 0}, (1, 1, 0.0), r"may need 1 step and 0 are left", "--max-steps"),
        ({"wall_clock_s": 0.0}, (1, 1, 0.0), r"may need time and none is left", "--budget-hours"),
    ],
)
def test_a_call_that_may_cross_a_ceiling_is_refused_with_what_is_left_and_the_cure(
    ledger, ceilings, call, says, option
):
    spending = keeper(ledger, **ceilings)
    with pytest.raises(BudgetError, match=says) as caught:
        spending.reserve("l1", "gpt", *call)
    assert option in caught.value.cure
    assert ledger.llm_calls("i-1") == (), "and nothing is recorded"


def test_reservations_together_cannot_pass_a_ceiling_and_what_is_released_can_be_used_again(ledger):
    spending = keeper(ledger, usd=1.0, tokens=1000)
    spending.reserve("l1", "m", 300, 300, 0.6)
    with pytest.raises(BudgetError, match=r"0\.6000"):
        spending.reserve("l2", "m", 300, 300, 0.6)
    spending.release("l1", "the server was down")
    spending.release("l1")
    spending.reserve("l2", "m", 300, 300, 0.6)
    assert spending.left().usd == pytest.approx(0.4)


def test_what_a_call_took_replaces_its_worst_case(ledger):
    spending = keeper(ledger, usd=1.0, tokens=1000)
    spending.reserve("l1", "m", 500, 400, 0.9)
    spending.reconcile("l1", input_tokens=450, cache_read_tokens=400, output_tokens=50, usd=0.1)
    spending.reconcile("l1", input_tokens=450, cache_read_tokens=400, output_tokens=50, usd=0.1)
    left = spending.left()
    assert (left.tokens, left.usd) == (500, pytest.approx(0.9))
    assert ledger.session_account("i-1").usage.cache_read_tokens == 400


def test_asking_twice_reserves_once_also_from_another_process(ledger):
    keeper(ledger, tokens=100).reserve("l1", "m", 30, 30, 0.0)
    keeper(ledger).reserve("l1", "m", 30, 30, 0.0)
    assert keeper(ledger).left().tokens == 40


def test_ten_times_ten_cents_are_a_dollar(ledger):
    spending = keeper(ledger, usd=1.0)
    for number in range(10):
        spending.reserve(f"l{number}", "m", 1, 1, 0.1)
    with pytest.raises(BudgetError):
        spending.reserve("l10", "m", 1, 1, 0.001)


def test_an_unknown_price_counts_tokens_and_says_that_dollars_are_unpriced(ledger):
    spending = keeper(ledger, usd=1.0, tokens=1000)
    spending.reserve("l1", "own", 100, 100, None)
    left = spending.left()
    assert (left.usd, left.tokens, left.unpriced_calls) == (1.0, 800, 1)
    assert "1 call has no known price" in left.in_words
    spending.reconcile("l1", input_tokens=90, output_tokens=10, usd=None)
    spending.reserve("l2", "own", 100, 100, None)
    assert spending.left().unpriced_calls == 2
    usage = ledger.session_view("i-1").usage
    assert (usage.usd, usage.unpriced_calls, usage.reserved_unpriced_calls) == (0.0, 1, 1)
    with pytest.raises(BudgetError, match="tokens"):
        spending.reserve("l3", "own", 1000, 1000, None)


def test_once_the_dollars_are_gone_an_unknown_price_is_refused_too(ledger):
    spending = keeper(ledger, usd=1.0)
    spending.reserve("l1", "m", 1, 1, 1.0)
    with pytest.raises(BudgetError, match="nobody can tell"):
        spending.reserve("l2", "own", 1, 1, None)
    keeper(ledger, session="i-2", usd=0.0).reserve("l1", "local", 1, 1, None)


@pytest.mark.parametrize("usd", [math.nan, math.inf, -1.0])
def test_a_price_that_cannot_be_is_an_unknown_one(ledger, usd):
    spending = keeper(ledger, usd=1.0)
    spending.reserve("l1", "m", 1, 1, usd)
    spending.reconcile("l1", input_tokens=1, output_tokens=1, usd=usd)
    assert (spending.left().usd, spending.left().unpriced_calls) == (1.0, 1)


def test_numbers_that_a_server_does_not_give_count_as_the_worst_case(ledger):
    spending = keeper(ledger, tokens=1000)
    spending.reserve("l1", "m", 100, 50, None)
    spending.reconcile("l1", input_tokens=None, output_tokens=-5, usd=None)
    assert spending.left().tokens == 850


def test_a_call_that_was_never_reserved_counts_all_the_same(ledger):
    spending = keeper(ledger, tokens=1000, usd=1.0)
    spending.reconcile("surprise", input_tokens=600, output_tokens=0, usd=0.75)
    assert (spending.left().tokens, spending.left().usd) == (400, 0.25)


def test_sub_agents_draw_on_the_same_session_but_take_no_steps_of_it(ledger):
    spending = keeper(ledger, tokens=1000, steps=1, usd=1.0)
    spending.reserve("l1", "m", 300, 300, 0.5, agent="researcher")
    spending.reserve("l2", "m", 100, 100, 0.2)
    left = spending.left()
    assert (left.tokens, left.steps, left.usd) == (200, 0, pytest.approx(0.3))
    with pytest.raises(BudgetError, match="1 step"):
        spending.reserve("l3", "m", 1, 1, 0.0)
    spending.reserve("l3", "m", 1, 1, 0.0, agent="researcher")


def test_the_dollars_of_the_session_s_studies_count(ledger):
    spending = keeper(ledger, usd=2.0)
    ledger.record("s-1", StudyCreated("s", "/s", "/d", SPEC))
    ledger.record("s-1", BudgetReconciled("r", 1.0, 1, usd=1.5))
    ledger.record(None, StudyLinked("i-1", "s-1"))
    with pytest.raises(BudgetError, match=r"\$0.5000 are left"):
        spending.reserve("l1", "m", 1, 1, 0.6)


def test_the_last_tenth_of_the_time_is_kept_for_the_final_evaluation(ledger):
    left = keeper(ledger, after_s=600.0, wall_clock_s=1000.0).left()
    assert (left.wall_clock_s, left.working_s) == (400.0, 300.0)
    spending = keeper(ledger, after_s=600.0)
    spending.must_have_time("a run", 300.0)
    with pytest.raises(BudgetError, match=r"a run needs 301s and 300s are left before the last 10%"):
        spending.must_have_time("a run", 301.0)
    spending.must_have_time("the evaluation", 400.0, final=True)
    with pytest.raises(BudgetError, match="400s are left"):
        spending.must_have_time("the evaluation", 401.0, final=True)
    late = keeper(ledger, after_s=950.0)
    late.reserve("l1", "m", 1, 1, 0.0)
    with pytest.raises(BudgetError):
        late.must_have_time("anything", 0.0)
    assert "1 min (0 min before" in late.left().in_words


def test_without_ceilings_nothing_is_refused_and_that_is_said(ledger):
    spending = keeper(ledger)
    spending.reserve("l1", "m", 10**9, 10**9, 10**6)
    spending.must_have_time("a month", 30 * 24 * 3600.0)
    assert spending.left().in_words == "no ceilings"


def test_what_a_killed_process_reserved_stays_reserved_until_it_is_settled_at_its_worst_case(ledger):
    spending = keeper(ledger, tokens=1000, usd=1.0)
    spending.reserve("l1", "m", 100, 50, 0.25)
    spending.reserve("l2", "m", 10, 5, None)
    again = keeper(ledger)
    assert again.left().tokens == 835
    assert again.settle() == 2
    assert again.settle() == 0
    left, usage = again.left(), ledger.session_account("i-1").usage
    assert (left.tokens, left.usd, left.unpriced_calls) == (835, 0.75, 1)
    assert (usage.tokens, usage.reserved_tokens) == (165, 0)


def test_what_is_left_reads_as_a_sentence(ledger):
    left = keeper(ledger, usd=5.0, wall_clock_s=7200.0, tokens=200_000, steps=50).left()
    time_left = "120 min (108 min before the time kept for the final evaluation)"
    assert left.in_words == f"$5.00, {time_left}, 200,000 tokens, 50 steps"


def reserve_many(spending: SpendingKeeper, name: str, count: int) -> int:
    taken = 0
    for number in range(count):
        try:
            spending.reserve(f"{name}-{number}", "m", 5, 5, 0.01)
        except BudgetError:
            continue
        taken += 1
    return taken


def test_threads_cannot_jointly_pass_a_ceiling(ledger):
    spending = keeper(ledger, usd=0.2, tokens=10_000)
    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(lambda number: reserve_many(spending, str(number), 10), range(8)))
    assert taken == 20
    assert ledger.session_account("i-1").usage.reserved_usd == pytest.approx(0.2)


PROCESS = """
import sys
from labwright.contracts.errors import BudgetError
from labwright.guard.spending import SpendingKeeper
from labwright.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    spending, taken = SpendingKeeper(ledger, "i-1"), 0
    sys.stdin.readline()
    for number in range(40):
        try:
            spending.reserve(f"{sys.argv[2]}-{number}", "m", 5, 5, None)
        except BudgetError:
            continue
        taken += 1
    print(taken)
"""


def test_processes_cannot_jointly_pass_a_ceiling(ledger, ledger_url):
    keeper(ledger, tokens=500)
    command = [sys.executable, "-c", PROCESS, ledger_url]
    processes = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "abc"
    ]
    taken = [int(process.communicate("go\n")[0]) for process in processes]
    assert sum(taken) == 50
    assert ledger.session_account("i-1").usage.reserved_tokens == 500


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reconcile", "release", "settle"]),
        st.integers(0, 5),
        st.integers(0, 60),
        st.none() | st.floats(0, 0.5),
    ),
    max_size=30,
)


@given(moves=MOVES)
@settings(max_examples=30, deadline=None)
def test_while_calls_take_no_more_than_they_reserved_no_ceiling_is_ever_passed(moves):
    with Ledger.open("sqlite://") as ledger:
        spending = keeper(ledger, usd=1.0, tokens=100)
        worst: dict[str, tuple[int, float | None]] = {}
        for move, number, tokens, usd in moves:
            call_id = f"l{number}"
            try:
                if move == "reserve":
                    spending.reserve(call_id, "m", tokens, 0, usd)
                    worst.setdefault(call_id, (tokens, usd))
                elif move == "reconcile" and call_id in {c.call_id for c in ledger.llm_calls("i-1", open_only=True)}:
                    spending.reconcile(call_id, input_tokens=worst[call_id][0], output_tokens=0, usd=worst[call_id][1])
                elif move == "release":
                    spending.release(call_id)
                elif move == "settle":
                    spending.settle()
            except BudgetError:
                pass
            left = spending.left()
            assert left.tokens is not None
            assert left.tokens >= 0
            assert left.usd is not None
            assert left.usd >= -1e-6
