"""One run of the agent: pydantic-ai's loop with what a session sets on it, its events handed on as they come.

A turn of a session is one such run, or several where a history had to be made shorter or an answer broke off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.run import AgentRunResult
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import DeferredToolResults
from pydantic_ai.usage import UsageLimits

from labwright.agent.deps import Deps

OnEvent = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class TurnRun:
    """One run of the agent, streaming or not, with its events handed on."""

    agent: Agent[Deps, Any]
    deps: Deps
    model: Model
    settings: ModelSettings
    on_event: OnEvent
    stream: bool
    cancellation: Any

    async def __call__(
        self, text: str | None, history: Sequence[ModelMessage], results: DeferredToolResults | None
    ) -> AgentRunResult[Any]:
        """From the person's words, or the answers the model waits for, to its last words or its open questions."""
        async with self.agent.iter(
            text,
            message_history=list(history) or None,
            deferred_tool_results=results,
            conversation_id=self.deps.session_id,
            run_id=uuid4().hex,
            model=self.model,
            model_settings=self.settings or None,
            deps=self.deps,
            usage_limits=UsageLimits(request_limit=None),  # the ledger's ceilings hold, also over processes
            cancellation_token=self.cancellation,
        ) as run:
            async for node in run:
                if Agent.is_call_tools_node(node) or (self.stream and Agent.is_model_request_node(node)):
                    async with node.stream(run.ctx) as events:
                        async for event in events:
                            self.on_event(event)
        assert run.result is not None
        return run.result
