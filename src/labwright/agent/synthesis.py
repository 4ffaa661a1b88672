"""LLMs that write and judge rows of synthetic data: the adapters of `RowWriter` and `RowJudge`.

Every request is reserved before it is sent and reconciled after it, first with the run's own purse and then with the
session's keeper where there is one, by the same capability that keeps the intern inside its budget.

All calls of a run share one event loop in a thread of its own, since a model's connections belong to the loop that
opened them; so writers and judges may be called from several threads.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, Field, JsonValue
from pydantic_ai import Agent, StructuredDict, ToolOutput
from pydantic_ai.exceptions import AgentRunError, UsageLimitExceeded, UserError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from labwright.agent import instructions
from labwright.agent.capabilities.spending import PriceOf, Spending, WorstCase
from labwright.agent.models import explain, price_of, worst_case
from labwright.agent.models.access import Role
from labwright.contracts.data import Judgement, Keeper, Made, ModelChoice
from labwright.contracts.errors import LabwrightError, ProviderError

NAME = "synthesis"
ModelOf = Callable[[Role, str | None], Model]
"""The model of a role: the one with this id, or where none is named the role's own."""
_REQUESTS = 3  # of one call: an answer that does not fit is asked for again
_T = TypeVar("_T")


class Verdict(BaseModel):
    """The judge's word."""

    reason: str = Field(description="what decided, in a sentence")
    score: float = Field(ge=0, le=1, description="how far the row meets the rubric")


@dataclass
class Synthesists:
    """Makes writers and judges for a run: `writer` and `judge` are what `Parts` takes. Close it at the end.

    `session` is the keeper of a session that pays, and `may_spend` what a person's agreement hangs on, such as the
    session's check-ins: called before each request, it raises where nobody has agreed.
    """

    model_of: ModelOf
    session: Keeper | None = None
    may_spend: Callable[[], None] = lambda: None
    worst_case: WorstCase = worst_case
    price_of: PriceOf = price_of
    _loop: _Loop = field(default_factory=lambda: _Loop(), init=False, repr=False)

    def writer(self, choice: ModelChoice, keeper: Keeper) -> LlmWriter:
        """A writer whose calls `keeper` has to agree to. Raises ModelError where its model cannot be used."""
        return LlmWriter(self._caller("main", choice, keeper), choice)

    def judge(self, choice: ModelChoice, keeper: Keeper) -> LlmJudge:
        """A judge whose calls `keeper` has to agree to. Raises ModelError where its model cannot be used."""
        return LlmJudge(self._caller("judge", choice, keeper), choice)

    def close(self) -> None:
        """Let the connections go."""
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _caller(self, role: Role, choice: ModelChoice, keeper: Keeper) -> _Caller:
        model = self.model_of(role, choice.model)
        keepers = (keeper,) if self.session is None else (keeper, self.session)
        accounts = _Accounts(_Together(keepers), _Agreement(self.may_spend))
        return _Caller(model, choice.model or model.model_name, accounts, self._loop, self.worst_case, self.price_of)


@dataclass(frozen=True, slots=True)
class LlmWriter:
    """Implements `RowWriter`."""

    caller: _Caller
    choice: ModelChoice

    @property
    def name(self) -> str:
        return self.caller.name

    def write(self, instruction: str, schema: Mapping[str, JsonValue], count: int, seed: int) -> Sequence[Made]:
        """Up to `count` rows, none of them checked. Raises ProviderError, BudgetError."""
        listed = {"type": "array", "items": _inlined(schema), "minItems": 1, "maxItems": count}
        rows = StructuredDict({"type": "object", "properties": {"rows": listed}, "required": ["rows"]}, name="rows")
        prompt = f"{instruction}\n\nWrite {count} row{'s' if count > 1 else ''}."
        output = ToolOutput(rows, name="hand_in", description="Hand in the rows.")
        answer = self.caller.ask("row-writer", prompt, output, _settings(self.choice, seed))
        found = answer.output.get("rows")
        made = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
        share = max(len(made), 1)
        usd = None if answer.usd is None else answer.usd / share
        tokens = [answer.tokens // share + (n < answer.tokens % share) for n in range(share)]
        return [Made(row, prompt, self.name, seed, usd, tokens[n]) for n, row in enumerate(made)]


@dataclass(frozen=True, slots=True)
class LlmJudge:
    """Implements `RowJudge`."""

    caller: _Caller
    choice: ModelChoice

    @property
    def name(self) -> str:
        return self.caller.name

    def judge(self, row: Mapping[str, JsonValue], rubric: str) -> Judgement:
        """A score with its reason. Raises ProviderError, BudgetError: a judge that fails gives no score."""
        mark = f"row {secrets.token_hex(8)}"  # what stands in the row cannot know it, so cannot close it
        text = json.dumps(row, ensure_ascii=False, indent=1)
        prompt = f"Rubric:\n{rubric.strip()}\n\n--- {mark}\n{text}\n--- {mark}"
        answer = self.caller.ask("row-judge", prompt, ToolOutput(Verdict, name="hand_in"), _settings(self.choice, None))
        verdict = answer.output
        return Judgement(verdict.score, " ".join(verdict.reason.split()), answer.usd, answer.tokens)


# -- one call ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Answer:
    output: Any
    usd: float | None
    tokens: int


@dataclass(frozen=True, slots=True)
class _Caller:
    """A model, and whose budget its calls are on."""

    model: Model
    name: str
    accounts: _Accounts
    loop: _Loop
    worst_case: WorstCase
    price_of: PriceOf

    def ask(self, told: str, prompt: str, output: ToolOutput[Any], settings: ModelSettings) -> _Answer:
        """Structured output for a prompt. Raises ProviderError, BudgetError."""
        return self.loop.run(self._ask(told, prompt, output, settings))

    async def _ask(self, told: str, prompt: str, output: ToolOutput[Any], settings: ModelSettings) -> _Answer:
        await self.loop.opened(self.model)
        agent = Agent[Any, Any](
            self.model,
            name=NAME,
            instructions=instructions.text(told),
            output_type=output,
            model_settings=settings,
            retries={"output": _REQUESTS - 1},
            capabilities=[Spending(self.worst_case, self.price_of, agent=NAME)],
        )
        try:
            result = await agent.run(prompt, deps=self.accounts, usage_limits=UsageLimits(request_limit=_REQUESTS))
        except UsageLimitExceeded as error:
            raise ProviderError(f"no answer fitted in {_REQUESTS} requests: {error}", where=self.name) from error
        except LabwrightError:
            raise
        except (AgentRunError, UserError, ExceptionGroup) as error:  # a fallback raises its models' errors as a group
            raise explain(error, self.name) from error
        prices = [self.price_of(m) for m in result.all_messages() if isinstance(m, ModelResponse)]
        known = [price for price in prices if price is not None]
        usage = result.usage
        tokens = usage.input_tokens + usage.output_tokens
        return _Answer(result.output, sum(known) if len(known) == len(prices) else None, tokens)


def _settings(choice: ModelChoice, seed: int | None) -> ModelSettings:
    settings = ModelSettings()
    if choice.max_tokens is not None:
        settings["max_tokens"] = choice.max_tokens
    if choice.temperature is not None:
        settings["temperature"] = choice.temperature
    if seed is not None:
        settings["seed"] = seed
    return settings


def _inlined(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema without `$defs`, which can stand at the top of a schema only."""
    definitions = schema.get("$defs")
    known = definitions if isinstance(definitions, dict) else {}

    def walk(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str):
            return walk(known[reference.removeprefix("#/$defs/")])
        return {name: walk(inner) for name, inner in value.items() if name != "$defs"}

    inlined = walk(dict(schema))
    assert isinstance(inlined, dict)
    return inlined


# -- whose budget ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Agreement:
    """What the spending capability asks before a request."""

    must_be_agreed: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Accounts:
    """What the spending capability needs of a session's `Deps`, for calls that belong to no session or to one."""

    spending: _Together
    checkins: _Agreement


@dataclass(frozen=True, slots=True)
class _Together:
    """Several keepers as one: all agree, or nothing is reserved with any."""

    keepers: Sequence[Keeper]

    def reserve(
        self, call_id: str, model: str, input_tokens: int, output_tokens: int, usd: float | None, *, agent: str = NAME
    ) -> None:
        """With all. Raises BudgetError."""
        for number, keeper in enumerate(self.keepers):
            try:
                keeper.reserve(call_id, model, input_tokens, output_tokens, usd, agent=agent)
            except LabwrightError:
                for earlier in self.keepers[:number]:
                    earlier.release(call_id, "another ceiling would be crossed")
                raise

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,
    ) -> None:
        """With all."""
        for keeper in self.keepers:
            keeper.reconcile(
                call_id,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                usd=usd,
                cache_read_tokens=cache_read_tokens,
            )

    def release(self, call_id: str, why: str = "") -> None:
        """With all."""
        for keeper in self.keepers:
            keeper.release(call_id, why)


# -- the loop ----------------------------------------------------------------------------------------------------------


class _Loop:
    """An event loop in a thread, started at the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stack = AsyncExitStack()
        self._opened: dict[int, Model] = {}

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Its result, or its error, here. A caller that is interrupted takes its call back."""
        call: Future[_T] = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return call.result()
        except BaseException:
            call.cancel()
            raise

    async def opened(self, model: Model) -> None:
        """The model's connections, once for all calls."""
        if id(model) not in self._opened:
            self._opened[id(model)] = model
            await self._stack.enter_async_context(model)

    def close(self) -> None:
        """End the loop; a second time does nothing."""
        with self._lock:
            loop, self._running = self._running, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._running is None:
                self._running = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._running.run_forever, name="synthesists", daemon=True)
                self._thread.start()
            return self._running
