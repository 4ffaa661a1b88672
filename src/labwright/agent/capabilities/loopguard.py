"""Breaks cycles of identical tool calls whose results do not change either.

Polling is fine: the same call with another result is news. Three times the same call with the same result, or three
times the same cycle of up to five, is not: the next call of that cycle is not carried out, and the model is told why.
The window is of this run alone, so a long history never makes the guard speak again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelRetry, SkipToolExecution, ToolFailed, ToolFailedError, ToolRetryError
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from labwright.agent.capabilities.toollog import said_by
from labwright.agent.deps import Deps

_LONGEST_CYCLE = 5
_TIMES = 3  # in a row, calls and results alike
_WINDOW = _LONGEST_CYCLE * _TIMES


@dataclass
class LoopGuard(AbstractCapability[Deps]):
    """Watches the calls of one run."""

    id: str | None = field(default="loop_guard", kw_only=True)
    _seen: list[tuple[str, str]] = field(default_factory=list, init=False, repr=False)  # (call, result)

    async def for_run(self, ctx: RunContext[Deps]) -> Self:  # noqa: ARG002
        """A fresh window for each run."""
        return replace(self)

    async def wrap_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], handler: Any
    ) -> Any:
        """Refuse the call that would go on with a cycle; else note what it gave."""
        del ctx, call
        key = _key(tool_def.name, args)
        cycle = repeating(self._seen)
        if cycle and key == self._seen[-cycle][0]:
            self._seen.clear()
            times = "this call" if cycle == 1 else f"these {cycle} calls"
            raise SkipToolExecution(
                f"Not carried out: {times} gave the same results again and again, and would once more. "
                "Do something else: look at what the results say, change the arguments, or ask the person."
            )
        try:
            result = await handler(args)
        except (ToolFailed, ToolFailedError, ModelRetry, ToolRetryError) as error:  # the same failure again is a cycle
            self._note(key, said_by(error))
            raise
        self._note(key, str(result))
        return result

    def _note(self, key: str, result: str) -> None:
        self._seen.append((key, _key("", {"result": result})))
        del self._seen[:-_WINDOW]


def repeating(seen: list[tuple[str, str]]) -> int:
    """The length of the cycle at the end of the window, or 0: calls and results both have to repeat."""
    for length in range(1, _LONGEST_CYCLE + 1):
        tail = seen[-length * _TIMES :]
        if len(tail) == length * _TIMES and all(tail[n] == tail[n % length] for n in range(len(tail))):
            return length
    return 0


def _key(name: str, args: Mapping[str, Any]) -> str:
    """Canonical: the order of arguments and the spelling of numbers make no difference."""
    text = json.dumps([name, args], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
