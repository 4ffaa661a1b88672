"""No secret reaches the model: what tools return is cleaned before it enters the history."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelRetry, ToolFailed, ToolFailedError, ToolRetryError
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
        return _clean(ctx, result)

    async def wrap_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], handler: Any
    ) -> Any:
        """A failure is a result as well, and may quote a file."""
        del call, tool_def
        try:
            return await handler(args)
        except ToolRetryError as error:
            error.tool_retry = replace(error.tool_retry, content=_clean(ctx, error.tool_retry.content))
            raise
        except ToolFailedError as error:
            error.tool_failed = replace(error.tool_failed, content=_clean(ctx, error.tool_failed.content))
            raise
        except ToolFailed as error:
            raise ToolFailed(_clean(ctx, error.message)) from error
        except ModelRetry as error:
            raise ModelRetry(_clean(ctx, error.message)) from error


def _clean(ctx: RunContext[Deps], value: Any) -> Any:
    redactor = ctx.deps.redactor
    if isinstance(value, str):
        return redactor.redact(value)
    return redactor.redact_json(value) if isinstance(value, dict | list) else value
