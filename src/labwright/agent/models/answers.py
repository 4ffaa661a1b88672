"""Where answers come from, and what a whole answer and a streamed one have in common in reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from pydantic_ai.exceptions import ModelConnectionError, ModelTimeoutError
from pydantic_ai.messages import FinishReason
from pydantic_ai.usage import RequestUsage

from labwright.agent.models.local import shown
from labwright.agent.models.router import RouterCard
from labwright.agent.models.wire import Usage

_SHORTEST_KEY = 8  # a shorter one is a placeholder, and may be a word of the message
_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "content_filter",
    "abort": "error",
    "error": "error",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One model of one server."""

    model_name: str
    provider_name: str
    url: str
    key: str | None = field(default=None, repr=False)
    card: RouterCard | None = None

    @property
    def shown_url(self) -> str:
        """The address as records and messages may have it."""
        return shown(self.url)

    def usage(self, usage: Usage | None, headers: Mapping[str, str]) -> RequestUsage:
        """Tokens, and dollars where the router's prices are known. A server that says nothing is `unmeasured`."""
        if usage is None or (usage.prompt_tokens is None and usage.completion_tokens is None):
            return RequestUsage(unmeasured_requests=1)
        given, answered = usage.prompt_tokens or 0, usage.completion_tokens or 0
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
        thought = usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None
        rates = self.card.rates_of(served_by(headers)) if self.card is not None else None
        return RequestUsage(
            input_tokens=given,
            cache_read_tokens=min(cached or 0, given),
            output_tokens=answered,
            output_reasoning_tokens=min(thought or 0, answered),
            cost=rates.cost_usd(given, answered) if rates is not None else None,
        )

    def failure(self, error: httpx2.HTTPError, *, in_stream: bool = False) -> ModelConnectionError:
        """The server was not reached, or its answer not read."""
        kind = ModelTimeoutError if isinstance(error, httpx2.TimeoutException) else ModelConnectionError
        reading = isinstance(error, httpx2.ReadError | httpx2.ReadTimeout | httpx2.RemoteProtocolError)
        said = f"{self.shown_url}: {str(error) or type(error).__name__}"
        return kind(self.model_name, said, phase="read" if reading else None, in_stream=in_stream)

    def redacted(self, text: str) -> str:
        """Some servers quote the key that they refuse."""
        known = self.key is not None and len(self.key) >= _SHORTEST_KEY
        return text.replace(self.key, "[redacted]") if known and self.key else text


class CallIds:
    """Ids of tool calls that are unique in the session: some servers begin anew at `call_0` with every answer."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken

    def take(self, wanted: str | None) -> str:
        """The server's id where it is new, else one of ours."""
        chosen = wanted if wanted and wanted not in self._taken else f"call_{uuid4().hex[:20]}"
        self._taken.add(chosen)
        return chosen


def finish_of(reason: str | None) -> FinishReason | None:
    """The server's reason in pydantic-ai's words; one that nobody knows is an ordinary stop."""
    return None if reason is None else _FINISH.get(reason, "stop")


def served_by(headers: Mapping[str, str]) -> str | None:
    """Which provider the Hugging Face router chose."""
    return headers.get("x-inference-provider")


def details_of(headers: Mapping[str, str]) -> dict[str, Any] | None:
    """What the answer's record keeps of the headers."""
    provider = served_by(headers)
    return None if provider is None else {"served_by": provider}
