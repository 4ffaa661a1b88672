"""The autopilot as a model: a real pydantic-ai agent with the real tools, from a prompt to a finished toy study."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent, ToolFailed
from pydantic_ai.capabilities import AbstractCapability, Capability
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, ToolApproved
from pydantic_ai.usage import UsageLimits
from tests.toys.toy_desk import toy_desk

from labwright.agent.autopilot import HELP, QUESTIONS, AutopilotModel
from labwright.contracts.errors import LabwrightError
from labwright.contracts.research import StudyState
from labwright.tools.desk import Desk
from labwright.tools.families import families

PROMPT = "Teach tiny to sort numbers; base model tiny; benchmark study/benchmark; data study/clean.jsonl; 100 minutes"
UNLIMITED = UsageLimits(request_limit=None)


@dataclass
class Deps:
    """What the tools need of a session here: a person who answers from a list, or nobody."""

    answers: list[str] | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def ask_question(self) -> Any:
        return None if self.answers is None else self._answer

    async def _answer(self, question: str, _options: Sequence[str]) -> str:
        self.asked.append(question)
        return (self.answers or []).pop(0)


@dataclass
class Advised(AbstractCapability[Deps]):
    """Errors of the lab are answers, as in the intern."""

    async def on_tool_execute_error(self, ctx: Any, *, call: Any, tool_def: Any, args: Any, error: Exception) -> Any:
        if isinstance(error, LabwrightError):
            raise ToolFailed(error.one_line()) from error
        raise error


def agent(desk: Desk) -> Agent[Deps, Any]:
    deferred = [
        Capability(id=f.id, description=f.description, instructions=f.instructions, toolsets=[f.toolset],
                   defer_loading=True)
        for f in families(desk).values()
    ]  # fmt: skip
    return Agent(
        AutopilotModel(wait_s=5), deps_type=Deps, output_type=[str, DeferredToolRequests],
        capabilities=[Advised(), *deferred], retries={"tools": 5, "output": 3},
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, tiny_model: Path) -> Iterator[Desk]:
    lab, made = toy_desk(tmp_path, tiny_model)
    yield made
    lab.ledger.close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[tuple[Desk, Any]]:
    """A desk at which the autopilot saw a study through, and the result of that run."""
    lab, made = toy_desk(tmp_path_factory.mktemp("told"), tiny_model)
    yield made, run(made, PROMPT)
    lab.ledger.close()


def calls(messages: Sequence[ModelMessage]) -> list[ToolCallPart]:
    return [
        part for m in messages if isinstance(m, ModelResponse) for part in m.parts if isinstance(part, ToolCallPart)
    ]


def run(desk: Desk, prompt: str | None, deps: Deps | None = None, **more: Any) -> Any:
    return asyncio.run(agent(desk).run(prompt, deps=deps or Deps(), usage_limits=UNLIMITED, **more))


def test_a_prompt_becomes_a_finished_study_and_a_report_in_the_referees_numbers(told: tuple[Desk, Any]) -> None:
    desk, result = told
    (study,) = desk.ledger.summaries()
    view = desk.ledger.study_view(study.id)
    assert view.state is StudyState.FINISHED and view.best is not None and view.best.subject != "base"
    score = view.evaluation(view.best.subject, view.best.style, "test")
    assert score is not None and f"test, best: {100 * score.score.estimate:.1f} %" in result.output
    assert view.spec.goal == "Teach tiny to sort numbers" and view.spec.budget.wall_clock == 6000

    made = calls(result.all_messages())
    tools = [call.tool_name for call in made]
    assert tools[:3] == ["load_capability", "study_create", "study_run"] and tools[-1] == "study_report"
    assert len({call.tool_call_id for call in made}) == len(made)
    assert result.usage.total_tokens == 0


def test_it_asks_for_what_is_missing_and_streams(desk: Desk) -> None:
    deps = Deps(["study/benchmark", "nothing but a quarter of an hour"])
    prompt = "Teach tiny to sort numbers; base model tiny; data study/nothing.jsonl"

    async def streamed() -> tuple[list[str], Any]:
        kinds, result = [], None
        async with agent(desk).run_stream_events(prompt, deps=deps, usage_limits=UNLIMITED) as events:
            async for event in events:
                kinds.append(type(event).__name__)
                result = event
        return kinds, result.result

    kinds, result = asyncio.run(streamed())
    assert deps.asked == [QUESTIONS["benchmark"], QUESTIONS["wall_clock"]]
    assert {"PartStartEvent", "FunctionToolCallEvent", "FunctionToolResultEvent"} <= set(kinds)
    assert "study_create did not go through (failed)" in result.output and "study/nothing.jsonl" in result.output
    assert result.response.finish_reason == "error"
    assert not desk.ledger.summaries()


def test_a_question_waits_for_its_answer_where_nobody_is_there(desk: Desk) -> None:
    prompt = PROMPT.replace("; 100 minutes", "").replace("clean", "nothing")
    waiting = run(desk, prompt)
    assert isinstance(waiting.output, DeferredToolRequests)
    (call,) = waiting.output.approvals
    asked = waiting.output.metadata[call.tool_call_id]["args"]
    answer = waiting.output.build_results(
        approvals={call.tool_call_id: ToolApproved(override_args={**asked, "answer": "2 hours"})}
    )
    history = ModelMessagesTypeAdapter.validate_json(waiting.all_messages_json())
    result = run(desk, None, message_history=history, deferred_tool_results=answer)
    created = next(c for c in calls(result.all_messages()) if c.tool_name == "study_create")
    assert created.args_as_dict()["wall_clock"] == "7200s"


def test_a_long_time_is_written_as_the_study_reads_it(desk: Desk) -> None:
    waiting = run(desk, PROMPT.replace("100 minutes", "14 days and 1 minute").replace("clean", "nothing"))
    (created,) = [c for c in calls(waiting.all_messages()) if c.tool_name == "study_create"]
    assert created.args_as_dict()["wall_clock"] == "1209660s"


def test_small_talk_is_answered_with_what_it_can_do(desk: Desk) -> None:
    assert run(desk, "say hi").output == HELP


def test_a_conversation_goes_on_in_another_process_without_a_second_study(told: tuple[Desk, Any]) -> None:
    desk, whole = told[0], told[1].all_messages()
    created = next(n for n, m in enumerate(whole) if any(c.tool_name == "study_run" for c in calls([m])))
    result = run(desk, None, message_history=whole[:created])
    assert len(desk.ledger.summaries()) == 1
    assert [c.tool_name for c in calls(result.new_messages())] == ["study_run", "study_wait", "study_report"]


def test_a_report_ends_the_turn_and_the_next_prompt_begins_another(told: tuple[Desk, Any]) -> None:
    desk, history = told[0], told[1].all_messages()
    assert isinstance(history[-1].parts[0], TextPart)
    result = run(desk, "run the study in missing", message_history=history)
    assert "study_import did not go through (failed)" in result.output
