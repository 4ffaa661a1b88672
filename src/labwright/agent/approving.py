"""Questions to a person: from a deferred tool call to an approval in the ledger, and from its answer back to the call.

An approval outlives the process, so a question may be answered from another terminal, by `labwright approvals`, and
the session goes on when it is resumed. A new message of the person does not close one: the open call is answered with a
note, and once the person decides, the call is put again, as approved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied

from labwright.agent.deps import Deps
from labwright.contracts.effects import Cost
from labwright.contracts.sessions import Approval

_LONGEST_PREVIEW = 20_000


@dataclass
class Questions(AbstractCapability[Deps]):
    """Writes deferred calls down as approvals, and asks the person where one is there."""

    id: str | None = field(default="questions", kw_only=True)

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Deps], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """The answers, or None where some are open: the run then ends, suspended."""
        deps = ctx.deps
        asked = [_ask(deps, call, requests.metadata.get(call.tool_call_id) or {}) for call in requests.approvals]
        if deps.ask_person is None or not await deps.ask_person(asked):
            return None
        return answers(requests, {a.call_id: deps.approvals.get(a.id) for a in asked})


def _ask(deps: Deps, call: ToolCallPart, metadata: Mapping[str, Any]) -> Approval:
    args = deps.clean(metadata.get("args") or {})
    return deps.approvals.ask(
        deps.session_id,
        call.tool_call_id,
        call.tool_name,
        tuple(metadata.get("effects") or ()),
        args,
        what=f"{call.tool_name}: {metadata.get('why', 'needs a person')}",
        preview=deps.redactor.redact(str(metadata.get("preview") or _as_text(args)))[:_LONGEST_PREVIEW],
        cost=Cost(**metadata["cost"]) if "cost" in metadata else None,
        budget_left=deps.spending.left().in_words,
    )


def answers(requests: DeferredToolRequests, approvals: Mapping[str, Approval]) -> DeferredToolResults:
    """The person's answers as the agent takes them; a call whose approval is still open gets a note instead."""
    return requests.build_results(approvals={call: answer(approval) for call, approval in approvals.items()})


def answer(approval: Approval) -> ToolApproved | ToolDenied:
    """One answer."""
    if approval.state == "approved":
        return ToolApproved(override_args=dict(approval.final_args))
    if approval.state == "open":
        return ToolDenied(f"Approval {approval.id} is still open; its result will follow when a person answers.")
    why = f": {approval.why}" if approval.why else ""
    said = "Nobody answered in time" if approval.state == "expired" else "A person denied it"
    return ToolDenied(f"{said}{why}. Do not ask for the same again; change the plan.")


def put_again(
    history: Sequence[ModelMessage], approvals: Sequence[Approval]
) -> tuple[list[ModelMessage], DeferredToolResults]:
    """Calls that were closed with a note, made once more with their answers."""
    calls = [ToolCallPart(a.tool, json.dumps(dict(a.args)), tool_call_id=a.id) for a in approvals]
    results = DeferredToolResults(approvals={a.id: answer(a) for a in approvals})
    return [*history, ModelResponse(list(calls), model_name="approval")], results


def _as_text(args: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in args.items())
