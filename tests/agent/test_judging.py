"""The judge's process: a model that hands in a score, or an error that is no score."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Sequence
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from labwright.agent.judging import LlmJudge, serve
from labwright.contracts.errors import ModelError


def answers(
    *handed: dict[str, Any] | None, questions: Sequence[str] = ("what?",), op: str = "judge"
) -> list[dict[str, Any]]:
    """What the process answers, where the model hands in these one after another; None is plain text."""
    left = list(handed)

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        said = left.pop(0) if len(left) > 1 else left[0]
        assert info.instructions == "how"
        if said is None:
            return ModelResponse([TextPart("I would say seven")])
        return ModelResponse([ToolCallPart(info.output_tools[0].name, said)])

    lines = "".join(
        json.dumps({"id": n, "op": op, "instructions": "how", "case": case}) + "\n" for n, case in enumerate(questions)
    )
    out = io.StringIO()
    asyncio.run(serve(lambda: LlmJudge(FunctionModel(model), "some:model"), io.StringIO(lines), out))
    return sorted((json.loads(line) for line in out.getvalue().splitlines()), key=lambda reply: reply["id"])


def test_the_score_is_a_share_and_the_reason_comes_along() -> None:
    (reply,) = answers({"score": 7, "reason": "mostly"})
    assert (reply["ok"], reply["score"], reply["reason"]) == (True, 0.7, "mostly")
    assert min(reply["input_tokens"], reply["output_tokens"]) > 0
    assert reply["usd"] is None  # nobody knows what this model costs


def test_every_question_is_answered_under_its_own_number() -> None:
    replies = answers({"score": 10, "reason": "all"}, questions=[f"case {n}" for n in range(9)])
    assert [reply["id"] for reply in replies] == list(range(9))
    assert all(reply["ok"] for reply in replies)


def test_a_judge_that_hands_in_nonsense_is_asked_again() -> None:
    (reply,) = answers({"score": 11, "reason": "!"}, None, {"score": 2, "reason": "well"})
    assert reply["score"] == 0.2


def test_a_judge_that_never_hands_in_a_score_gives_an_error_and_no_score() -> None:
    (reply,) = answers(None)
    assert not reply["ok"]
    assert "score" not in reply
    assert reply["type"] == "ProviderError"
    (once,) = answers({"score": 7, "reason": "mostly"})
    assert reply["input_tokens"] > 2 * once["input_tokens"]  # what it took is told all the same


def test_what_a_judgement_takes_at_most_is_more_than_it_takes() -> None:
    case = "Wie heißt das? 何ですか。" * 40
    (most,) = answers({}, questions=[case], op="most")
    (took,) = answers(None, questions=[case])
    assert most["ok"]
    assert most["usd"] is None
    assert most["input_tokens"] > took["input_tokens"]
    assert most["output_tokens"] == 4500


def test_a_judge_that_cannot_be_made_answers_so_every_time() -> None:
    def nobody() -> LlmJudge:
        raise ModelError("no key is set", cure="set it")

    out = io.StringIO()
    line = json.dumps({"id": 3, "op": "most", "instructions": "how", "case": "what"}) + "\n"
    asyncio.run(serve(nobody, io.StringIO(line), out))
    assert json.loads(out.getvalue()) == {
        "id": 3, "ok": False, "error": "no key is set", "type": "ModelError", "cure": "set it",
        "usd": 0.0, "input_tokens": 0, "output_tokens": 0,
    }  # fmt: skip
