"""The intern, put together: which capabilities, in which order, and which tools are there from the start.

The order is the meaning: the first in the list is the outermost. Policy rules on a call before anything of it is booked
or done; the tool log books what policy let pass; results are cleaned and limited before they enter the history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_ai import Agent, RunContext
from pydantic_ai.capabilities import AbstractCapability, Capability
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import DeferredToolRequests
from pydantic_ai_harness import FileSystem, Planning, Shell
from pydantic_ai_harness.compaction import (
    ClampOversizedMessages,
    ClearToolResults,
    DeduplicateFileReads,
    SlidingWindowCompaction,
    TieredCompaction,
)
from pydantic_ai_harness.repair_tool_arguments import RepairToolArguments
from pydantic_ai_harness.tool_output_limits import Band, LocalFileStore, Spill, ToolOutputLimits, Truncate

from labwright.agent.approving import Questions
from labwright.agent.capabilities.continuation import PlanContinuation
from labwright.agent.capabilities.faults import Faults
from labwright.agent.capabilities.loopguard import LoopGuard
from labwright.agent.capabilities.policy import DeclaredEffects, EffectPolicy
from labwright.agent.capabilities.redaction import Redaction
from labwright.agent.capabilities.spending import PriceOf, Spending, WorstCase
from labwright.agent.capabilities.toollog import ToolLog
from labwright.agent.deps import Deps
from labwright.agent.instructions import text
from labwright.agent.plan import FilePlanStore
from labwright.agent.steps import LedgerStepStore, Steps
from labwright.agent.workspace import ContainerBackend, SandboxedBackend, Workspace
from labwright.contracts.sessions import ApproveMode
from labwright.tools import Family

_SPILL_OVER = 8_000  # characters of a tool's result that the history keeps whole
_FILE_TOOLS = ["read_file", "write_file", "edit_file", "grep"]

HARNESS_EFFECTS: Mapping[str, tuple[str, ...]] = {
    "read_file": ("read",),
    "grep": ("read",),
    "list_files": ("read",),
    "read_tool_result": ("read",),
    "write_file": ("write",),
    "edit_file": ("write",),
    "run_command": ("execute",),
    "write_plan": ("read",),  # the plan is the model's own note
    "load_capability": ("read",),
    "search_tools": ("read",),
    "delegate_task": ("read",),  # sub-agents have tools that read, and their calls are paid for by the same budget
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What an intern is put together from; `labwright.intern` does that."""

    families: Mapping[str, Family]
    backend: SandboxedBackend | ContainerBackend
    store: LedgerStepStore
    plan_store: FilePlanStore
    spill: Path
    approve: ApproveMode
    worst_case: WorstCase
    price_of: PriceOf
    context_window: int
    extra: Sequence[AbstractCapability[Deps]] = ()  # playbooks, MCP servers, sub-agents
    say: Callable[[RunContext[Deps]], str] = lambda _: ""  # the workspace's AGENTS.md


def build(parts: Parts) -> Agent[Deps, Any]:
    """The agent; its model is given with each run, so that a session may change it."""
    limits = ToolOutputLimits(
        bands=[Band(over=_SPILL_OVER, action=Spill(preview_chars=1_500, then=Truncate()))],
        store=LocalFileStore(base_dir=parts.spill),
    )
    return Agent(
        None,
        deps_type=Deps,
        name="intern",
        output_type=[str, DeferredToolRequests],
        retries={"tools": 5, "output": 3},
        instructions=[text("intern"), standing, _cleaned(parts.say)],
        capabilities=[
            EffectPolicy(parts.approve),
            DeclaredEffects(HARNESS_EFFECTS),
            Spending(parts.worst_case, parts.price_of),
            ToolLog(),
            LoopGuard(),
            Faults(),
            limits,
            Redaction(),
            RepairToolArguments(),
            Workspace(parts.backend),
            Shell(tools=["run_command"], default_timeout=120),
            FileSystem(content_hashes=False, tools=_FILE_TOOLS, max_retries=5),
            Planning(store=parts.plan_store, tools=["write_plan"]),
            PlanContinuation(parts.plan_store.open_items),
            *[_deferred(family) for family in parts.families.values()],
            *parts.extra,
            Questions(parts.approve),
            compaction(parts.context_window),
            Steps(store=parts.store, capture_frontier=True),
        ],
    )


def compaction(context_window: int) -> TieredCompaction:
    """Cheap first: cut what is oversized, drop repeated reads and old results, then the oldest turns."""
    return TieredCompaction(
        tiers=[
            ClampOversizedMessages(max_part_tokens=max(context_window // 8, 500)),
            DeduplicateFileReads(_file_read, max_tokens=1),
            ClearToolResults(max_tokens=1, keep_pairs=4),
            SlidingWindowCompaction(max_tokens=1, keep_messages=20),
        ],
        target_tokens=int(context_window * 0.7),
    )


def standing(ctx: RunContext[Deps]) -> str:
    """What no compaction may lose, read from the ledger at every request: goal, budget, open questions, studies."""
    deps = ctx.deps
    view = deps.ledger.session_view(deps.session_id)
    lines = [f"Goal, in the person's words: {view.goal}"]
    if len(view.said) > 1:
        lines.append(f"What the person said last: {view.said[-1]}")
    lines.append(
        f"Budget left: {deps.spending.left().in_words}. Model: {view.model}. Workspace: {deps.workspace.name}/"
    )
    lines += [f"Open approval {a.id}: {a.what}" for a in view.open_approvals]
    if view.studies:
        lines.append(f"Studies of this session: {', '.join(view.studies)}")
    if not deps.sandboxed:
        lines.append("Commands are not sandboxed here: each write and each command asks a person first.")
    return "Where this session stands:\n" + "\n".join(f"- {line}" for line in lines)


def _cleaned(words: Callable[[RunContext[Deps]], str]) -> Callable[[RunContext[Deps]], str]:
    """A file of the workspace may hold a secret like any other."""

    def clean(ctx: RunContext[Deps]) -> str:
        return ctx.deps.redactor.redact(words(ctx))

    return clean


def _deferred(family: Family) -> Capability[Deps]:
    """A family behind one line of the catalogue; its tools and words come when the model loads it."""
    return Capability(
        id=family.id,
        description=family.description,
        instructions=family.instructions,
        toolsets=[family.toolset],
        defer_loading=True,
    )


def _file_read(call: ToolCallPart) -> str | None:
    """Which file a call reads, and from where on; a later read of the same makes this one's text superfluous."""
    if call.tool_name != "read_file":
        return None
    args = call.args_as_dict()
    return f"{args.get('path')}:{args.get('offset', 0)}"
