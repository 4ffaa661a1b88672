"""Puts the intern together from a lab: its session in the ledger, its model, its tools and its capabilities.

Apart from `assemble`, since it alone needs pydantic-ai: no study command loads this file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pydantic_ai
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model

from labwright.agent.agents_md import workspace_instructions
from labwright.agent.attaching import attach
from labwright.agent.capabilities.faults import Faults
from labwright.agent.capabilities.loopguard import LoopGuard
from labwright.agent.capabilities.redaction import Redaction
from labwright.agent.capabilities.spending import Spending
from labwright.agent.deps import AskPerson, Deps
from labwright.agent.intern import Parts, build, compaction
from labwright.agent.mcp import connected
from labwright.agent.models import Waiting, context_window, price_of, resolve_model, worst_case
from labwright.agent.models.access import ModelAccess
from labwright.agent.plan import FilePlanStore
from labwright.agent.researchers import research_agents
from labwright.agent.servers import read_servers
from labwright.agent.session import Session
from labwright.agent.skills import Playbooks
from labwright.agent.steps import LedgerStepStore
from labwright.agent.workspace import ContainerBackend, confine
from labwright.assemble import Lab
from labwright.contracts.errors import BudgetError, UsageError
from labwright.contracts.sessions import (
    ApproveMode,
    SessionBudget,
    SessionEnded,
    SessionOpened,
    SessionOutcome,
    SessionView,
)
from labwright.desk import LabDesk
from labwright.guard.approvals import Approvals
from labwright.guard.checkins import CheckIns
from labwright.guard.secrets import Redactor
from labwright.guard.spending import SpendingKeeper
from labwright.tools.families import families

AskQuestion = Callable[[str, Sequence[str]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Person:
    """Who is there to be asked; nobody, where both are None."""

    approve: AskPerson | None = None
    answer: AskQuestion | None = None


def open_session(
    lab: Lab, goal: str, *, model: str, workspace: Path, approve: ApproveMode, budget: SessionBudget
) -> str:
    """Enter a session into the ledger. Returns its id."""
    workspace.mkdir(parents=True, exist_ok=True)
    session_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:4]}"
    goal = Redactor(lab.settings.process_environment).redact(goal)
    opened = SessionOpened(session_id, goal, model, str(workspace.resolve()), approve, budget)
    lab.ledger.record(None, opened)
    return session_id


def session_folder(lab: Lab, session_id: str) -> Path:
    """Where a session keeps what is no event: its plan, long results, the logs of its MCP servers."""
    return lab.home / "sessions" / session_id


def plan_file(lab: Lab, session_id: str) -> Path:
    """Where a session's plan is."""
    return session_folder(lab, session_id) / "plan.json"


@asynccontextmanager
async def work_in(
    lab: Lab, session_id: str, *, person: Person, say: Callable[[str], None], model_id: str | None = None
) -> AsyncIterator[Session]:
    """A session ready for its next turn; its MCP servers run until the end.

    Raises:
        UsageError: an unknown session, or its workspace is gone.
        ModelError: the model cannot be used; the cure names the variable to set.
    """
    pydantic_ai.BANNER_ENABLED = False  # its own words about itself, on a person's terminal
    view = lab.ledger.session_view(session_id)
    model_id = model_id or view.model
    model = resolve_model(model_id, ModelAccess.of(lab.settings), on_wait=lambda waiting: say(_told(waiting)))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(model)
        yield await _session(lab, view, model, model_id, person, say, stack)


async def _session(
    lab: Lab,
    view: SessionView,
    model: Model,
    model_id: str,
    person: Person,
    say: Callable[[str], None],
    stack: AsyncExitStack,
) -> Session:
    workspace = Path(view.workspace)
    if not workspace.is_dir():
        raise UsageError("the session's workspace is gone", where=str(workspace), cure="restore it, or start anew")
    folder = session_folder(lab, view.id)
    folder.mkdir(parents=True, exist_ok=True)
    image = lab.settings.workspace_image if lab.settings.sandbox == "auto" else None
    confinement = await asyncio.to_thread(confine, workspace, lab.sandbox, hidden=(lab.home,), image=image)
    if isinstance(confinement.backend, ContainerBackend):
        stack.push_async_callback(confinement.backend.close)
    deps = _deps(lab, view, workspace, person, sandboxed=confinement.confined)
    if confinement.remark:
        say(confinement.remark)
    store = LedgerStepStore(lab.ledger, view.id, deps.redactor)
    tools = families(deps.desk)
    window = context_window(model)
    configured = read_servers(lab.home, workspace, lab.settings.process_environment)
    servers = await stack.enter_async_context(connected(configured, logs=folder, say=say))
    access = ModelAccess.of(lab.settings)
    researcher = resolve_model(access.researcher, access) if access.researcher else model
    shared = (Spending(worst_case, price_of, agent="researcher"), Faults(), Redaction(), LoopGuard())
    extra: list[AbstractCapability[Deps]] = [
        Playbooks(lab.home, workspace, say),
        research_agents(researcher, {n: f for n, f in tools.items() if n != "ask"}, shared=shared),  # nobody to ask
        *servers.capabilities,
    ]
    parts = Parts(
        families=tools,
        backend=confinement.backend,
        store=store,
        plan_store=FilePlanStore(plan_file(lab, view.id)),
        spill=folder / "results",
        approve=view.approve,
        worst_case=worst_case,
        price_of=price_of,
        context_window=window,
        extra=extra,
        say=workspace_instructions(workspace),
    )
    return Session(deps, build(parts), model, store, compaction=compaction(window), model_id=model_id, folder=folder)


def _deps(lab: Lab, view: SessionView, workspace: Path, person: Person, *, sandboxed: bool) -> Deps:
    return Deps(
        session_id=view.id,
        ledger=lab.ledger,
        desk=LabDesk(lab, workspace, session_id=view.id),
        workspace=workspace,
        approvals=Approvals(lab.ledger),
        spending=SpendingKeeper(lab.ledger, view.id),
        checkins=CheckIns(
            lab.ledger,
            view.id,
            view.approve,
            lab.settings.check_in_usd or None,
            lab.settings.check_in_tokens or None,
        ),
        redactor=Redactor(lab.settings.process_environment),
        sandboxed=sandboxed,
        ask_person=person.approve,
        ask_question=person.answer,
    )


@contextmanager
def accounted(lab: Lab, purpose: str, model: str, budget: SessionBudget) -> Iterator[Deps]:
    """A session without an agent, for a command that asks a model: what it takes is in the ledger, and has ceilings."""
    session_id = open_session(lab, purpose, model=model, workspace=Path.cwd(), approve="never", budget=budget)
    attach(lab.ledger, session_id, model)
    outcome: SessionOutcome = "failed"
    try:
        yield _deps(lab, lab.ledger.session_view(session_id), Path.cwd(), Person(), sandboxed=False)
        outcome = "done"
    except BudgetError:
        outcome = "budget"
        raise
    finally:
        lab.ledger.record(None, SessionEnded(session_id, outcome))


def paid(agent: str) -> list[AbstractCapability[Deps]]:
    """The capabilities under which a model is asked outside the intern: the budget and redaction."""
    return [Spending(worst_case, price_of, agent=agent), Redaction()]


def _told(waiting: Waiting) -> str:
    return f"{waiting.model}: {waiting.trouble}, asks again in {waiting.wait_s:.0f} s ({waiting.said})"
