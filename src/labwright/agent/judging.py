"""The judge's process: an LLM that scores outputs by a rubric, for the referee.

    python -m labwright.agent.judging        one question a line on stdin, one answer a line on stdout

The referee starts it with the judge's keys in its environment, and asks through the pipe; see referee/judging.py for
the lines. The model has no tools and hands in a score with a reason, nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.exceptions import AgentRunError, UsageLimitExceeded, UserError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from labwright.agent.models import explain, price_of, resolve_model
from labwright.agent.models.access import ModelAccess
from labwright.config import read_settings
from labwright.contracts.data import Judgement
from labwright.contracts.errors import LabwrightError, ModelError, ProviderError

_AT_ONCE = 4
_REQUESTS = 3  # of one judgement: an answer that is none is asked for again
_TOP = 10


class Verdict(BaseModel):
    """What the judge hands in."""

    reason: str = Field(description="one or two sentences: what decided", max_length=2000)
    score: int = Field(ge=0, le=_TOP, description="0 nothing of the rubric is met, 10 all of it")


@dataclass(frozen=True, slots=True)
class LlmJudge:
    """Judges with a model."""

    model: Model
    name: str

    async def judge(self, instructions: str, case: str) -> Judgement:
        """A score from 0 to 1. Raises ProviderError, ModelError where there is none."""
        agent = Agent[None, Verdict](
            self.model,
            name="judge",
            instructions=instructions,
            output_type=ToolOutput(Verdict, name="hand_in"),
            retries={"output": 2},
            model_settings=ModelSettings(temperature=0.0, max_tokens=1500),
        )
        try:
            done = await agent.run(case, usage_limits=UsageLimits(request_limit=_REQUESTS))
        except UsageLimitExceeded as error:
            raise ProviderError(f"it gave no score in {_REQUESTS} tries", where=self.name) from error
        except (AgentRunError, UserError, ExceptionGroup) as error:
            raise explain(error, self.name) from error
        prices = [price_of(m) for m in done.all_messages() if isinstance(m, ModelResponse)]
        usd = None if any(price is None for price in prices) else sum(price or 0.0 for price in prices)
        used = done.usage
        tokens = used.input_tokens + used.output_tokens
        return Judgement(done.output.score / _TOP, done.output.reason, usd, tokens)


async def serve(judge_of: Callable[[], LlmJudge], questions: IO[str], answers: IO[str]) -> None:
    """Answer every line, several at once, until there are no more. What goes wrong is an answer too, and no score."""
    gate, tasks = asyncio.Semaphore(_AT_ONCE), set[asyncio.Task[None]]()
    try:
        judge: LlmJudge | LabwrightError = judge_of()
    except LabwrightError as error:
        judge = error

    async def answer(question: dict[str, Any]) -> None:
        async with gate:
            try:
                if isinstance(judge, LabwrightError):
                    raise judge
                said = await judge.judge(question["instructions"], question["case"])
                reply = {"ok": True, "score": said.score, "reason": said.reason, "usd": said.usd, "tokens": said.tokens}
            except LabwrightError as error:
                reply = {"ok": False, "error": error.what, "type": type(error).__name__, "cure": error.cure}
        answers.write(json.dumps({"id": question["id"], **reply}) + "\n")
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
