"""What calls cost and how much context models take. What nobody knows is None: unpriced, which is never zero."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from genai_prices import Usage, calc_price
from genai_prices.types import AbstractUsage
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel

from labwright.agent.models.chat import LightChatModel
from labwright.agent.models.ids import LOCAL

UNKNOWN_WINDOW = 32_768
"""Tokens to count on where neither server nor router says: too small costs a compaction, too large an overflow."""
HOSTED_WINDOW = 128_000
"""The same for models of the large providers, none of whose current ones has less."""
AUTOPILOT_PROVIDER = "labwright"
"""What the autopilot's answers are filed under; a name of its provider, since any server may call a model so."""

_OFFICIAL = {  # elsewhere, the same name may be another model at another price
    "openai": ("api.openai.com",),
    "anthropic": ("api.anthropic.com",),
    "google": ("generativelanguage.googleapis.com",),
}


def price_of(response: ModelResponse) -> float | None:
    """Dollars that an answer took; None unpriced. An answer of the autopilot costs nothing."""
    provider = response.provider_name or ""
    if provider == AUTOPILOT_PROVIDER:
        return 0.0
    if provider == LOCAL or response.usage.unmeasured_requests or _is_elsewhere(provider, response.provider_url):
        return None
    if response.usage.cost is not None:
        return float(response.usage.cost)
    return _dollars(_looked_up(response.usage, response.model_name or "", provider))


def worst_case(model: Model, input_tokens: int, output_tokens: int) -> float | None:
    """Dollars that a call takes at most, for a reservation: nothing cached, the dearest of those that may answer.

    None where one of those has no known price.
    """
    costs = [_worst(leaf, input_tokens, output_tokens) for leaf in leaves(model)]
    known = [cost for cost in costs if cost is not None]
    return float(max(known)) if known and len(known) == len(costs) else None


def context_window(model: Model) -> int:
    """Tokens that a request may have, the shortest of those models that may answer; cautious where it is unknown."""
    return min(leaf.context_window or HOSTED_WINDOW for leaf in leaves(model))


def leaves(model: Model) -> Iterator[Model]:
    """The models inside wrappers and fallbacks."""
    if isinstance(model, FallbackModel):
        for inner in model.models:
            yield from leaves(inner)
    elif isinstance(model, WrapperModel):
        yield from leaves(model.wrapped)
    else:
        yield model


def _worst(model: Model, input_tokens: int, output_tokens: int) -> Decimal | None:
    if model.system == AUTOPILOT_PROVIDER:
        return Decimal(0)
    if isinstance(model, LightChatModel):
        rates = model.source.card.rates_of(None) if model.source.card is not None else None
        return rates.cost_usd(input_tokens, output_tokens) if rates is not None else None
    if _is_elsewhere(model.system, model.base_url):
        return None
    plain = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    written = Usage(input_tokens=input_tokens, cache_write_tokens=input_tokens, output_tokens=output_tokens)
    costs = [_looked_up(usage, model.model_name, model.system) for usage in (plain, written)]
    return max((c for c in costs if c is not None), default=None)


def _is_elsewhere(provider: str, url: str | None) -> bool:
    hosts = _OFFICIAL.get(provider)
    return hosts is not None and bool(url) and urlsplit(url or "").hostname not in hosts


def _looked_up(usage: AbstractUsage, model_name: str, provider: str) -> Decimal | None:
    if not model_name or not provider:
        return None
    try:
        return calc_price(usage, model_name, provider_id=provider).total_price
    except (LookupError, ValueError):
        return None


def _dollars(amount: Decimal | None) -> float | None:
    return float(amount) if amount is not None else None
