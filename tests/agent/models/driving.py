"""Asks a model through a real pydantic-ai agent, streamed or not, and keeps what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import Agent, AgentRunResultEvent, Tool
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from tests.servers.openai_server import OpenAIServer

from labwright.agent.models.chat import LightChatModel


def light(server: OpenAIServer, name: str = "stub", provider_name: str = "local", **options: Any) -> LightChatModel:
    return LightChatModel(name, base_url=server.url, provider_name=provider_name, **options)


@dataclass
class Asked:
    output: Any
    messages: list[ModelMessage]
    events: list[Any] = field(default_factory=list)

    @property
    def responses(self) -> list[ModelResponse]:
        return [m for m in self.messages if isinstance(m, ModelResponse)]


def ask(
    model: Model,
    prompt: str = "hello",
    *,
    stream: bool,
    tools: Sequence[Any] = (),
    history: Sequence[ModelMessage] = (),
    settings: ModelSettings | None = None,
    instructions: str | None = None,
    output_type: Any = str,
) -> Asked:
    """One run of an agent. Raises what the run raises."""
    wrapped = [t if isinstance(t, Tool) else Tool(t, max_retries=3) for t in tools]
    agent: Agent[None, Any] = Agent(
        model, tools=wrapped, instructions=instructions, retries=3, output_type=output_type, deps_type=type(None)
    )

    async def whole() -> Asked:
        result = await agent.run(prompt, message_history=list(history), model_settings=settings)
        return Asked(result.output, result.all_messages())

    async def streamed() -> Asked:
        seen: list[Any] = []
        async with agent.run_stream_events(prompt, message_history=list(history), model_settings=settings) as events:
            async for event in events:
                seen.append(event)
        assert isinstance(seen[-1], AgentRunResultEvent)
        return Asked(seen[-1].result.output, seen[-1].result.all_messages(), seen)

    return asyncio.run(streamed() if stream else whole())
