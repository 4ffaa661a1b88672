"""A text-only answer while the plan has open items and time is left continues the work, at most twice in a row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelResponse, ToolCallPart

from labwright.agent.deps import Deps

OpenItems = Callable[[], Awaitable[list[str]]]
_MOST = 2


@dataclass
class PlanContinuation(AbstractCapability[Deps]):
    """Asks the model to go on where it stopped with work left. `open_items` names the plan's open items."""

    open_items: OpenItems
    id: str | None = field(default="plan_continuation", kw_only=True)
    _reminded: int = field(default=0, init=False, repr=False)

    async def for_run(self, ctx: RunContext[Deps]) -> Self:  # noqa: ARG002
        """Each run counts anew."""
        return replace(self)

    async def after_model_request(
        self, ctx: RunContext[Deps], *, request_context: Any, response: ModelResponse
    ) -> ModelResponse:
        """Queue a reminder behind an answer without tool calls; a call in between starts the count again."""
        del request_context
        if any(isinstance(part, ToolCallPart) for part in response.parts):
            self._reminded = 0
            return response
        if self._reminded >= _MOST or not self._time_is_left(ctx):
            return response
        items = await self.open_items()
        if items:
            self._reminded += 1
            named = "; ".join(items[:5])
            ctx.enqueue(
                f"The plan still has open items ({named}), and there is time. Go on with the next one. If one cannot "
                "be done, mark it so in the plan and say why.",
                priority="when_idle",
            )
        return response

    @staticmethod
    def _time_is_left(ctx: RunContext[Deps]) -> bool:
        left_s = ctx.deps.spending.left().working_s
        return left_s is None or left_s > 0
