"""Every tool call is in the ledger before it runs, and its result right after: what a resume after a kill goes by.

The harness's effect ledger keeps neither arguments nor results; with them, a call that had ended is not made again, and
one that was cut off is shown to the model as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Never

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from labwright.agent.deps import Deps
from labwright.contracts.sessions import ToolEnded, ToolOutcome, ToolStarted

LONGEST_RESULT = 4000


@dataclass
class ToolLog(AbstractCapability[Deps]):
    """Books starts and ends. Listed inside the policy, so that what is deferred or denied has not started."""

    id: str | None = field(default="tool_log", kw_only=True)
    _running: set[str] = field(default_factory=set, init=False, repr=False)

    async def before_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any]
    ) -> dict[str, Any]:
        """Before the effect."""
        effects = tuple((tool_def.metadata or {}).get("effects") or ())
        self._running.add(call.tool_call_id)
        args_shown = ctx.deps.clean(args)
        started = ToolStarted(
            ctx.deps.session_id, str(ctx.run_id), call.tool_call_id, tool_def.name, effects, args_shown
        )
        ctx.deps.ledger.record(None, started)
        return args

    async def after_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], result: Any
    ) -> Any:
        """After it, with what the model will see."""
        del tool_def, args
        self._end(ctx, call, "success", str(result))
        return result

    async def on_tool_execute_error(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any, error: Exception
    ) -> Never:
        """After a failure; the error goes on its way."""
        del tool_def, args
        said = error.message if isinstance(error, ToolFailed) else f"{type(error).__name__}: {error}"
        self._end(ctx, call, "failed", str(said))
        raise error

    def _end(self, ctx: RunContext[Deps], call: ToolCallPart, outcome: ToolOutcome, text: str) -> None:
        if call.tool_call_id not in self._running:
            return
        self._running.discard(call.tool_call_id)
        result = ctx.deps.redactor.redact(text)[:LONGEST_RESULT]
        ended = ToolEnded(ctx.deps.session_id, str(ctx.run_id), call.tool_call_id, outcome, result)
        ctx.deps.ledger.record(None, ended)
