"""Every model call is paid for before it is made: reserved at its worst case, reconciled with what it took.

A call that would cross a ceiling is not sent. Sub-agents run under the same keeper, so their calls count too. A price
that nobody knows is never zero: tokens are counted, and the call is booked as unpriced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestContext, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from labwright.agent.deps import Deps
from labwright.contracts.sessions import MAIN_AGENT

MOST_OUTPUT_TOKENS = 8_192  # of one answer, where the model's settings name no other ceiling
_CHARACTERS_A_TOKEN = 3  # on the safe side: English has four

WorstCase = Callable[[Model, int, int], float | None]
PriceOf = Callable[[ModelResponse], float | None]


@dataclass
class Spending(AbstractCapability[Deps]):
    """Reserve, call, reconcile. `worst_case` and `price_of` give dollars, or None where no price is known."""

    worst_case: WorstCase
    price_of: PriceOf
    agent: str = MAIN_AGENT
    id: str | None = field(default="spending", kw_only=True)
    _sizes: dict[int, tuple[ModelMessage, int]] = field(default_factory=dict, init=False, repr=False)

    async def wrap_model_request(
        self, ctx: RunContext[Deps], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        """Around the whole request, retries of the transport included.

        Raises:
            BudgetError: the call's worst case does not fit what is left; nothing was sent.
            CheckInDueError: a person has to agree to further spending first; nothing was sent.
        """
        ctx.deps.checkins.must_be_agreed()
        settings = request_context.model_settings or ModelSettings()
        output_tokens = settings.get("max_tokens") or MOST_OUTPUT_TOKENS
        settings = ModelSettings(**{**settings, "max_tokens": output_tokens})
        request_context = replace(request_context, model_settings=settings)
        input_tokens = self._tokens(request_context.messages, request_context.model_request_parameters)
        call_id = uuid4().hex
        keeper = ctx.deps.spending
        usd = self.worst_case(request_context.model, input_tokens, output_tokens)
        keeper.reserve(call_id, request_context.model.model_name, input_tokens, output_tokens, usd, agent=self.agent)
        try:
            response: ModelResponse = await handler(request_context)
        except BaseException as error:
            if _cost_nothing(error):
                keeper.release(call_id, type(error).__name__)
            else:  # cancelled, or cut off while it answered: nobody knows what it took, so the most counts
                keeper.reconcile(call_id, input_tokens=None, output_tokens=None, usd=usd)
            raise
        usage = response.usage
        keeper.reconcile(
            call_id,
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            output_tokens=usage.output_tokens,
            usd=self.price_of(response),
        )
        return response

    def _tokens(self, messages: list[ModelMessage], parameters: ModelRequestParameters) -> int:
        """More input tokens than the request has: its characters over three. Old messages are measured once."""
        total = sum(self._size(message) for message in messages)
        tools = [*parameters.function_tools, *parameters.output_tools]
        total += sum(len(t.description or "") + len(str(t.parameters_json_schema)) for t in tools)
        total += sum(len(part.content) for part in parameters.instruction_parts or ())
        return total // _CHARACTERS_A_TOKEN + 1

    def _size(self, message: ModelMessage) -> int:
        known = self._sizes.get(id(message))
        if known is not None and known[0] is message:
            return known[1]
        size = sum(
            len(str(getattr(part, "content", ""))) + len(str(getattr(part, "args", ""))) for part in message.parts
        )
        self._sizes[id(message)] = (message, size)
        return size


def _cost_nothing(error: BaseException) -> bool:
    """Whether the provider refused, or was never reached; an answer that broke off in the middle was paid for."""
    if isinstance(error, BaseExceptionGroup):  # every model of a fallback
        return all(_cost_nothing(e) for e in error.exceptions)
    if isinstance(error, ModelConnectionError):
        return not error.in_stream and error.phase != "read"
    return isinstance(error, ModelHTTPError) and not error.in_stream
