"""The judge's process: an LLM that scores outputs by a rubric, for the referee.

    python -m labwright.agent.judging        one question a line on stdin, one answer a line on stdout

The referee starts it with the judge's keys in its environment, and asks through the pipe; the lines are those of
referee/judging/judge.py. The model has no tools and hands in a score with a reason, nothing else. What that may cost at
most is said before, and what it took is said after, also where there is no score: the referee books it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.exceptions import AgentRunError, UsageLimitExceeded, UserError
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from labwright.agent.capabilities.spending import Spending
from labwright.agent.models import explain, price_of, resolve_model, worst_case
from labwright.agent.models.access import ModelAccess
from labwright.config import read_settings
from labwright.contracts.errors import LabwrightError, ModelError, ProviderError

_AT_ONCE = 4
_REQUESTS = 3  # of one judgement: an answer that is none is asked for again
_OUTPUT_TOKENS = 1500  # of one request
_FORM_TOKENS = 600  # at most: the form to hand in, and what is said of an answer that is none
_BYTES_A_TOKEN = 3  # on the safe side: English has four, and no script has fewer
_TOP = 10


class Verdict(BaseModel):
    """What the judge hands in."""

    reason: str = Field(description="one or two sentences: what decided", max_length=2000)
    score: int = Field(ge=0, le=_TOP, description="from 0 to 10, as the instructions say")


@dataclass(slots=True)
class Tally:
    """Counts what one judgement takes, over its requests; a `Keeper` without a ceiling, since the referee has it."""

    usd: float | None = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    _held: dict[str, tuple[int, int]] = field(default_factory=dict)

    def reserve(
        self, call_id: str, model: str, input_tokens: int, output_tokens: int, usd: float | None, *, agent: str = ""
    ) -> None:
        """Keep the worst case."""
        del model, usd, agent
        self._held[call_id] = (input_tokens, output_tokens)

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,
    ) -> None:
        """Count the call; what nobody knows at its worst. One unpriced request leaves the whole without a price."""
        del cache_read_tokens
        given, taken = self._held.pop(call_id)
        self.input_tokens += given if input_tokens is None else input_tokens
        self.output_tokens += taken if output_tokens is None else output_tokens
        self.usd = None if self.usd is None or usd is None else self.usd + usd

    def release(self, call_id: str, why: str = "") -> None:
        """It cost nothing."""
        del why
        self._held.pop(call_id)

    def must_be_agreed(self) -> None:
        """Nobody is asked."""

    def told(self) -> dict[str, float | int | None]:
        """As the answer says it."""
        return {"usd": self.usd, "input_tokens": self.input_tokens, "output_tokens": self.output_tokens}


@dataclass(frozen=True, slots=True)
class _Deps:
    """What the spending capability needs of a session's `Deps`."""

    spending: Tally
    checkins: Tally


@dataclass(frozen=True, slots=True)
class LlmJudge:
    """Judges with a model."""

    model: Model
    name: str

    def most(self, instructions: str, case: str) -> tuple[int, int, float | None]:
        """Input tokens, output tokens and dollars of one judgement at most, None unpriced: no request is the last."""
        asked = len((instructions + case).encode()) // _BYTES_A_TOKEN + _FORM_TOKENS
        answered = sum(range(_REQUESTS)) * (_OUTPUT_TOKENS + _FORM_TOKENS)  # each request repeats what was said before
        given, taken = _REQUESTS * asked + answered, _REQUESTS * _OUTPUT_TOKENS
        return given, taken, worst_case(self.model, given, taken)

    async def judge(self, instructions: str, case: str, tally: Tally) -> Verdict:
        """What the model hands in; `tally` counts what it took. Raises ProviderError, ModelError where it does not."""
        agent = Agent[Any, Verdict](
            self.model,
            name="judge",
            instructions=instructions,
            output_type=ToolOutput(Verdict, name="hand_in"),
            retries={"output": 2},
            model_settings=ModelSettings(temperature=0.0, max_tokens=_OUTPUT_TOKENS),
            capabilities=[Spending(worst_case, price_of, agent="judge")],
        )
        try:
            limits = UsageLimits(request_limit=_REQUESTS)
            done = await agent.run(case, deps=_Deps(tally, tally), usage_limits=limits)
        except UsageLimitExceeded as error:
            raise ProviderError(f"it gave no score in {_REQUESTS} tries", where=self.name) from error
        except (AgentRunError, UserError, ExceptionGroup) as error:
            raise explain(error, self.name) from error
        return done.output


async def serve(judge_of: Callable[[], LlmJudge], questions: IO[str], answers: IO[str]) -> None:
    """Answer every line, several at once, until there are no more. What goes wrong is an answer too, and no score."""
    gate, tasks = asyncio.Semaphore(_AT_ONCE), set[asyncio.Task[None]]()
    try:
        judge: LlmJudge | LabwrightError = judge_of()
    except LabwrightError as error:
        judge = error

    async def answer(question: dict[str, Any]) -> None:
        instructions, case, tally = question["instructions"], question["case"], Tally()
        reply: dict[str, Any]
        try:
            if isinstance(judge, LabwrightError):
                raise judge
            if question["op"] == "most":
                tally.input_tokens, tally.output_tokens, tally.usd = judge.most(instructions, case)
                reply = {"ok": True}
            else:
                async with gate:
                    said = await judge.judge(instructions, case, tally)
                reply = {"ok": True, "score": said.score / _TOP, "reason": said.reason}
        except LabwrightError as error:
            reply = {"ok": False, "error": error.what, "type": type(error).__name__, "cure": error.cure}
        answers.write(json.dumps({"id": question["id"], **reply, **tally.told()}) + "\n")
        answers.flush()

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, questions.readline):
        task = asyncio.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


def _configured() -> LlmJudge:
    access = ModelAccess.of(read_settings())
    if access.judge is None:
        raise ModelError("no judge model is set", where="LABWRIGHT_JUDGE_MODEL", cure="set it to a model's id")
    return LlmJudge(resolve_model(access.judge, access), access.judge)


def main() -> None:
    """Serve the referee. Whatever a library prints goes to stderr: stdout is for answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asyncio.run(serve(_configured, sys.stdin, answers))


if __name__ == "__main__":
    main()
