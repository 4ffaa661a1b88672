"""Asks before effects: the gate that every tool call passes, whoever made the tool.

It looks at what a tool declares (`effects`, `cost`, `sandboxed` in its metadata) and at nothing else: no name, and no
word that a model, a dataset or a page has written. What declares nothing is asked about.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering, ToolSearch
from pydantic_ai.capabilities._deferred_capability_loader import DeferredCapabilityLoader
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_ai_harness import StepPersistence

from labwright.agent.deps import Deps, as_json
from labwright.contracts.effects import Cost
from labwright.contracts.errors import BudgetError
from labwright.contracts.sessions import ApproveMode
from labwright.guard.policy import decide


@dataclass
class EffectPolicy(AbstractCapability[Deps]):
    """Lets a call pass, denies it, or defers it to a person."""

    mode: ApproveMode
    id: str | None = field(default="effect_policy", kw_only=True)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    _held: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = field(default_factory=dict, init=False, repr=False)

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
            _must_have_time(ctx, tool_def.name, cost, final=bool(metadata.get("final")))
            key = f"{tool_def.name} {json.dumps(as_json(args), sort_keys=True)}"
            ruling = decide(
                effects,
                cost,
                mode=self.mode,
                sandboxed=bool(metadata.get("sandboxed", ctx.deps.sandboxed)),
                spend_threshold_usd=ctx.deps.spend_threshold_usd,
                approved=ctx.tool_call_approved,
                budget_left_usd=self._left_usd(ctx, key),
            )
            if ruling.verdict == "allow" and "spend" in effects:
                self._held[key] = (metadata, args)
        if ruling.verdict == "deny":
            raise ToolFailed(f"Denied by policy: {ruling.reason}. Do without it, or end and say what would be needed.")
        if ruling.verdict == "ask":
            pin, preview = metadata.get("pin"), metadata.get("preview")
            args = pin(args) if callable(pin) else args  # what is approved is what was shown
            if ctx.deps.clean(args) != as_json(args):
                raise ToolFailed(
                    "Its arguments hold what looks like a secret, and a person would have to see them. "
                    "Read it from a file or a variable instead."
                )
            shown = cost or Cost(usd=0.0 if effects and "spend" not in effects else None)
            raise ApprovalRequired(
                metadata={
                    "effects": list(effects),
                    "args": as_json(args),
                    "cost": {"usd": shown.usd, "gpu_hours": shown.gpu_hours, "wall_clock_s": shown.wall_clock_s},
                    "why": ruling.reason,
                    "preview": preview(args) if callable(preview) else "",
                    "schema": tool_def.parameters_json_schema,
                }
            )
        return args

    def _left_usd(self, ctx: RunContext[Deps], key: str) -> float | None:
        """What is left of the dollars without what calls that were let go ahead may still spend, each once."""
        left = ctx.deps.spending.left().usd
        if left is None:
            return None
        costs = [_cost_of(metadata, args) for held, (metadata, args) in self._held.items() if held != key]
        return left - sum(cost.usd or 0.0 for cost in costs if cost is not None)


@dataclass
class DeclaredEffects(AbstractCapability[Deps]):
    """Gives the harness's own tools, which declare nothing, what they do. What is not in the table is asked about.

    The table is written where the agent is put together, by whoever chose these tools; it is no list of exceptions.
    """

    table: Mapping[str, tuple[str, ...]]
    id: str | None = field(default="declared_effects", kw_only=True)

    def get_ordering(self) -> CapabilityOrdering:
        """Around everything that adds tools, also the loader of deferred capabilities, whose tool hooks never see."""
        return CapabilityOrdering(position="outermost", wraps=[DeferredCapabilityLoader, ToolSearch])

    def get_wrapper_toolset(self, toolset: AbstractToolset[Deps]) -> AbstractToolset[Deps]:
        """Add the declaration to each tool that has none."""
        return _Declared(toolset, self.table)


@dataclass
class _Declared(WrapperToolset[Deps]):
    table: Mapping[str, tuple[str, ...]]

    async def get_tools(self, ctx: RunContext[Deps]) -> dict[str, ToolsetTool[Deps]]:
        tools = await super().get_tools(ctx)
        return {name: replace(tool, tool_def=self._declared(tool.tool_def)) for name, tool in tools.items()}

    def _declared(self, definition: ToolDefinition) -> ToolDefinition:
        metadata = definition.metadata or {}
        if metadata.get("effects") or definition.name not in self.table:
            return definition
        return replace(definition, metadata={**metadata, "effects": self.table[definition.name]})


def _must_have_time(ctx: RunContext[Deps], tool: str, cost: Cost | None, *, final: bool) -> None:
    """Refuse what would run into the time that is kept for the final evaluation, so that it can be made smaller."""
    if cost is None or cost.wall_clock_s <= 0:
        return
    try:
        ctx.deps.spending.must_have_time(tool, 0.0 if final else cost.wall_clock_s, final=final)
    except BudgetError as error:
        raise ToolFailed(f"Not started: {error.what}. Plan something shorter, or finish with what there is.") from error


def _cost_of(metadata: Mapping[str, Any], args: dict[str, Any]) -> Cost | None:
    estimate = metadata.get("cost")
    if estimate is None:
        return None
    try:
        cost = estimate(args)
    except (TypeError, ValueError, KeyError):
        return Cost(usd=None)
    return cost if isinstance(cost, Cost) else Cost(usd=None)
