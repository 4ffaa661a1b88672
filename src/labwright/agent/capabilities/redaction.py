"""No secret reaches the model: what tools return is cleaned before it enters the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from labwright.agent.deps import Deps


@dataclass
class Redaction(AbstractCapability[Deps]):
    """Cleans every result; the redactor knows the values of secret variables and the shapes of known tokens."""

    id: str | None = field(default="redaction", kw_only=True)

    async def after_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], result: Any
    ) -> Any:
        """The result without secrets. What is neither text nor JSON (an image) passes as it is."""
        del call, tool_def, args
        redactor = ctx.deps.redactor
        if isinstance(result, str):
            return redactor.redact(result)
        return redactor.redact_json(result) if isinstance(result, dict | list) else result
