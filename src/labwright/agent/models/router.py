"""What the Hugging Face router says of a model: which providers serve it, at what price, with how long a context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import httpx2
from pydantic import BaseModel, ValidationError

from labwright.agent.models.ids import ModelId

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars for a million tokens."""

    input: Decimal
    output: Decimal

    def cost_usd(self, input_tokens: int, output_tokens: int) -> Decimal:
        return (self.input * input_tokens + self.output * output_tokens) / 1_000_000


@dataclass(frozen=True, slots=True)
class RouterCard:
    """A model behind the router. Windows and rates by provider, those that say nothing left out."""

    providers: tuple[str, ...]
    windows: Mapping[str, int]
    rates: Mapping[str, Rates]

    def window(self) -> int | None:
        """The shortest context among those who may serve it."""
        return min(self.windows.values(), default=None)

    def rates_of(self, provider: str | None) -> Rates | None:
        """A provider's rates; the dearest where it is not known who serves. None where one that may says none."""
        if provider is not None and provider in self.providers:
            return self.rates.get(provider)
        if not self.providers or len(self.rates) < len(self.providers):
            return None
        return Rates(max(r.input for r in self.rates.values()), max(r.output for r in self.rates.values()))


class _Pricing(BaseModel):
    input: Decimal
    output: Decimal


class _Provider(BaseModel):
    provider: str
    status: str = "live"
    context_length: int | None = None
    pricing: _Pricing | None = None
    is_free: bool = False

    def rates(self) -> Rates | None:
        if self.pricing is not None:
            return Rates(self.pricing.input, self.pricing.output)
        return Rates(Decimal(0), Decimal(0)) if self.is_free else None


class _Model(BaseModel):
    id: str
    providers: list[_Provider] = []


class _One(BaseModel):
    data: _Model | list[_Model]


def read_card(url: str, key: str, model: ModelId, timeout_s: float = TIMEOUT_S) -> RouterCard | None:
    """Ask the router. None where it does not say: the model is then unpriced and its context unknown."""
    name = model.name.partition(":")[0]
    headers = {"authorization": f"Bearer {key}"}
    try:
        answer = httpx2.get(f"{url}/models/{name}", headers=headers, timeout=timeout_s)
        if answer.status_code != 200:
            return None
        data = _One.model_validate_json(answer.content).data
    except (httpx2.HTTPError, ValidationError):
        return None
    listed = data if isinstance(data, list) else [data]
    found = next((m for m in listed if m.id == name), None)
    if found is None:
        return None
    pinned = model.served_by
    live = [p for p in found.providers if (p.provider == pinned if pinned else p.status == "live")]
    rates = {p.provider: r for p in live if (r := p.rates()) is not None}
    windows = {p.provider: p.context_length for p in live if p.context_length}
    return RouterCard(tuple(p.provider for p in live), windows, rates)
