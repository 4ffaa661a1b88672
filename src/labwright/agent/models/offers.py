"""What can be used from here: providers with a key, local servers that answer, and the autopilot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from labwright.agent.models.access import ModelAccess
from labwright.agent.models.ids import AUTOPILOT, HUGGING_FACE, KEYS, LOCAL
from labwright.agent.models.local import PROBE_TIMEOUT_S, find_servers, shown

_NAMES = {"anthropic": "Anthropic", "openai": "OpenAI", "google": "Google", HUGGING_FACE: "Hugging Face router"}


@dataclass(frozen=True, slots=True)
class Offer:
    """A model, or a provider's models, and whether it can be used. `id` is what to type; None where nothing can be.

    `why` says with what it is ready, or what is missing; `context_window` in tokens, None where it is not known.
    """

    provider: str
    id: str | None
    state: Literal["ready", "no key", "no server"]
    why: str
    context_window: int | None = None


def available(access: ModelAccess, timeout_s: float = PROBE_TIMEOUT_S) -> tuple[Offer, ...]:
    """Every provider with its state; a local server that does not answer is in it, with what is wrong."""
    return (*_hosted(access), *_local(access, timeout_s), _autopilot())


def _hosted(access: ModelAccess) -> Iterator[Offer]:
    for provider, name in _NAMES.items():
        form = "hf:ORG/MODEL" if provider == HUGGING_FACE else f"{provider}:NAME"
        variables = KEYS[provider]
        holding = next((v for v in variables if access.environment.get(v)), None)
        if holding is not None:
            yield Offer(name, form, "ready", f"{holding} is set")
        else:
            yield Offer(name, None, "no key", f"set {variables[0]} to use {form}")


def _local(access: ModelAccess, timeout_s: float) -> Iterator[Offer]:
    for server in find_servers(access, timeout_s):
        where = f"{server.label} at {shown(server.url)}"
        if not server.answers:
            yield Offer(server.label, None, "no server", f"{shown(server.url)}: {server.why}")
        elif not server.models:
            yield Offer(server.label, None, "no server", f"{shown(server.url)} answers, but has no model")
        for model in server.models:
            yield Offer(where, f"{LOCAL}:{model.name}", "ready", "answers", model.context_window)


def _autopilot() -> Offer:
    return Offer("built in", AUTOPILOT, "ready", "decides by rules, without an LLM; offline and free")
