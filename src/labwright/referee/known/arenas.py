"""Tasks whose outputs are held against a baseline's answers by a judge: Arena-Hard and AlpacaEval.

Arena-Hard keeps its questions and each model's answers in files of their own: `question.jsonl`, and with `--answers`
the baseline's `model_answer/MODEL.jsonl`. Li et al., 2024, arXiv 2406.11939; AlpacaEval: Dubois et al., 2024, arXiv
2404.04475.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.conversation import conversation
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layout import Layout
from labwright.referee.known.reading import Row, name_in, text

SCORER = ScorerSpec(kind="pairwise")
GENERATION = GenerationSpec(few_shot=0, max_new_tokens=2048, chat=True)


def _arena(row: Row) -> Question:
    """Version 2: a prompt, and messages of which the last is the baseline's answer."""
    messages = row.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return _compared(text(row, "prompt"), content.get("answer") if isinstance(content, dict) else content, row, "uid")


def _first_arena(row: Row) -> Question:
    """Version 0.1: turns, and the baseline's choices, each with its turns."""
    turns, choices = row.get("turns"), row.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    said = first.get("turns") if isinstance(first, dict) else None
    if not isinstance(turns, list) or len(turns) != 1 or not isinstance(said, list) or len(said) != 1:
        raise UnusableRowError("it has not exactly one turn")
    asked, answered = (each.get("content") if isinstance(each, dict) else each for each in (turns[0], said[0]))
    answer = answered.get("answer") if isinstance(answered, dict) else answered
    return _compared(conversation(asked), answer, row, "question_id")


def _alpaca(row: Row) -> Question:
    return _compared(text(row, "instruction"), row.get("output"), row, "id")


def _compared(prompt: str, baseline: JsonValue, row: Row, name: str) -> Question:
    if not isinstance(baseline, str) or not baseline.strip():
        raise UnusableRowError("there is no baseline's answer")
    return Question(prompt, baseline=baseline, name=name_in(row, name))


_NOTE = "each output is judged twice, in either order, against the baseline's answer; a length is not corrected for"

LAYOUTS: tuple[Layout, ...] = (
    Layout("arena-hard", ("uid", "prompt", "messages"), _arena, SCORER, GENERATION, metric="win rate", notes=(_NOTE,)),
    Layout(
        "arena-hard",
        ("question_id", "turns", "choices"),
        _first_arena,
        SCORER,
        GENERATION,
        metric="win rate",
        notes=(_NOTE,),
    ),
    Layout(
        "alpaca-eval",
        ("instruction", "output"),
        _alpaca,
        SCORER,
        GENERATION,
        names=re.compile("alpaca_?-?(farm_)?eval"),
        metric="win rate",
        notes=(_NOTE,),
    ),
)
