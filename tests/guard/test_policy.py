"""The policy sees effects and cost, and nothing else; the table in its docstring holds line by line."""

from __future__ import annotations

import inspect
import itertools
import math
from typing import get_args

import pytest

from labwright.contracts.effects import Cost, Effect
from labwright.contracts.sessions import ApproveMode
from labwright.guard import policy
from labwright.guard.policy import Ruling

MODES: tuple[ApproveMode, ...] = get_args(ApproveMode)


def decide(
    *effects: str,
    cost: Cost | None = None,
    mode: ApproveMode = "ask",
    sandboxed: bool = True,
    approved: bool = False,
    left: float | None = 5.0,
) -> Ruling:
    return policy.decide(
        effects,
        cost,
        mode=mode,
        sandboxed=sandboxed,
        spend_threshold_usd=0.5,
        approved=approved,
        budget_left_usd=left,
    )


TABLE = [
    ("only reads, even outside a sandbox", ("read",), None, False, ("allow", "allow", "allow")),
    ("writes inside the sandbox", ("read", "write"), None, True, ("allow", "allow", "allow")),
    ("executes inside the sandbox", ("execute",), None, True, ("allow", "allow", "allow")),
    ("costs less than the threshold", ("spend",), Cost(0.5), True, ("allow", "allow", "allow")),
    ("costs more than the threshold", ("spend",), Cost(2.0), True, ("ask", "allow", "deny")),
    ("costs more than is left", ("spend",), Cost(6.0), True, ("ask", "ask", "deny")),
    ("has a price nobody knows", ("spend",), Cost(None), True, ("ask", "ask", "deny")),
    ("spends, and estimates nothing", ("spend",), None, True, ("ask", "ask", "deny")),
    ("spends a little, outside the sandbox", ("spend", "execute"), Cost(0.1), False, ("ask", "ask", "deny")),
    ("writes outside the sandbox", ("write",), None, False, ("ask", "ask", "deny")),
    ("executes outside the sandbox", ("execute",), None, False, ("ask", "ask", "deny")),
    ("publishes, though it is free and sandboxed", ("publish",), Cost(0.0), True, ("ask", "ask", "deny")),
    ("publishes and reads", ("read", "publish"), None, True, ("ask", "ask", "deny")),
    ("declares nothing", (), None, True, ("ask", "ask", "deny")),
    ("declares what is not known", ("read", "levitate"), None, True, ("ask", "ask", "deny")),
]


@pytest.mark.parametrize(("what", "effects", "cost", "sandboxed", "wanted"), TABLE, ids=[line[0] for line in TABLE])
def test_a_call_is_ruled_on_as_the_table_says(what, effects, cost, sandboxed, wanted):
    rulings = [decide(*effects, cost=cost, sandboxed=sandboxed, mode=mode) for mode in ("ask", "auto", "never")]
    assert tuple(ruling.verdict for ruling in rulings) == wanted
    assert all(ruling.reason for ruling in rulings)


@pytest.mark.parametrize("usd", [-3.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", MODES)
def test_an_impossible_estimate_is_an_unknown_cost_and_no_discount(usd, mode):
    ruling = decide("spend", cost=Cost(usd), mode=mode)
    assert ruling.verdict == ("deny" if mode == "never" else "ask")
    assert "unknown" in ruling.reason


def test_a_cost_counts_whatever_the_effects_say():
    assert decide("read", cost=Cost(2.0)).verdict == "ask"
    assert decide("read", cost=Cost(None)).verdict == "ask"
    assert decide("read", cost=Cost(0.0)).verdict == "allow"


def test_without_a_ceiling_auto_allows_any_known_cost():
    assert decide("spend", cost=Cost(400.0), mode="auto", left=None).verdict == "allow"
    assert decide("spend", cost=Cost(None), mode="auto", left=None).verdict == "ask"


@pytest.mark.parametrize("mode", MODES)
def test_what_a_person_approved_goes_ahead_in_every_mode(mode):
    ruling = decide("publish", "spend", cost=Cost(None), sandboxed=False, mode=mode, approved=True)
    assert ruling.verdict == "allow"


def test_auto_is_never_stricter_than_ask_and_never_denies_exactly_what_ask_asks():
    combinations = itertools.product(
        itertools.chain.from_iterable(itertools.combinations((*get_args(Effect), "?"), n) for n in range(4)),
        (None, Cost(0.0), Cost(0.4), Cost(2.0), Cost(9.0), Cost(None)),
        (True, False),
    )
    for effects, cost, sandboxed in combinations:
        asked, trusted, alone = (
            decide(*effects, cost=cost, sandboxed=sandboxed, mode=mode).verdict for mode in ("ask", "auto", "never")
        )
        assert (asked, alone) in {("allow", "allow"), ("ask", "deny")}
        assert trusted == "allow" or asked == "ask"


def test_every_reason_is_given_to_the_person_at_once():
    reason = decide("write", "publish", "spend", cost=Cost(2.0), sandboxed=False).reason
    for part in ("publishes", "outside the sandbox", "$2.00"):
        assert part in reason


def test_the_policy_is_given_no_name_and_no_words_of_the_call():
    given = set(inspect.signature(policy.decide).parameters)
    assert given == {
        "effects",
        "cost",
        "mode",
        "sandboxed",
        "spend_threshold_usd",
        "approved",
        "budget_left_usd",
    }
