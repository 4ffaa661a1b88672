"""Money and tokens: set aside before a call, settled after it, given back where nothing was used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelConnectionError, ModelHTTPError, ModelTimeoutError
from pydantic_ai.usage import RequestUsage
from tests.agent.scripted import Bench, Script, call, script

from labwright.agent.capabilities.faults import Faults
from labwright.agent.capabilities.spending import Spending
from labwright.agent.researchers import research_agents
from labwright.contracts.sessions import LlmReconciled, LlmReleased, LlmReserved, SessionBudget


def _books(bench: Bench) -> list[str]:
    names = {LlmReserved: "reserved", LlmReconciled: "reconciled", LlmReleased: "released"}
    return [names[type(r.event)] for r in bench.ledger.session_events(bench.session_id) if type(r.event) in names]


def test_a_call_is_reserved_before_and_reconciled_after(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worst_case=lambda *_: 0.5, price_of=lambda _: 0.01)
    during: list[float] = []

    def looks(_: Any) -> str:
        during.append(bench.view.usage.reserved_usd)
        return "done"

    bench.turn("go", Script([looks], RequestUsage(input_tokens=100, cache_read_tokens=40, output_tokens=7)))
    assert during == [0.5] and _books(bench) == ["reserved", "reconciled"]
    usage = bench.view.usage
    assert (usage.usd, usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (0.01, 100, 40, 7)
    assert usage.reserved_usd == 0 and usage.unpriced_calls == 0


def test_an_unknown_price_is_unpriced_and_not_zero(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    said = script([call("touch", name="a")], "done")
    bench.turn("go", said)
    assert bench.view.usage.unpriced_calls == 2
    assert "1 call has no known price" in str(said.infos[1].instructions)


@pytest.mark.parametrize(
    ("error", "charged"),
    [
        (ModelHTTPError(status_code=429, model_name="m"), False),
        (ModelHTTPError(status_code=500, model_name="m"), False),
        (ModelConnectionError("m", "refused"), False),
        (ModelConnectionError("m", "broke off", phase="read"), True),
        (ModelTimeoutError("m", "too late", phase="read"), True),
        (ModelConnectionError("m", "broke off", in_stream=True), True),
        (FallbackExceptionGroup("all", [ModelHTTPError(status_code=429, model_name=n) for n in "ab"]), False),
        (FallbackExceptionGroup("all", [ModelHTTPError(status_code=429, model_name="a"),
                                        ModelConnectionError("b", "broke off", in_stream=True)]), True),
    ],
)  # fmt: skip
def test_what_a_failed_call_may_have_cost_is_counted(tmp_path: Path, error: Exception, charged: bool) -> None:
    bench = Bench(tmp_path, worst_case=lambda *_: 0.5)
    outcome = bench.turn("go", Script([error] * 3))  # one that broke off in the middle is asked for again
    assert outcome.kind == "failed" and outcome.text
    assert bench.view.usage.usd == bench.view.usage.calls * 0.5 and (bench.view.usage.usd > 0) is charged
    assert bench.view.usage.reserved_usd == 0


def test_a_call_whose_worst_case_does_not_fit_is_not_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(usd=0.4), worst_case=lambda *_: 0.5)
    said = script()
    outcome = bench.turn("go", said)
    assert outcome.kind == "budget" and "--budget-usd" in outcome.text
    assert said.asked == [] and _books(bench) == []


def _with_researcher(folder: Path, inner: Script, **options: Any) -> Bench:
    shared: list[Any] = [Spending(lambda *_: 0.5, lambda _: 0.5, agent="researcher"), Faults()]
    return Bench(folder, extra=[research_agents(inner.model, {}, shared=shared)], **options)


def _hand_in() -> list[Any]:
    return [call("hand_in", answer="42", sources=[], unsure=["all of it"])]


def test_sub_agents_draw_on_the_same_budget_and_are_no_steps(tmp_path: Path) -> None:
    inner = script(_hand_in(), _hand_in())
    bench = _with_researcher(tmp_path, inner, budget=SessionBudget(usd=5), price_of=lambda _: 0.25)
    ask = [call("delegate_task", agent_name="researcher", task=t) for t in ("one", "two")]
    assert bench.turn("go", script(ask, "done")).kind == "done"
    usage = bench.view.usage
    assert usage.calls == 4 and usage.steps == 2 and usage.usd == pytest.approx(1.5)
    assert {c.agent for c in bench.ledger.llm_calls(bench.session_id)} == {"main", "researcher"}


def test_sub_agents_side_by_side_cannot_jointly_pass_the_ceiling(tmp_path: Path) -> None:
    inner = script(*[_hand_in() for _ in range(4)])
    bench = _with_researcher(tmp_path, inner, budget=SessionBudget(usd=1.6), price_of=lambda _: 0.0)
    ask = [call("delegate_task", agent_name="researcher", task=str(n)) for n in range(4)]
    bench.turn("go", script(ask, "done", "done"))
    assert len(inner.asked) == 3 and bench.view.usage.usd == pytest.approx(1.5)


def test_reservations_side_by_side_are_one_after_another(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget=SessionBudget(tokens=10_000))
    bench.session(script())
    keeper = bench.deps.spending
    allowed: list[int] = []

    def reserve(n: int) -> Callable[[], None]:
        def go() -> None:
            try:
                keeper.reserve(f"c{n}", "m", 900, 100, None)
            except Exception:  # noqa: BLE001 - whatever refuses it
                return
            allowed.append(n)

        return go

    async def all_at_once() -> None:
        await asyncio.gather(*(asyncio.to_thread(reserve(n)) for n in range(30)))

    asyncio.run(all_at_once())
    assert len(allowed) == 10
