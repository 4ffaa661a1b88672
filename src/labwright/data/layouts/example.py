"""The form between layouts and targets: what is asked, what is answered, and what would be worse.

Readers make an `Example` of a row, writers make a target's row of it. So seven readers and four writers do for all
twenty-eight conversions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import JsonValue

from labwright.data.layouts.turns import Speaker, Turn, Unfit

AnswerForm = Literal["letter", "text", "both"]
Form = Literal["auto", "text", "chat"]


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How rows are converted. The defaults change nothing that a trainer could take as it is."""

    system: str | None = None  # for rows without a system turn of their own
    template: str | None = None  # of the question: {question}, {context}, {choices} and any column
    answer: AnswerForm = "letter"  # to a question with options: B, the option's text, or `B. text`
    keep_reasoning: bool = True  # False: only the result of a worked answer; no <think>, no reasoning_content
    form: Form = "auto"  # of prompts and completions: plain text, or lists of turns; auto: as the source has it
    repair: bool = False  # joins neighbouring turns of one speaker, cuts what stands before the first question and
    # after the last answer; what was repaired is noted
    keep: tuple[str, ...] = ()  # columns that are carried over
    seed: int = 0  # of the options' order where the source has none, and of the wrong option in a pair


@dataclass(frozen=True, slots=True)
class Example:
    """A row, understood. `missing` says why there is no answer, or none to be learnt."""

    prompt: tuple[Turn, ...]
    answer: tuple[Turn, ...] = ()
    rejected: tuple[Turn, ...] = ()
    wanted: bool | None = None  # a person's verdict on `answer`; None: nobody was asked
    reference: str | None = None  # the result alone, to check an answer against
    tools: tuple[JsonValue, ...] = ()
    missing: str = ""
    notes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Checked:
    """A conversation whose turns are in order."""

    turns: tuple[Turn, ...]
    notes: frozenset[str]


def question(text: str, place: str) -> Turn:
    """A user's turn. Raises Unfit where it is empty."""
    if not text.strip():
        raise Unfit(place, "the question is empty")
    return Turn("user", text)


def answering(text: str, place: str) -> Turn:
    """An assistant's turn. Raises Unfit where it is empty."""
    if not text.strip():
        raise Unfit(place, "the answer is empty: there is nothing to learn")
    return Turn("assistant", text)


def check_turns(
    turns: tuple[Turn, ...],
    place: str,
    *,
    repair: bool,
    ends_with: Speaker | None = None,
    after: tuple[Turn, ...] = (),
) -> Checked:
    """Turns in the order that chat templates need: at most one system turn, first; then user and assistant in turn,
    tools' results after an assistant; `ends_with` at the end. `after` are checked turns that come before them.

    Raises:
        Unfit: they are not, and no repair was asked for or possible.
    """
    notes: set[str] = set()
    kept: list[Turn] = list(after)
    for number, turn in enumerate(turns):
        empty = not turn.content.strip() and not turn.fields.get("tool_calls")
        if empty and turn.speaker == "system":
            notes.add("an empty system turn is left out")
            continue
        if empty and turn.speaker != "tool":
            raise Unfit(f"{place}[{number}]", f"the {turn.speaker}'s turn is empty")
        before = kept[-1].speaker if kept else None
        trouble = _trouble(turn.speaker, before)
        if not trouble:
            kept.append(turn)
        elif repair and turn.speaker == before and len(kept) > len(after) and not (turn.fields or kept[-1].fields):
            kept[-1] = replace(kept[-1], content=f"{kept[-1].content}\n\n{turn.content}")
            notes.add(f"neighbouring turns of the {turn.speaker} were joined")
        elif repair and turn.speaker == "assistant" and before in (None, "system"):
            notes.add("an answer before the first question was cut")
        else:
            raise Unfit(f"{place}[{number}]", trouble)
    if ends_with is not None and repair and any(turn.speaker == ends_with for turn in kept[len(after) :]):
        while kept[-1].speaker != ends_with:
            kept.pop()
            notes.add(f"turns after the last of the {ends_with} were cut")
    if not any(turn.speaker == "user" for turn in kept):
        raise Unfit(place, "no user's turn")
    if ends_with is not None and kept[-1].speaker != ends_with:
        raise Unfit(f"{place}[{len(turns) - 1}]", f"it ends with the {kept[-1].speaker}'s turn, not the {ends_with}'s")
    return Checked(tuple(kept[len(after) :]), frozenset(notes))


def without_reasoning(turn: Turn) -> Turn:
    """A turn without reasoning_content and without a leading `<think>…</think>`."""
    fields = {key: value for key, value in turn.fields.items() if key != "reasoning_content"}
    content = turn.content
    if content.lstrip().startswith("<think>") and "</think>" in content:
        content = content.partition("</think>")[2].lstrip()
    return Turn(turn.speaker, content, fields)


def _trouble(speaker: Speaker, before: Speaker | None) -> str:
    if speaker == "system":
        return "" if before is None else "a system turn that is not the first"
    if speaker == "user":
        return "two user's turns in a row" if before == "user" else ""
    if speaker == "tool":
        return "" if before in ("assistant", "tool") else "a tool's result that no assistant asked for"
    if before in (None, "system"):
        return "an assistant's turn before the first question"
    return "two assistant's turns in a row" if before == "assistant" else ""
