"""Asks before effects: the gate that every tool call passes, whoever made the tool.

It looks at what a tool declares (`effects`, `cost`, `sandboxed` in its metadata) and at nothing else: no name, and no
word that a model, a dataset or a page has written. What declares nothing is asked about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition
from pydantic_ai_harness import StepPersistence

from labwright.agent.deps import Deps
from labwright.contracts.effects import Cost
from labwright.contracts.sessions import ApproveMode
from labwright.guard.policy import decide


@dataclass
class EffectPolicy(AbstractCapability[Deps]):
    """Lets a call pass, denies it, or defers it to a person."""

    mode: ApproveMode
    id: str | None = field(default="effect_policy", kw_only=True)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    def get_ordering(self) -> CapabilityOrdering:
        """Around the steps: a call that is deferred has not started."""
        return CapabilityOrdering(wraps=[StepPersistence])

    async def before_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any]
    ) -> dict[str, Any]:
        """Calls of one answer run side by side, and are ruled on one after another: no two spend the same dollar."""
        del call
        async with self._turn:
            metadata = tool_def.metadata or {}
            effects = tuple(metadata.get("effects") or ())
            cost = _cost_of(metadata, args)
            ruling = decide(
                effects,
                cost,
                mode=self.mode,
                sandboxed=bool(metadata.get("sandboxed", ctx.deps.sandboxed)),
                spend_threshold_usd=ctx.deps.spend_threshold_usd,
                approved=ctx.tool_call_approved,
                budget_left_usd=ctx.deps.spending.left().usd,
            )
        if ruling.verdict == "deny":
            raise ToolFailed(f"Denied by policy: {ruling.reason}. Do without it, or end and say what would be needed.")
        if ruling.verdict == "ask":
            pin, preview = metadata.get("pin"), metadata.get("preview")
            args = pin(args) if callable(pin) else args  # what is approved is what was shown
            shown = cost or Cost(usd=None if "spend" in effects else 0.0)
            raise ApprovalRequired(
                metadata={
                    "effects": list(effects),
                    "args": args,
                    "cost": {"usd": shown.usd, "gpu_hours": shown.gpu_hours, "wall_clock_s": shown.wall_clock_s},
                    "why": ruling.reason,
                    "preview": preview(args) if callable(preview) else "",
                }
            )
        return args


@dataclass
class DeclaredEffects(AbstractCapability[Deps]):
    """Gives the harness's own tools, which declare nothing, what they do. What is not in the table is asked about.

    The table is written where the agent is put together, by whoever chose these tools; it is no list of exceptions.
    """

    table: Mapping[str, tuple[str, ...]]
    id: str | None = field(default="declared_effects", kw_only=True)

    async def prepare_tools(self, ctx: RunContext[Deps], tool_defs: list[ToolDefinition]) -> list[ToolDefinition]:
        """Add the declaration to each tool that has none."""
        del ctx
        return [self._declared(definition) for definition in tool_defs]

    def _declared(self, definition: ToolDefinition) -> ToolDefinition:
        metadata = definition.metadata or {}
        if metadata.get("effects") or definition.name not in self.table:
            return definition
        return replace(definition, metadata={**metadata, "effects": self.table[definition.name]})


def _cost_of(metadata: Mapping[str, Any], args: dict[str, Any]) -> Cost | None:
    estimate = metadata.get("cost")
    if estimate is None:
        return None
    try:
        cost = estimate(args)
    except (TypeError, ValueError, KeyError):
        return Cost(usd=None)
    return cost if isinstance(cost, Cost) else Cost(usd=None)
