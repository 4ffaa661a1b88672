"""Conversations that stand in one string, told apart by marks at the start of a turn.

`Human: … Assistant: …` is HH-RLHF's (Bai et al., 2022, arXiv 2204.05862), `### Human: … ### Assistant: …` Guanaco's,
`<|im_start|>user … <|im_end|>` ChatML, `[INST] … [/INST]` Llama 2's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.data.layouts.turns import SPEAKERS, Turn, Unfit


@dataclass(frozen=True, slots=True)
class Marks:
    """How one form marks a turn; the group is the speaker."""

    name: str
    turn: re.Pattern[str]
    end: str = ""


_FORMS = (
    Marks("chatml", re.compile(r"<\|im_start\|>\s*(system|user|assistant|tool)\s*\n"), "<|im_end|>"),
    Marks("hashes", re.compile(r"(?<!#)###\s*(System|Human|User|Instruction|Assistant|Response)\s*:[ \t]*")),
    Marks("lines", re.compile(r"(?:^|\n\n)(System|Human|User|Assistant)\s*:[ \t]*")),
)
_INST = re.compile(r"\[INST\](.*?)\[/INST\]", re.DOTALL)
_SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>\s*", re.DOTALL)
_NAMES = {"response": "assistant"}


def form_of(value: JsonValue) -> str | None:
    """The name of a transcript's form, where a text has turns of both sides."""
    if not isinstance(value, str):
        return None
    if "[INST]" in value and "[/INST]" in value:
        return "inst"
    for marks in _FORMS:
        speakers = {_speaker(match) for match in marks.turn.finditer(value)}
        if {"user", "assistant"} <= speakers and (marks.turn.match(value.lstrip()) or marks.turn.match(value)):
            return marks.name
    return None


def is_transcript(value: JsonValue) -> bool:
    return form_of(value) is not None


def read_transcript(value: JsonValue, place: str) -> tuple[Turn, ...]:
    """Its turns, without the space around them.

    Raises:
        Unfit: there are no turns of both sides.
    """
    form = form_of(value)
    if form is None or not isinstance(value, str):
        raise Unfit(place, "no turns of both sides are marked in it (Human:/Assistant:, ###, ChatML, [INST])")
    if form == "inst":
        return _inst(value)
    marks = next(marks for marks in _FORMS if marks.name == form)
    matches = list(marks.turn.finditer(value))
    ends = [match.start() for match in matches[1:]] + [len(value)]
    turns = []
    for match, end in zip(matches, ends, strict=True):
        text = value[match.end() : end].strip()
        if marks.end:
            text = text.partition(marks.end)[0].strip()
        turns.append(Turn(SPEAKERS[_speaker(match)], text))
    return tuple(turns)


def _speaker(match: re.Match[str]) -> str:
    name = match.group(1).lower()
    return SPEAKERS[_NAMES.get(name, name)]


def _inst(value: str) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    matches = list(_INST.finditer(value))
    ends = [match.start() for match in matches[1:]] + [len(value)]
    for match, end in zip(matches, ends, strict=True):
        question = match.group(1)
        system = _SYS.match(question)
        if system is not None and not turns:
            turns.append(Turn("system", system.group(1).strip()))
            question = question[system.end() :]
        turns.append(Turn("user", question.strip()))
        answer = value[match.end() : end].replace("<s>", "").replace("</s>", "").strip()
        if answer:
            turns.append(Turn("assistant", answer))
    return tuple(turns)
