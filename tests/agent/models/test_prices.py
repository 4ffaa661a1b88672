"""What is known is priced; what is not is unpriced, and never zero."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage
from tests.agent.models.driving import ask, light
from tests.servers.openai_server import OpenAIServer, text

from labwright.agent.models import ModelAccess, price_of, resolve_model, worst_case
from labwright.agent.models.router import Rates, RouterCard


def answer(provider: str, model: str, url: str | None = None, **usage: object) -> ModelResponse:
    spent = RequestUsage(input_tokens=1_000_000, output_tokens=100_000, **usage)  # type: ignore[arg-type]
    return ModelResponse([TextPart("x")], usage=spent, provider_name=provider, model_name=model, provider_url=url)


def test_an_answer_of_a_known_model_has_its_list_price() -> None:
    assert price_of(answer("openai", "gpt-5.2", "https://api.openai.com/v1/")) == pytest.approx(1.75 + 1.4)


def test_a_cost_that_the_answer_bears_is_believed() -> None:
    assert price_of(answer("huggingface", "o/m", cost=Decimal("0.25"))) == 0.25


@pytest.mark.parametrize(
    "response",
    [
        answer("local", "gpt-5.2"),
        answer("local", "gpt-5.2", cost=Decimal(1)),
        answer("huggingface", "org/model"),
        answer("openai", "gpt-of-tomorrow"),
        answer("openai", "gpt-5.2", "http://127.0.0.1:8000/v1"),
        answer("openai", "gpt-5.2", "http://127.0.0.1:8000/v1", cost=Decimal(1)),
        answer("openai", "gpt-5.2", unmeasured_requests=1),
        answer("", ""),
    ],
)
def test_what_nobody_knows_is_unpriced_and_not_zero(response: ModelResponse) -> None:
    assert price_of(response) is None


def test_the_autopilot_costs_nothing_and_nobody_else_does_by_its_name() -> None:
    autopilot = resolve_model("autopilot", ModelAccess(fallback="local:m"))
    [response] = ask(autopilot, stream=False).responses
    assert (price_of(response), worst_case(autopilot, 1000, 1000)) == (0, 0)
    assert price_of(answer("local", "autopilot")) is None


@pytest.mark.parametrize("stream", [False, True])
def test_a_local_model_with_a_famous_name_is_not_priced_as_the_famous_one(stream: bool) -> None:
    with OpenAIServer([text("hi")]) as server:
        model = light(server, "gpt-5.2")
        [response] = ask(model, stream=stream).responses
    assert response.usage.cost is None
    assert price_of(response) is None
    assert worst_case(model, 1000, 1000) is None


def test_a_reservation_is_never_below_what_the_call_may_cost() -> None:
    model = resolve_model("anthropic:claude-sonnet-4-5", ModelAccess(environment={"ANTHROPIC_API_KEY": "k"}))
    reserved = worst_case(model, 100_000, 1_000)
    assert reserved is not None
    for usage in (
        RequestUsage(input_tokens=100_000, output_tokens=1_000),
        RequestUsage(input_tokens=100_000, cache_write_tokens=100_000, output_tokens=1_000),
        RequestUsage(input_tokens=100_000, cache_read_tokens=100_000, output_tokens=10),
    ):
        spent = price_of(ModelResponse([], usage=usage, provider_name="anthropic", model_name="claude-sonnet-4-5"))
        assert spent is not None
        assert spent <= reserved


def test_rates_are_the_providers_own_else_the_dearest_and_unknown_where_one_is() -> None:
    cheap, dear = Rates(Decimal(1), Decimal(9)), Rates(Decimal(5), Decimal(2))
    card = RouterCard(("cheap", "dear"), {}, {"cheap": cheap, "dear": dear})
    assert card.rates_of("cheap") == cheap
    assert card.rates_of(None) == Rates(Decimal(5), Decimal(9))
    assert RouterCard(("cheap", "silent"), {}, {"cheap": cheap}).rates_of(None) is None
    assert RouterCard(("cheap", "silent"), {}, {"cheap": cheap}).rates_of("silent") is None
    assert RouterCard((), {}, {}).rates_of(None) is None
