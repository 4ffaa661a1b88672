"""Every tool call is in the ledger before it runs, and its result right after: what a resume after a kill goes by.

The harness's effect ledger keeps neither arguments nor results; with them, a call that had ended is not made again, and
one that was cut off is shown to the model as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import (
    ApprovalRequired,
    ModelRetry,
    SkipToolExecution,
    ToolFailed,
    ToolFailedError,
    ToolRetryError,
)
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from labwright.agent.deps import Deps
from labwright.contracts.errors import StorageError
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
        args_shown = ctx.deps.clean(args)
        started = ToolStarted(
            ctx.deps.session_id, str(ctx.run_id), call.tool_call_id, tool_def.name, effects, args_shown
        )
        ctx.deps.ledger.record(None, started)
        self._running.add(call.tool_call_id)
        return args

    async def wrap_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], handler: Any
    ) -> Any:
        """After it, with what the model will see. A tool may end by any exception; what it did then is known or not."""
        del tool_def
        try:
            result = await handler(args)
        except (ToolFailed, ToolFailedError, ModelRetry, ToolRetryError) as error:
            self._end(ctx, call, "failed", said_by(error))
            raise
        except SkipToolExecution as skipped:
            self._end(ctx, call, "success", str(skipped.result))
            raise
        except ApprovalRequired:
            self._end(ctx, call, "denied", "not carried out: it waits for a person")
            raise
        except StorageError:
            raise  # nothing can be written down now; a resume finds the call without an end, and says so
        except BaseException as error:  # cancelled, or failed behind the tool
            self._end(ctx, call, "unknown", type(error).__name__)
            raise
        self._end(ctx, call, "success", str(result))
        return result

    def _end(self, ctx: RunContext[Deps], call: ToolCallPart, outcome: ToolOutcome, text: str) -> None:
        if call.tool_call_id not in self._running:
            return
        self._running.discard(call.tool_call_id)
        result = ctx.deps.redactor.redact(text)[:LONGEST_RESULT]
        ended = ToolEnded(ctx.deps.session_id, str(ctx.run_id), call.tool_call_id, outcome, result)
        ctx.deps.ledger.record(None, ended)


def said_by(error: Exception) -> str:
    """What a failed call tells the model."""
    if isinstance(error, ToolRetryError):
        return str(error.tool_retry.content)
    return error.message if isinstance(error, ToolFailed | ModelRetry) else str(error)
