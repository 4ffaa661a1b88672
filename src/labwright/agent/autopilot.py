"""The autopilot as a model: it decides by rules and speaks through the same tool calls as any LLM, offline and free.

It reads what is wanted out of the person's words (`grammar.py`), asks for what is missing, creates the study, lets the
engine's autopilot draft and judge in it, waits, and reports the referee's numbers. It keeps nothing between two
requests: everything is read from the conversation, so a session goes on in another process, or came from another model.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    FinishReason,
    ModelMessage,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.native_tools import AbstractNativeTool
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from labwright.agent import grammar
from labwright.agent.grammar import Field, Wanted
from labwright.study.drafting import data_names

NAME = "autopilot"
QUESTIONS: Mapping[Field, str] = {
    "goal": "What should the model learn to do? One sentence.",
    "base_model": "Which base model should be trained? A bundled name, a directory or a Hub id.",
    "benchmark": "Which directory holds the benchmark (with its benchmark.yaml)?",
    "data": "Which files should it be trained on? JSONL or Parquet; a path with spaces in quotation marks.",
    "wall_clock": "How much time may it take? For example 15m, or 2 hours.",
    "usd": "How many US dollars may it spend at most? For example $5, or none for no ceiling.",
    "runs": "How many training runs may it make at most? For example 12, or none for the usual number.",
}
HELP = (
    "I am the autopilot: I decide by rules, without an LLM. Tell me what a model should learn, and I run the study:\n\n"
    "    Teach MODEL to DO SOMETHING; benchmark DIRECTORY; data FILE.jsonl; 15 minutes\n\n"
    "or name a directory with a study.yaml: run the study in DIRECTORY."
)
_SEARCH = {"rungs": [12, 36], "trials": 4}
_RATES = [3e-4, 1e-3]
_PARAMS = {"lora": True, "batch_size": 16}
_TRIES = 3  # of one call that does not go through
_FAMILY_OF = {"ask_user": "ask"}


@dataclass(slots=True)
class _Call:
    """A tool call and what came of it."""

    tool: str
    args: Mapping[str, Any]
    outcome: str = "open"
    content: str = ""

    @property
    def document(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self.content)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class _GivenUp:
    """Words that end a turn in which nothing came of what was wanted."""

    words: str


_Step = ToolCallPart | TextPart | _GivenUp


@dataclass(slots=True)
class _Turn:
    """What was wanted and done since the last report."""

    wanted: Wanted = field(default_factory=Wanted)
    calls: list[_Call] = field(default_factory=list)

    def last(self, *tools: str, outcome: str = "") -> _Call | None:
        return next((c for c in reversed(self.calls) if c.tool in tools and outcome in ("", c.outcome)), None)

    def tries(self, tool: str) -> int:
        return sum(c.tool == tool and c.outcome != "success" for c in self.calls)


class AutopilotModel(Model):
    """A model that needs no server."""

    def __init__(self, *, wait_s: float = 300.0) -> None:
        # Then what the harness says in between comes as system parts, and user parts are the person's own words.
        super().__init__(profile=ModelProfile(supports_inline_system_prompts=True))
        self._wait_s = wait_s

    @property
    def model_name(self) -> str:
        """The id that the ledger shows."""
        return NAME

    @property
    def system(self) -> str:
        """The provider's name."""
        return "labwright"

    @classmethod
    def supported_native_tools(cls) -> frozenset[type[AbstractNativeTool]]:
        """None, so that families are loaded through their ordinary tools."""
        return frozenset()

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The next step."""
        _, params = self.prepare_request(model_settings, model_request_parameters)
        kinds = {tool.name: tool.tool_kind for tool in params.declared_function_tools}
        step = _Steps(_read(messages), frozenset(kinds), self._wait_s).next()
        part = TextPart(step.words) if isinstance(step, _GivenUp) else step
        if isinstance(part, ToolCallPart):  # a stream takes a completed part as it is: without its kind, nothing loads
            part = ToolCallPart.narrow_type(part, tool_kind=kinds.get(part.tool_name))
        return ModelResponse(
            [part],
            usage=RequestUsage(input_tokens=0, output_tokens=0),
            model_name=self.model_name,
            provider_name=self.system,
            finish_reason=_finish(step),
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The next step, as a stream of one piece."""
        del run_context
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The rules, in the order they are asked; the first with something to do wins."""

    turn: _Turn
    tools: frozenset[str]
    wait_s: float

    def next(self) -> _Step:
        """A tool call, or the words that end the turn."""
        created = self.turn.last("study_create", "study_import", outcome="success")
        if created is None:
            return self._create()
        study = str(created.document.get("study", ""))
        started = self.turn.last("study_run", outcome="success")
        if started is None:
            return self._call("study_run", {"study": study, "decide_by": "autopilot"})
        seen = self.turn.last("study_wait", outcome="success")
        if seen is None or seen.document.get("running"):
            return self._call("study_wait", {"study": study, "up_to_s": self.wait_s})
        if seen.document.get("state") in ("running", "created"):  # its process is gone
            restarts = sum(c.tool == "study_run" for c in self.turn.calls)
            if restarts < _TRIES and self.turn.calls[-1] is seen:
                return self._call("study_run", {"study": study, "decide_by": "autopilot"})
            if self.turn.calls[-1].tool == "study_run":
                return self._call("study_wait", {"study": study, "up_to_s": self.wait_s})
        reported = self.turn.last("study_report", outcome="success")
        if reported is None:
            return self._call("study_report", {"study": study})
        said = report(study, seen.document, reported.document)
        return _GivenUp(said) if seen.document.get("state") == "failed" else TextPart(said)

    def _create(self) -> _Step:
        wanted = self.turn.wanted
        if wanted.says_nothing and not self.turn.calls:
            return TextPart(HELP)
        if wanted.missing:
            return self._ask(wanted.missing[0])
        if wanted.study:
            ceiling = {"wall_clock_s": wanted.wall_clock_s} if wanted.wall_clock_s else {}
            return self._call("study_import", {"directory": wanted.study, **ceiling})
        vary: dict[str, Any] = {"learning_rate": _RATES}
        if len(wanted.data) > 1:
            vary["data"] = data_names([Path(file).stem for file in wanted.data])
        args = {
            "goal": wanted.goal,
            "base_model": wanted.base_model,
            "benchmark": wanted.benchmark,
            "data": list(wanted.data),
            "wall_clock": f"{wanted.wall_clock_s:.3f}".rstrip("0").rstrip(".") + "s",
            "params": _PARAMS,
            "search": {**_SEARCH, "vary": vary},
            **({"usd": wanted.usd} if wanted.usd is not None else {}),
            **({"runs": wanted.runs} if wanted.runs is not None else {}),
        }
        return self._call("study_create", args)

    def _ask(self, missing: Field) -> _Step:
        question = QUESTIONS[missing]
        asked = [c for c in self.turn.calls if c.tool == "ask_user" and c.args.get("question") == question]
        if len(asked) >= _TRIES or any(c.outcome in ("denied", "failed") for c in asked):
            return _GivenUp(f"Without an answer I cannot go on. {question}")
        if self._can_load("ask_user"):
            return self._call("ask_user", {"question": question})
        return TextPart(question)

    def _call(self, tool: str, args: Mapping[str, Any]) -> _Step:
        """The call, or what loads its tool; where it did not go through, the reason in words."""
        last = self.turn.last(tool)
        if last is not None and (last.outcome in ("failed", "denied") or self.turn.tries(tool) >= _TRIES):
            return _GivenUp(f"{tool} did not go through ({last.outcome}): {last.content}")
        if tool in self.tools:
            return _call(tool, args)
        if not self._can_load(tool):
            return _GivenUp(f"The tool {tool} is not there, so I cannot go on.")
        if "load_capability" in self.tools:
            return _call("load_capability", {"id": _FAMILY_OF.get(tool, "study")})
        return _call("search_tools", {"queries": [tool]})

    def _can_load(self, tool: str) -> bool:
        loads = [c for c in self.turn.calls if c.tool in ("load_capability", "search_tools")]
        return tool in self.tools or (
            bool({"load_capability", "search_tools"} & self.tools) and len(loads) < 2 * _TRIES
        )


def _finish(step: _Step) -> FinishReason:
    """How an answer ends; one that gives up is no answer that a script may take for success."""
    if isinstance(step, ToolCallPart):
        return "tool_call"
    return "error" if isinstance(step, _GivenUp) else "stop"


def _call(tool: str, args: Mapping[str, Any]) -> ToolCallPart:
    """A tool call with an id that no other call of any session has."""
    return ToolCallPart(tool, dict(args), tool_call_id=f"{NAME}-{uuid.uuid4().hex[:16]}")


# -- reading the conversation ------------------------------------------------------------------------------------------


def _read(messages: Sequence[ModelMessage]) -> _Turn:
    """The turn that the conversation is in. A report ends one; a question in words does not."""
    turn, calls = _Turn(), dict[str, _Call]()
    asked: Field | None = None
    for message in messages:
        if isinstance(message, ModelResponse):
            made = [part for part in message.parts if isinstance(part, ToolCallPart)]
            for call in made:
                calls[call.tool_call_id] = _Call(call.tool_name, _args(call))
                turn.calls.append(calls[call.tool_call_id])
            words = "".join(part.content for part in message.parts if isinstance(part, TextPart))
            asked = next((name for name, question in QUESTIONS.items() if words.endswith(question)), None)
            if not made and turn.last("study_create", "study_import") is not None:
                turn = _Turn()
            continue
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                text = _text(part)
                told = grammar.read_answer(asked, text, turn.wanted) if asked else grammar.read(text)
                turn.wanted = told if asked else grammar.merge(turn.wanted, told)
                asked = None
            elif isinstance(part, ToolReturnPart | RetryPromptPart):
                _settle(turn, calls.get(part.tool_call_id), part)
    return turn


def _settle(turn: _Turn, call: _Call | None, part: ToolReturnPart | RetryPromptPart) -> None:
    if call is None:
        return
    call.outcome = part.outcome if isinstance(part, ToolReturnPart) else "retried"
    call.content = (
        part.model_response_str(wrap_if_error=False) if isinstance(part, ToolReturnPart) else part.model_response()
    )
    if call.tool == "ask_user" and call.outcome == "success":
        about = next((name for name, question in QUESTIONS.items() if question == call.args.get("question")), None)
        if about is not None:
            turn.wanted = grammar.read_answer(about, call.content, turn.wanted)


def _args(part: ToolCallPart) -> Mapping[str, Any]:
    try:
        return part.args_as_dict()
    except ValueError:
        return {}


def _text(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content
    return "\n".join(piece for piece in part.content if isinstance(piece, str))


# -- the report --------------------------------------------------------------------------------------------------------


def report(study: str, status: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """What the study came to, in the referee's numbers."""
    verdict = document.get("verdict")
    headline = verdict.get("headline") if isinstance(verdict, dict) else None
    lines = [f"**{headline}**" if headline else f"Study {study} is {status.get('state')}.", ""]
    for split in ("dev", "test"):
        scores = document.get(split)
        for name, score in scores.items() if isinstance(scores, dict) else ():
            if isinstance(score, dict):
                lines.append(f"- {split}, {name.replace('_', '-')}: {_scored(score)}")
    ended = status.get("reason")
    lines += ["", *([f"- Why it ended: {ended}"] if ended else [])]
    for label, key in (("Boundary", "boundary"), ("Best model", "best_model"), ("Report", "report")):
        if document.get(key):
            lines.append(f"- {label}: {document[key]}")
    return "\n".join(lines).strip()


def _scored(score: Mapping[str, Any]) -> str:
    low, high = 100 * float(score["low"]), 100 * float(score["high"])
    return f"{100 * float(score['estimate']):.1f} % [{low:.1f}, {high:.1f}] on {score['items']} items"
