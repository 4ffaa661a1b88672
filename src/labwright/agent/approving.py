"""Questions to a person: from a deferred tool call to an approval in the ledger, and from its answer back to the call.

An approval outlives the process, so a question may be answered from another terminal, by `labwright approvals`, and
the session goes on when it is resumed. A new message of the person does not close one: the open call is answered with a
note, and once the person decides, the call is put again, as approved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDefinition, ToolDenied

from labwright.agent.deps import Deps, as_json
from labwright.contracts.effects import Cost
from labwright.contracts.sessions import Approval, ApproveMode

_LONGEST_PREVIEW = 20_000
_EDITED = "edited"


@dataclass
class Questions(AbstractCapability[Deps]):
    """Writes deferred calls down as approvals, and asks the person where one is there."""

    mode: ApproveMode
    id: str | None = field(default="questions", kw_only=True)

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Deps], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """The answers, or None where some are open: the run then ends, suspended."""
        deps = ctx.deps
        if self.mode == "never":  # a tool of its own accord: policy has denied what it would have asked about
            denied = ToolDenied("Nobody may be asked in this session. Decide yourself, and say what you assumed.")
            return requests.build_results(approvals={call.tool_call_id: denied for call in requests.approvals})
        asked = [_ask(deps, call, requests.metadata.get(call.tool_call_id) or {}) for call in requests.approvals]
        if deps.ask_person is None or not await deps.ask_person(asked):
            return None
        return answers({a.call_id: deps.approvals.get(a.id) for a in asked})

    async def after_tool_execute(
        self, ctx: RunContext[Deps], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], result: Any
    ) -> Any:
        """The history keeps the arguments that the model gave; where a person changed them, the result says so."""
        del call, tool_def
        if not (ctx.tool_call_metadata or {}).get(_EDITED):
            return result
        note = f"A person changed the arguments to {json.dumps(as_json(args), ensure_ascii=False)}"
        return f"{note}.\n{result}" if isinstance(result, str) else {"note": note, "result": result}


def _ask(deps: Deps, call: ToolCallPart, metadata: Mapping[str, Any]) -> Approval:
    args = deps.clean(metadata.get("args") or {})
    return deps.approvals.ask(
        deps.session_id,
        call.tool_call_id,
        call.tool_name,
        tuple(metadata.get("effects") or ()),
        args,
        what=f"{call.tool_name}: {metadata.get('why', 'needs a person')}",
        preview=_cut(deps.redactor.redact(str(metadata.get("preview") or _as_text(args)))),
        cost=Cost(**metadata["cost"]) if "cost" in metadata else None,
        budget_left=deps.spending.left().in_words,
        schema=metadata.get("schema"),
    )


def answers(approvals: Mapping[str, Approval]) -> DeferredToolResults:
    """The person's answers, by call, as the agent takes them; an approval that is still open gives a note instead."""
    return DeferredToolResults(
        approvals={call: answer(approval) for call, approval in approvals.items()},
        metadata={call: {_EDITED: approval.edited_args is not None} for call, approval in approvals.items()},
    )


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
    return [*history, ModelResponse(list(calls), model_name="approval")], answers({a.id: a for a in approvals})


def _cut(preview: str) -> str:
    """Not longer than a person reads; and what is left out is said to be."""
    hidden = len(preview) - _LONGEST_PREVIEW
    return preview if hidden <= 0 else f"{preview[:_LONGEST_PREVIEW]}\n[{hidden} more characters are not shown]"


def _as_text(args: Mapping[str, Any]) -> str:
    """One argument a line; several lines of one are set in, so that none of them passes for another argument."""
    given = {name: str(value) for name, value in args.items() if value is not None}
    return "\n".join(f"{k}:\n{indent(v, '  ')}" if "\n" in v else f"{k}: {v}" for k, v in given.items())
