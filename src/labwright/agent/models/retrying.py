"""Calls that failed for a reason that passes are made again, on a schedule of our own and nobody else's.

A rate limit waits as long as the provider says, else 30 and 60 s; a passing failure 1, 4 and 15 s. Quota, keys,
overflow and rejected requests are not tried again. A stream is only opened anew while nothing of it has been given out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from labwright.agent.models.errors import Trouble, classify

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to wait before each new try, by the kind of trouble. A longer wait than `longest_s` is not waited."""

    rate_limit_s: tuple[float, ...] = (30.0, 60.0)
    transient_s: tuple[float, ...] = (1.0, 4.0, 15.0)
    longest_s: float = 300.0

    def wait_s(self, error: ModelAPIError, tries: int) -> float | None:
        """The wait after this many failures of the error's kind before it; None: do not try again."""
        trouble = classify(error)
        waits = {"rate-limit": self.rate_limit_s, "transient": self.transient_s}.get(trouble, ())
        if tries >= len(waits):
            return None
        wait = error.retry_after if error.retry_after is not None else waits[tries]
        return wait if wait <= self.longest_s else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wait that begins now, for whoever watches."""

    model: str
    trouble: Trouble
    wait_s: float
    said: str


OnWait = Callable[[Waiting], None]


class RetryingModel(WrapperModel):
    """A model whose calls are made again by the schedule. `sleep` is handed in so that tests need not wait."""

    def __init__(
        self, wrapped: Model, *, schedule: Schedule | None = None, sleep: Sleep = asyncio.sleep,
        on_wait: OnWait | None = None,
    ) -> None:  # fmt: skip
        super().__init__(wrapped)
        self._schedule = schedule or Schedule()
        self._sleep = sleep
        self._on_wait = on_wait

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        failures = _Failures(self)
        while True:
            try:
                return await self.wrapped.request(messages, model_settings, model_request_parameters)
            except ModelAPIError as error:
                await failures.wait_or_raise(error)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        failures = _Failures(self)
        async with AsyncExitStack() as opened:
            while True:
                opening = self.wrapped.request_stream(messages, model_settings, model_request_parameters, run_context)
                try:
                    stream = await opened.enter_async_context(opening)
                    break
                except ModelAPIError as error:
                    await failures.wait_or_raise(error)
            yield stream

    async def pause(self, error: ModelAPIError, tries: int) -> bool:
        """Wait as the schedule says; False where it says not to try again."""
        wait_s = self._schedule.wait_s(error, tries)
        if wait_s is None:
            return False
        if self._on_wait is not None:
            self._on_wait(Waiting(self.wrapped.model_name, classify(error), wait_s, str(error)[:300]))
        await self._sleep(wait_s)
        return True


class _Failures:
    """How often each kind of trouble came up in one call."""

    def __init__(self, model: RetryingModel) -> None:
        self._model = model
        self._seen: dict[Trouble, int] = {}

    async def wait_or_raise(self, error: ModelAPIError) -> None:
        trouble = classify(error)
        tries = self._seen.get(trouble, 0)
        if not await self._model.pause(error, tries):
            raise error
        self._seen[trouble] = tries + 1
