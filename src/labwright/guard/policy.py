"""Who decides on a tool call: it goes ahead, a person is asked, or it is denied.

Pure: it sees a call's effects, its cost estimate and where it runs, and never a tool's name or a word of its arguments,
so nothing that a tool, a page or a dataset says can raise a privilege. What each rule does in each mode:

    a call that …                                      ask      auto     never
    only reads                                         allow    allow    allow
    writes or executes inside the sandbox              allow    allow    allow
    costs no more than the threshold and what is left  allow    allow    allow
    costs more than the threshold, within what is left ask      allow    deny
    costs more than is left of the budget              ask      ask      deny
    has an unknown (or impossible) cost                ask      ask      deny
    writes or executes outside the sandbox             ask      ask      deny
    publishes                                          ask      ask      deny
    declares no effect, or one that is not known       ask      ask      deny

`auto` thus trusts the budget with money and nothing else; `never` is for when nobody is there to ask. A call that a
person has approved goes ahead in every mode; ceilings are kept all the same, by the keepers that reserve from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from labwright.contracts.effects import Cost, Effect
from labwright.contracts.sessions import ApproveMode

Verdict = Literal["allow", "ask", "deny"]

_KNOWN = frozenset(get_args(Effect))


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision and why, in words for a person."""

    verdict: Verdict
    reason: str


def decide(
    effects: Sequence[str],
    cost: Cost | None,
    *,
    mode: ApproveMode,
    sandboxed: bool,
    spend_threshold_usd: float,
    approved: bool,
    budget_left_usd: float | None = None,
) -> Ruling:
    """Rule on one call.

    Args:
        effects: what the tool declares; empty where it declares nothing.
        cost: the estimate from the call's arguments; None where the tool has no estimate, which is free unless it
            declares `spend`.
        sandboxed: what it writes and executes stays inside a sandbox.
        approved: a person has approved this very call.
        budget_left_usd: what is left of the session's dollars; None where there is no ceiling.
    """
    if approved:
        return Ruling("allow", "a person approved it")
    questions = _about_effects(effects, sandboxed=sandboxed)
    money = _about_money(effects, cost, spend_threshold_usd, budget_left_usd)
    if money is not None and not (mode == "auto" and money.within_budget):
        questions.append(money.reason)
    if not questions:
        return Ruling("allow", "free to do" if money is None else f"{money.reason}, which the budget covers")
    reason = "; ".join(questions)
    if mode == "never":
        return Ruling("deny", f"{reason}, and nobody may be asked in this session")
    return Ruling("ask", reason)


def _about_effects(effects: Sequence[str], *, sandboxed: bool) -> list[str]:
    questions = []
    if not effects:
        questions.append("it does not declare what it does")
    unknown = sorted(set(effects) - _KNOWN)
    if unknown:
        questions.append(f"it declares effects that are not known: {', '.join(unknown)}")
    if "publish" in effects:
        questions.append("it publishes")
    outside = [effect for effect in ("write", "execute") if effect in effects and not sandboxed]
    if outside:
        verbs = {"write": "writes", "execute": "executes"}
        questions.append(f"it {' and '.join(verbs[effect] for effect in outside)} outside the sandbox")
    return questions


@dataclass(frozen=True, slots=True)
class _Money:
    reason: str
    within_budget: bool


def _about_money(
    effects: Sequence[str], cost: Cost | None, threshold_usd: float, left_usd: float | None
) -> _Money | None:
    """Why its cost is a question, if it is one. An estimate counts whatever the effects say."""
    if cost is None and "spend" not in effects:
        return None
    usd = None if cost is None else cost.usd
    # The estimate comes from arguments that a model wrote: minus ten hours, or not a number of them, is no discount.
    if usd is None or not math.isfinite(usd) or usd < 0:
        return _Money("its cost is unknown", within_budget=False)
    if left_usd is not None and usd > left_usd:
        return _Money(f"it costs about ${usd:.2f} and ${max(left_usd, 0.0):.2f} are left", within_budget=False)
    if usd > threshold_usd:
        return _Money(f"it costs about ${usd:.2f}, more than ${threshold_usd:.2f}", within_budget=True)
    return None
