"""Where the harness's step persistence writes: the ledger's message log, which grows by what is new.

The harness hands over the whole history after each step. Its own stores write it whole each time; here only messages
that were not there before are encoded and appended, and a history that a compaction rewrote is rewritten from where it
differs. Sub-agents' histories are not kept: their results are in the history of the agent that asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter
from pydantic_ai_harness import StepPersistence
from pydantic_ai_harness.step_persistence import (
    ContinuableSnapshot,
    RunRecord,
    StepEvent,
    ToolEffectRecord,
)

from labwright.guard.secrets import Redactor
from labwright.ledger import Ledger


@dataclass
class Steps(StepPersistence[Any]):
    """Step persistence that hands the history over as it is.

    The harness copies all of it at each step, which is most of a long turn's CPU; `LedgerStepStore` copies what is new.
    """

    async def _save_snapshot(self, *, messages: list[ModelMessage], step_index: int, **about: Any) -> None:
        key = f"{self._snapshot_sequence}:{step_index}:{about.get('state', 'complete')}"
        self._snapshot_sequence += 1
        await self.store.save_snapshot(
            ContinuableSnapshot(
                messages=messages, step_index=step_index, timestamp=datetime.now(UTC), idempotency_key=key, **about
            )
        )
        self._last_snapshot_messages = _grown(self._last_snapshot_messages or [], messages)
        self._last_snapshot_step = step_index


class LedgerStepStore:
    """A `StepStore` of one session. Tool effects are in the ledger by `ToolLog`, with arguments and results."""

    def __init__(self, ledger: Ledger, session_id: str, redactor: Redactor) -> None:
        self._ledger = ledger
        self._session_id = session_id
        self._redactor = redactor
        self._written: list[ModelMessage] = []
        self._runs: dict[str, RunRecord] = {}

    def continue_from(self, messages: Sequence[ModelMessage]) -> None:
        """What is in the log already."""
        self._written = list(messages)

    async def save_snapshot(self, snapshot: ContinuableSnapshot) -> None:
        """Append what is new, and say whether the last step's calls are settled."""
        if snapshot.parent_run_id is None:
            self.write(snapshot.messages)

    def write(self, messages: Sequence[ModelMessage]) -> None:
        """Make these the session's messages: from the first that differs from what is in the log."""
        same = _common(self._written, messages)
        if same < len(messages) or same < len(self._written):
            encoded = [self._encode(message) for message in messages[same:]]
            self._ledger.append_messages(self._session_id, same, encoded)
            self._written = _grown(self._written, messages)

    def _encode(self, message: ModelMessage) -> bytes:
        body = ModelMessagesTypeAdapter.dump_json([message])[1:-1]
        text = body.decode()
        if self._redactor.redact(text) == text:
            return body
        return json.dumps(self._redactor.redact_json(json.loads(text)), ensure_ascii=False).encode()

    async def register_run(self, record: RunRecord) -> None:
        """Runs are of this process alone."""
        self._runs[record.run_id] = record

    async def get_run(self, *, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    async def list_runs(
        self, *, parent_run_id: str | None = None, conversation_id: str | None = None
    ) -> list[RunRecord]:
        found = (
            r
            for r in self._runs.values()
            if parent_run_id in (None, r.parent_run_id) and conversation_id in (None, r.conversation_id)
        )
        return sorted(found, key=lambda r: r.started_at)

    async def append_event(self, event: StepEvent) -> None:
        """The ledger has richer events of the same steps."""

    async def list_events(self, *, run_id: str) -> list[StepEvent]:
        del run_id
        return []

    async def latest_snapshot(self, *, run_id: str, include_interrupted: bool = False) -> ContinuableSnapshot | None:
        del run_id, include_interrupted
        return None

    async def record_tool_effect(self, record: ToolEffectRecord) -> None:
        """`ToolLog` has it."""

    async def get_tool_effect(self, *, run_id: str, tool_call_id: str) -> ToolEffectRecord | None:
        del run_id, tool_call_id
        return None

    async def list_unresolved_tool_effects(self, *, run_id: str) -> list[ToolEffectRecord]:
        del run_id
        return []


def decoded(encoded: Sequence[bytes]) -> list[ModelMessage]:
    """Messages as the log holds them. One that cannot be read, of a later version, is left out with all that follow."""
    messages: list[ModelMessage] = []
    for text in encoded:
        try:
            messages += ModelMessagesTypeAdapter.validate_json(b"[" + text + b"]")
        except ValidationError:
            break
    return messages


def _grown(old: list[ModelMessage], new: Sequence[ModelMessage]) -> list[ModelMessage]:
    """The new messages, copied where they differ from the old: one may still be changed where it came from."""
    same = _common(old, new)
    return [*old[:same], *deepcopy(list(new[same:]))]


def _common(old: Sequence[ModelMessage], new: Sequence[ModelMessage]) -> int:
    """How many messages at the start are the same."""
    for place, (before, now) in enumerate(zip(old, new, strict=False)):
        if before is not now and before != now:
            return place
    return min(len(old), len(new))
