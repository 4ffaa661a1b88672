"""The intern's sessions: what happens in one, as typed events, and how one stands, as views.

A session is one goal given to an agent, over as many processes and models as it takes. Its events join the union in
`contracts/events.py`; each names its session, and the ledger finds them by it. (`SessionStarted` in events.py is
something else: a process that took a *study* up.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from labwright.contracts.effects import Cost, Effect
from labwright.contracts.processes import ProcessMark

ApproveMode = Literal["ask", "auto", "never"]
SessionState = Literal["opened", "running", "suspended", "ended"]
SessionOutcome = Literal["done", "failed", "budget", "interrupted"]
ToolOutcome = Literal["success", "failed", "denied", "unknown"]
Decision = Literal["approved", "denied", "expired"]
ApprovalState = Literal["open", "approved", "denied", "expired"]

MAIN_AGENT = "main"
"""The `agent` of a session's own model calls. Those of sub-agents carry the sub-agent's name, and are no steps."""
JUDGE_SESSION = "judge-"
"""Before a study's id, or an evaluation's outside any study: the session that the judge's calls are booked in."""


@dataclass(frozen=True, slots=True)
class SessionBudget:
    """A session's ceilings; None is no ceiling. Tokens are input plus output, steps are calls of the main agent."""

    usd: float | None = None
    wall_clock_s: float | None = None
    tokens: int | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A question put to a person before an effect, and its answer once there is one."""

    id: str  # short enough to type: A12
    session_id: str
    call_id: str
    tool: str
    effects: tuple[Effect, ...]  # empty where the tool declares none
    args: Mapping[str, JsonValue]  # as the model gave them
    what: str  # one line
    preview: str  # the diff or the script
    cost: Cost
    budget_left: str
    asked_at: float
    expires_at: float | None = None
    state: ApprovalState = "open"
    answered_at: float | None = None
    by: str = ""
    why: str = ""
    edited_args: Mapping[str, JsonValue] | None = None  # as the person changed them
    schema: Mapping[str, JsonValue] | None = None  # JSON Schema of the arguments: any terminal can check an edit

    @property
    def final_args(self) -> Mapping[str, JsonValue]:
        """What the tool is to run with once this is approved."""
        return self.args if self.edited_args is None else self.edited_args


# Events


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A person gave a goal."""

    session_id: str
    goal: str
    model: str
    workspace: str
    approve: ApproveMode
    budget: SessionBudget
    kind: Literal["session_opened"] = "session_opened"


@dataclass(frozen=True, slots=True)
class SessionAttached:
    """A process took the session up, also to resume it or to change its model.

    The time from here to `SessionSuspended` or `SessionEnded` counts as the session's wall-clock; after a kill, or
    where this comes again, the time to the last event before. So nobody is charged for a night in between.
    """

    session_id: str
    pid: int
    model: str
    host: str = ""  # the rest of a `ProcessMark`
    boot: str = ""
    ticks: int = 0
    kind: Literal["session_attached"] = "session_attached"


@dataclass(frozen=True, slots=True)
class SessionAdjusted:
    """A person changed the session's ceilings, or when it asks. What is None stays as it was."""

    session_id: str
    budget: SessionBudget | None = None
    approve: ApproveMode | None = None
    by: str = ""
    kind: Literal["session_adjusted"] = "session_adjusted"


@dataclass(frozen=True, slots=True)
class UserSaid:
    """The person's own words, so that no compaction loses them."""

    session_id: str
    text: str
    kind: Literal["user_said"] = "user_said"


@dataclass(frozen=True, slots=True)
class StudyLinked:
    """The session created this study: what the study spends counts on the session's budget."""

    session_id: str
    study_id: str
    kind: Literal["study_linked"] = "study_linked"


@dataclass(frozen=True, slots=True)
class LlmReserved:
    """Before a model call: the most that it can take. `usd` None is an unknown price."""

    session_id: str
    call_id: str
    model: str
    input_tokens: int
    output_tokens: int
    usd: float | None
    agent: str = MAIN_AGENT
    kind: Literal["llm_reserved"] = "llm_reserved"


@dataclass(frozen=True, slots=True)
class LlmReconciled:
    """After a model call: what it took. `usd` None is an unknown price; cached tokens are among the input tokens."""

    session_id: str
    call_id: str
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    usd: float | None
    kind: Literal["llm_reconciled"] = "llm_reconciled"


@dataclass(frozen=True, slots=True)
class LlmReleased:
    """A model call did not happen, or cost nothing."""

    session_id: str
    call_id: str
    why: str = ""
    kind: Literal["llm_released"] = "llm_released"


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """In the ledger before the tool runs, so that a kill leaves no effect without a trace."""

    session_id: str
    run_id: str
    call_id: str
    tool: str
    effects: tuple[Effect, ...]
    args: Mapping[str, JsonValue]
    kind: Literal["tool_started"] = "tool_started"


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool call ended. `unknown`: the process died in it, and its effect may or may not have happened."""

    session_id: str
    run_id: str
    call_id: str
    outcome: ToolOutcome
    result: str = ""  # the first 4000 characters, redacted
    kind: Literal["tool_ended"] = "tool_ended"


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A question was put to a person."""

    session_id: str
    approval: Approval
    kind: Literal["approval_asked"] = "approval_asked"


@dataclass(frozen=True, slots=True)
class ApprovalAnswered:
    """A question was answered, or nobody answered it in time. `args` are those the person put in the model's place."""

    session_id: str
    approval_id: str
    decision: Decision
    by: str
    why: str = ""
    args: Mapping[str, JsonValue] | None = None
    kind: Literal["approval_answered"] = "approval_answered"


@dataclass(frozen=True, slots=True)
class SessionSuspended:
    """The session waits, with nobody at work in it; its time stands still."""

    session_id: str
    reason: str
    kind: Literal["session_suspended"] = "session_suspended"


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session's process finished. It can be taken up again all the same."""

    session_id: str
    outcome: SessionOutcome
    text: str = ""
    kind: Literal["session_ended"] = "session_ended"


SessionEvent = (
    SessionOpened
    | SessionAttached
    | SessionAdjusted
    | UserSaid
    | StudyLinked
    | LlmReserved
    | LlmReconciled
    | LlmReleased
    | ToolStarted
    | ToolEnded
    | ApprovalAsked
    | ApprovalAnswered
    | SessionSuspended
    | SessionEnded
)
"""Any event of a session; also what `isinstance` takes."""


# Views


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What a session's model calls took and hold: of the main agent and of all sub-agents.

    Dollars are those of priced calls only; `unpriced_calls` says how many more there were.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0  # among the input tokens
    output_tokens: int = 0
    usd: float = 0.0
    unpriced_calls: int = 0
    calls: int = 0
    steps: int = 0  # of the calls, those of the main agent
    reserved_tokens: int = 0
    reserved_usd: float = 0.0
    reserved_steps: int = 0
    reserved_unpriced_calls: int = 0
    unpriced_tokens: int = 0  # of the unpriced calls, also of those that are reserved, and of the studies'
    studies_usd: float = 0.0  # spent by the studies that the session created; their judges' reservations count too
    studies_tokens: int = 0  # of their judges, also those that are reserved
    studies_unpriced_calls: int = 0

    @property
    def tokens(self) -> int:
        """Input plus output, without what is reserved."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class SessionAccount:
    """A session's ceilings against what it took so far."""

    session_id: str
    budget: SessionBudget
    usage: TokenUsage
    wall_clock_s: float


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One model call. While it is reserved, its numbers are the worst case."""

    call_id: str
    model: str
    agent: str
    state: Literal["reserved", "reconciled", "released"]
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    usd: float | None
    at: float


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call. `outcome` None: it was started, and nothing is known of its end."""

    run_id: str
    call_id: str
    tool: str
    effects: tuple[Effect, ...]
    args: Mapping[str, JsonValue]
    started_at: float
    ended_at: float | None
    outcome: ToolOutcome | None
    result: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as it stands."""

    id: str
    goal: str
    model: str  # the newest
    workspace: str
    approve: ApproveMode
    budget: SessionBudget
    state: SessionState
    reason: str  # why it is suspended, or the last words
    outcome: SessionOutcome | None
    process: ProcessMark | None  # that took it up last
    opened_at: float
    last_at: float  # of its newest event
    ended_at: float | None
    wall_clock_s: float
    usage: TokenUsage
    approvals: tuple[Approval, ...]  # all, oldest first
    studies: tuple[str, ...]  # ids
    said: tuple[str, ...]  # every message of the person, oldest first

    @property
    def open_approvals(self) -> tuple[Approval, ...]:
        """Those nobody has answered."""
        return tuple(approval for approval in self.approvals if approval.state == "open")

    @property
    def account(self) -> SessionAccount:
        """Its budget side."""
        return SessionAccount(self.id, self.budget, self.usage, self.wall_clock_s)


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A line of `sessions list`."""

    id: str
    goal: str
    model: str
    workspace: str
    state: SessionState
    outcome: SessionOutcome | None
    opened_at: float
    last_at: float
    tokens: int
    usd: float
    unpriced_calls: int
    open_approvals: int
    process: ProcessMark | None = None  # that took it up last
