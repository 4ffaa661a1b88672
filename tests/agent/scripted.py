"""Sessions of the real agent on a scripted model: a lab in a folder, a workspace, and tools that leave marks.

    bench = Bench(tmp_path)
    bench.turn("do it", script([call("touch", name="a")], "done"))     # an Outcome
    bench.marks                                                         # ["touch a"]: what had an effect, in order

Each `turn` builds everything anew from the ledger, as another process would. What a script says, one entry a request:
a text, a list of calls, an error to raise, or a function from the messages to one of these.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import Field
from pydantic_ai import Tool
from pydantic_ai.capabilities import AbstractCapability, Capability
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.native_tools import AbstractNativeTool
from pydantic_ai.toolsets import FunctionToolset
from pydantic_ai.usage import RequestUsage
from tests.toys.empty_ledger import place_ledger

from labwright.agent.deps import AskPerson, Deps
from labwright.agent.intern import Parts, build, compaction
from labwright.agent.plan import FilePlanStore
from labwright.agent.session import Outcome, Session
from labwright.agent.steps import LedgerStepStore, decoded
from labwright.agent.workspace import SandboxedBackend
from labwright.assemble import Lab
from labwright.compute import Sandbox
from labwright.config import Settings
from labwright.contracts.effects import Cost
from labwright.contracts.sessions import ApproveMode, SessionBudget, SessionView
from labwright.desk import LabDesk
from labwright.guard.approvals import Approvals
from labwright.guard.checkins import CheckIns
from labwright.guard.secrets import Redactor
from labwright.guard.spending import SpendingKeeper
from labwright.intern import open_session
from labwright.ledger import Ledger
from labwright.tools import Family

Says = str | list[ToolCallPart] | BaseException | Callable[[list[ModelMessage]], Any]


def call(tool: str, /, call_id: str | None = None, **args: Any) -> ToolCallPart:
    """A tool call; `raw="…"` sends arguments as they stand there."""
    return ToolCallPart(tool, args.get("raw", args), tool_call_id=call_id or f"c{uuid4().hex[:8]}")


@dataclass
class Script:
    """What the model says, and what it was asked."""

    says: Sequence[Says]
    usage: RequestUsage | None = None
    asked: list[list[ModelMessage]] = field(default_factory=list)
    infos: list[AgentInfo] = field(default_factory=list)

    def next(self, messages: list[ModelMessage], info: AgentInfo) -> str | list[ToolCallPart]:
        if len(self.asked) >= len(self.says):
            raise AssertionError(f"the script is over: {len(self.says)} replies, and asked once more")
        said = self.says[len(self.asked)]
        self.asked.append(list(messages))
        self.infos.append(info)
        while callable(said):
            said = said(messages)
        if isinstance(said, BaseException):
            raise said
        return said

    @property
    def model(self) -> FunctionModel:
        def whole(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            said = self.next(messages, info)
            parts = [TextPart(said)] if isinstance(said, str) else list(said)
            return ModelResponse(parts, usage=self.usage or _measured(messages, parts))

        async def streamed(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
            said = self.next(messages, info)
            if isinstance(said, str):
                for start in range(0, len(said), 4):
                    yield said[start : start + 4]
                return
            for index, part in enumerate(said):
                args = part.args if isinstance(part.args, str) else json.dumps(part.args)
                yield {index: DeltaToolCall(part.tool_name, args, tool_call_id=part.tool_call_id)}

        return _Scripted(whole, stream_function=streamed, model_name="scripted")

    @property
    def seen(self) -> str:
        """All that the model was ever shown, as one text."""
        return "\n".join(
            [*(str(m) for asked in self.asked for m in asked), *(str(info.instructions) for info in self.infos)]
        )


def _measured(messages: Sequence[ModelMessage], parts: Sequence[Any]) -> RequestUsage:
    given = sum(len(str(getattr(part, "content", ""))) for message in messages for part in message.parts)
    return RequestUsage(input_tokens=1 + given // 4, output_tokens=1 + len(str(parts)) // 4)


class _Scripted(FunctionModel):
    @classmethod
    def supported_native_tools(cls) -> frozenset[type[AbstractNativeTool]]:
        return frozenset()  # so that tools that are loaded on demand are found by our own search


def script(*says: Says) -> Script:
    return Script(says)


def returns(messages: Sequence[ModelMessage]) -> dict[str, str]:
    """What tools returned in these messages, by call id."""
    return {
        part.tool_call_id: part.model_response_str() if isinstance(part, ToolReturnPart) else part.model_response()
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, ToolReturnPart | RetryPromptPart)
    }


def prompts(messages: Sequence[ModelMessage]) -> list[str]:
    """What stands in the person's place in these messages, without what the harness adds to a request alone."""
    return [
        part.content
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart) and isinstance(part.content, str)
    ]


class Bench:
    """A lab, a session in it, and tools whose effects are lines of a file."""

    def __init__(
        self,
        folder: Path,
        *,
        approve: ApproveMode = "ask",
        budget: SessionBudget | None = None,
        environment: Mapping[str, str] | None = None,
        ledger: Ledger | None = None,
        session_id: str | None = None,
        worst_case: Callable[..., float | None] = lambda *_: None,
        price_of: Callable[..., float | None] = lambda _: None,
        context_window: int = 32_000,
        now: Callable[[], float] | None = None,
        extra: Sequence[AbstractCapability[Deps]] = (),
    ) -> None:
        self.folder = folder
        self.lab = lab_in(folder, environment=environment, ledger=ledger)
        self.workspace = folder / "workspace"
        self.ask_person: AskPerson | None = None
        self.ask_question: Callable[[str, Sequence[str]], Awaitable[str]] | None = None
        self.tools: list[Tool[Any]] = [*_tools(self.mark, folder)]
        self._worst_case, self._price_of, self._window = worst_case, price_of, context_window
        self._now, self._extra = now, extra
        self.session_id = session_id or open_session(
            self.lab, "the goal", model="local:stub", workspace=self.workspace, approve=approve,
            budget=budget or SessionBudget(),
        )  # fmt: skip

    # -- working -------------------------------------------------------------------------------------------------------

    def turn(self, text: str | None, script: Script, *, stream: bool = False, on_event: Any = None) -> Outcome:
        """One turn, in what might be another process."""

        async def go() -> Outcome:
            return await self.session(script).turn(text, on_event or (lambda _: None), stream=stream)

        return asyncio.run(go())

    def session(self, script: Script, model_id: str = "local:stub") -> Session:
        view, lab = self.view, self.lab
        folder = lab.home / "sessions" / view.id
        folder.mkdir(parents=True, exist_ok=True)
        redactor = Redactor(lab.settings.process_environment)
        clock = {} if self._now is None else {"now": self._now}
        self.deps = Deps(
            session_id=view.id,
            ledger=lab.ledger,
            desk=LabDesk(lab, self.workspace, session_id=view.id),
            workspace=self.workspace,
            approvals=Approvals(lab.ledger, **clock),
            spending=SpendingKeeper(lab.ledger, view.id, **clock),
            checkins=CheckIns(lab.ledger, view.id, view.approve, **clock),
            redactor=redactor,
            sandboxed=True,  # these tools have no other effect than marks in a temporary folder
            ask_person=self.ask_person,
            ask_question=self.ask_question,
        )
        store = LedgerStepStore(lab.ledger, view.id, redactor)
        self.plan = FilePlanStore(folder / "plan.json")
        parts = Parts(
            families={"extra": Family("extra", "more tools", "", FunctionToolset[Any]([self.later], id="extra"))},
            backend=SandboxedBackend(self.workspace, lab.sandbox),
            store=store,
            plan_store=self.plan,
            spill=folder / "results",
            approve=view.approve,
            worst_case=self._worst_case,
            price_of=self._price_of,
            context_window=self._window,
            extra=[Capability(id="marks", toolsets=[FunctionToolset[Any](self.tools, id="marks")]), *self._extra],
        )
        return Session(
            self.deps, build(parts), script.model, store,
            compaction=compaction(self._window), model_id=model_id, folder=folder,
        )  # fmt: skip

    @property
    def later(self) -> Tool[Any]:
        def later() -> str:
            """Is only there once its family is loaded."""
            return self.mark("later")

        return Tool(later, metadata={"effects": ("read",)})

    # -- looking -------------------------------------------------------------------------------------------------------

    def mark(self, text: str) -> str:
        return mark(self.folder, text)

    @property
    def marks(self) -> list[str]:
        path = self.folder / "marks"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def view(self) -> SessionView:
        return self.lab.ledger.session_view(self.session_id)

    @property
    def ledger(self) -> Ledger:
        return self.lab.ledger

    @property
    def log(self) -> list[ModelMessage]:
        return decoded(self.ledger.messages(self.session_id))

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(c.tool, c.outcome) for c in self.ledger.tool_calls(self.session_id)]

    @property
    def everything(self) -> str:
        """All bytes that the session has left behind: ledger, messages, results, workspace."""
        files = [p for p in (self.lab.home, self.workspace) for p in p.rglob("*") if p.is_file()]
        return "\n".join(p.read_bytes().decode("utf-8", "replace") for p in files)

    def answer(self, approval_id: str, decision: Any = "approved", **more: Any) -> None:
        """A person at another terminal."""
        Approvals(self.ledger).answer(approval_id, decision, by="someone", **more)


class _Settings(Settings):
    given: dict[str, str] = Field(default_factory=dict)

    @property
    def process_environment(self) -> dict[str, str]:
        return dict(self.given)


def killed(
    scenario: Callable[[Path, str], object], bench: Bench, when: str, and_once: Callable[[], bool] = lambda: True
) -> None:
    """Run a scenario in a process of its own, which gets a SIGKILL once `when` is among its marks and more holds.

    The scenario is a function of a module, of the lab's folder and the session's id. The server that forks the process
    has imported everything, which takes seconds, and has never opened a database.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.agent.scripted"])
    process = context.Process(target=scenario, args=(bench.folder, bench.session_id), daemon=True)
    process.start()
    until = time.monotonic() + 900
    try:
        while True:
            lives = process.is_alive()
            if when in bench.marks and and_once():
                break
            assert lives, f"the process ended before {when!r}"
            assert time.monotonic() < until, f"no {when!r} in time"
            time.sleep(0.005)
    finally:
        process.kill()
        process.join()


def lab_in(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    ledger: Ledger | None = None,
    base_url: str | None = None,
    researcher: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> Lab:
    """A lab in a folder, whose environment is this one and no other."""
    settled = _Settings(
        **dict(settings or {}),  # type: ignore[arg-type]
        home=place_ledger(folder / "home"),
        sandbox="off",
        base_url=base_url,
        researcher_model=researcher,
        given=dict(environment or {}),
    )
    return Lab(settled, ledger or Ledger.open(settled.database_url), Sandbox("off"))


def mark(folder: Path, text: str) -> str:
    """An effect: a line that is there at once, whatever happens to the process."""
    descriptor = os.open(folder / "marks", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)
    return f"did {text}"


def _tools(mark: Callable[[str], str], folder: Path) -> list[Tool[Any]]:
    def touch(name: str) -> str:
        """Leave a mark."""
        return mark(f"touch {name}")

    def look(file: str = "note.txt") -> Any:
        """Read a file, as text or JSON."""
        text = (folder / file).read_text()
        return json.loads(text) if file.endswith(".json") else text

    def publish(name: str) -> str:
        """Publish."""
        return mark(f"publish {name}")

    def spend(usd: float, on: str = "it") -> str:
        """Spend dollars."""
        return mark(f"spend {usd:g} on {on}")

    def undeclared() -> str:
        """Says nothing of what it does."""
        return mark("undeclared")

    def fail(how: str = "value") -> str:
        """Fail in some way."""
        mark(f"fail {how}")
        kinds = {"value": ValueError, "retry": ModelRetry, "failed": ToolFailed, "os": OSError}
        raise kinds[how](
            f"it went wrong: {(folder / 'note.txt').read_text() if (folder / 'note.txt').exists() else how}"
        )

    async def slow(seconds: float, name: str = "it") -> str:
        """Take long: a mark once the other calls of the same answer are through, and one at the end."""
        await asyncio.sleep(min(seconds, 1.0))
        mark(f"start {name}")
        await asyncio.sleep(seconds)
        return mark(f"end {name}")

    def structured(items: list[dict[str, int]], label: str = "") -> str:
        """Take arguments with a schema."""
        return mark(f"structured {len(items)} {label}".strip())

    def priced(args: Mapping[str, Any]) -> Cost:
        return Cost(usd=args["usd"])

    return [
        Tool(touch, metadata={"effects": ("write",)}, max_retries=5),
        Tool(look, metadata={"effects": ("read",)}, max_retries=5),
        Tool(publish, metadata={"effects": ("publish",)}, max_retries=5),
        Tool(spend, metadata={"effects": ("spend",), "cost": priced}, max_retries=5),
        Tool(undeclared, max_retries=5),
        Tool(fail, metadata={"effects": ("write",)}, max_retries=5),
        Tool(slow, metadata={"effects": ("write",)}, max_retries=5),
        Tool(structured, metadata={"effects": ("write",)}, max_retries=5),
    ]
