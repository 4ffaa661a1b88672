"""The session that a chat sits in: opened by the first message, left, taken up again, put on another model.

A model, a budget or a mode that is chosen before there is a session is kept until then.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from labwright.agent.models import ModelAccess, resolve_model
from labwright.agent.session import Session
from labwright.assemble import Lab
from labwright.contracts.errors import ModelError, UsageError
from labwright.contracts.sessions import ApproveMode, SessionAdjusted, SessionBudget, SessionView
from labwright.guard.spending import SpendingKeeper
from labwright.intern import Person, open_session, work_in


class Seat:
    """Holds at most one session. Enter and leave it in one task: its MCP servers belong to that task."""

    def __init__(
        self,
        lab: Lab,
        *,
        person: Person,
        say: Callable[[str], None],
        model: str | None,
        workspace: Path,
        approve: ApproveMode,
        budget: SessionBudget,
    ) -> None:
        self.lab = lab
        self._person = person
        self._say = say
        self._model = model
        self._workspace = workspace
        self._approve = approve
        self._budget = budget
        self._stack: AsyncExitStack | None = None
        self.session: Session | None = None
        self.session_id: str | None = None

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def model(self) -> str | None:
        """The model's id; None where none was chosen yet."""
        return self.session.model_id if self.session is not None else self._model

    @property
    def view(self) -> SessionView | None:
        """The session as it stands; None before the first message."""
        return self.lab.ledger.session_view(self.session_id) if self.session_id is not None else None

    @property
    def keeper(self) -> SpendingKeeper | None:
        """What the session may still spend."""
        return SpendingKeeper(self.lab.ledger, self.session_id) if self.session_id is not None else None

    @property
    def budget(self) -> SessionBudget:
        """The ceilings, of the session or of the one to come."""
        view = self.view
        return view.budget if view is not None else self._budget

    @property
    def workspace(self) -> Path:
        """Where it works."""
        view = self.view
        return Path(view.workspace) if view is not None else self._workspace.resolve()

    # -- sitting down and getting up -----------------------------------------------------------------------------------

    async def take(self, message: str) -> Session:
        """The session; the first message opens one, and is its goal.

        Raises:
            ModelError: no model was chosen, or it cannot be used.
        """
        if self.session is not None:
            return self.session
        if self._model is None:
            cure = "choose one: /model lists what can be used from here"
            raise ModelError("no model is chosen", cure=cure)
        resolve_model(self._model, ModelAccess.of(self.lab.settings))  # before a session that nobody can work in
        opened = open_session(
            self.lab, message, model=self._model, workspace=self._workspace, approve=self._approve, budget=self._budget
        )
        return await self._enter(opened, self._model)

    async def resume(self, session_id: str, model: str | None = None) -> Session:
        """Leave this session and sit down in another.

        Raises:
            UsageError: an unknown session, or its workspace is gone; the one before is kept.
            ModelError: its model cannot be used; the one before is kept.
        """
        view = self.lab.ledger.session_view(session_id)
        wanted = model or view.model
        resolve_model(wanted, ModelAccess.of(self.lab.settings))
        if not Path(view.workspace).is_dir():
            raise UsageError("the session's workspace is gone", where=view.workspace, cure="restore it, or start anew")
        await self.leave()
        return await self._enter(session_id, wanted)

    async def leave(self) -> None:
        """Get up. The session stays in the ledger."""
        self._model = self.model
        stack, self._stack = self._stack, None
        self.session = self.session_id = None
        if stack is not None:
            await stack.aclose()

    async def _enter(self, session_id: str, model: str) -> Session:
        stack = AsyncExitStack()
        entered = work_in(self.lab, session_id, person=self._person, say=self._say, model_id=model)
        self.session = await stack.enter_async_context(entered)
        self._stack, self.session_id = stack, session_id
        return self.session

    # -- changing it ---------------------------------------------------------------------------------------------------

    async def use(self, model: str) -> None:
        """Go on with another model; the history stays.

        Raises:
            ModelError: it cannot be used; the one before is kept.
        """
        if self.session_id is None:
            resolve_model(model, ModelAccess.of(self.lab.settings))
            self._model = model
            return
        settings = self.session.settings if self.session is not None else None
        session = await self.resume(self.session_id, model)
        if settings:
            session.settings = settings

    def allow(self, **ceilings: float | int | None) -> SessionBudget:
        """Set some of the ceilings: usd, wall_clock_s, tokens, steps. The budget as it then is."""
        budget = replace(self.budget, **ceilings)  # type: ignore[arg-type]
        if self.session_id is None:
            self._budget = budget
        else:
            self._adjust(SessionAdjusted(self.session_id, budget=budget, by=getpass.getuser()))
        return budget

    async def ask_when(self, mode: ApproveMode) -> None:
        """Change when the person is asked."""
        self._approve = mode
        if self.session_id is not None and self.model is not None:
            self._adjust(SessionAdjusted(self.session_id, approve=mode, by=getpass.getuser()))
            await self.use(self.model)

    def _adjust(self, adjusted: SessionAdjusted) -> None:
        self.lab.ledger.record(None, adjusted)
