"""A tool that fails is an answer to the model, not the end of the run; bad arguments are answered with the schema.

What pydantic-ai does by itself: an exception in a tool ends the run, and a validation error shows pydantic's list
without the schema. Texts are redacted here, since an exception may quote the environment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Never, Self

from pydantic import ValidationError
from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from labwright.agent.deps import Deps
from labwright.contracts.errors import LabwrightError

_LONGEST = 4000
_ANOTHER_WAY = (
    "That is the second time in a row. Do not send the same again: leave out what is optional, build the arguments up "
    "from the smallest call that is valid, or take another tool."
)


@dataclass
class Faults(AbstractCapability[Deps]):
    """Turns failures of tools into messages that help."""

    id: str | None = field(default="faults", kw_only=True)
    _failed: dict[str, int] = field(default_factory=dict, init=False, repr=False)  # in a row, by tool

    async def for_run(self, ctx: RunContext[Deps]) -> Self:  # noqa: ARG002
        """Each run counts anew."""
        return replace(self)

    async def on_tool_validate_error(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any, error: Exception
    ) -> Never:
        """Answer malformed arguments with what was wrong and the schema; the second time with another way."""
        del args
        count = self._failed[call.tool_name] = self._failed.get(call.tool_name, 0) + 1
        schema = json.dumps(tool_def.parameters_json_schema, separators=(",", ":"))
        said = [f"The arguments of {call.tool_name} are not valid: {_problems(error)}", f"Its schema: {schema}"]
        raise ModelRetry(self._clean(ctx, "\n".join([*said, *([_ANOTHER_WAY] if count > 1 else [])])))

    async def after_tool_validate(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any]
    ) -> dict[str, Any]:
        """A call that is valid starts the count again."""
        del ctx, tool_def
        self._failed.pop(call.tool_name, None)
        return args

    async def on_tool_execute_error(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any, error: Exception
    ) -> Never:
        """Say what went wrong. Errors of ours carry their cure; others their type."""
        del tool_def, args
        said = error.one_line() if isinstance(error, LabwrightError) else f"{type(error).__name__}: {error}"
        raise ToolFailed(self._clean(ctx, f"{call.tool_name} failed: {said}")) from error

    @staticmethod
    def _clean(ctx: RunContext[Deps], text: str) -> str:
        return ctx.deps.redactor.redact(text)[:_LONGEST]


def _problems(error: Exception) -> str:
    cause = error if isinstance(error, ValidationError) else error.__cause__
    if isinstance(cause, ValidationError):
        found = [f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in cause.errors()]
        return "; ".join(found[:8])
    return str(error)
