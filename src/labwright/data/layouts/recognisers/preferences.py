"""Preferences: two answers of which one is better, or one answer and whether it is wanted."""

from __future__ import annotations

from pydantic import JsonValue

from labwright.data.layouts.columns import Column, Columns, is_text, is_verdict
from labwright.data.layouts.layout import Kind, Layout, roles_of
from labwright.data.layouts.recognisers import names
from labwright.data.layouts.transcripts import is_transcript
from labwright.data.layouts.turns import holds_turns

_PAIRS = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("chosen_answer", "rejected_answer"),
    ("preferred", "dispreferred"),
    ("preferred_response", "dispreferred_response"),
    ("preferred_output", "non_preferred_output"),
    ("accepted", "rejected"),
    ("better", "worse"),
    ("response_j", "response_k"),
)
_NUMBERED = (
    ("response_0", "response_1"),
    ("response_1", "response_2"),
    ("response_a", "response_b"),
    ("answer_a", "answer_b"),
    ("conversation_a", "conversation_b"),
    ("completion_a", "completion_b"),
)
_WINNER = ("better_response_id", "winner", "preference", "preferred", "label", "chosen", "better")
_VERDICTS = ("label", "labels", "desirable", "is_desirable", "kto_tag", "thumbs_up", "is_good", "accepted")
_PROMPTS = (*names.PROMPT, "conversations", "messages", "context", "history")


def recognise_preference(columns: Columns) -> Layout | None:
    """Chosen and rejected, with a prompt or with one that both begin with; or two answers and which is better."""
    for better, worse in _PAIRS:
        chosen, rejected = columns.find((better,), _is_answer), columns.find((worse,), _is_answer)
        if chosen is not None and rejected is not None:
            return _paired(columns, chosen, rejected)
    for left, right in _NUMBERED:
        first, second = columns.find((left,), _is_answer), columns.find((right,), _is_answer)
        winner = columns.find(_WINNER, lambda v: not isinstance(v, dict | list))
        if first is not None and second is not None and winner is not None:
            return _numbered(columns, first, second, winner)
    return None


def recognise_unpaired(columns: Columns) -> Layout | None:
    """An answer with a verdict on it."""
    label = columns.find(_VERDICTS, is_verdict)
    prompt = columns.find(names.PROMPT, _is_prompt)
    answer = columns.find(names.ANSWER, _is_answer)
    if label is None or prompt is None or answer is None or label.unseen or answer in (prompt, label):
        return None
    certain = label.mostly(lambda value: isinstance(value, bool))
    return Layout(
        Kind.UNPAIRED,
        roles_of(prompt=prompt.name, answer=answer.name, label=label.name, system=_system(columns)),
        (0.96 if certain else 0.88) * label.share(is_verdict),
        f"{label.name!r} says whether {answer.name!r} is wanted",
        chat=answer.mostly(holds_turns),
    )


def _paired(columns: Columns, chosen: Column, rejected: Column) -> Layout:
    prompt = columns.find(_PROMPTS, _is_prompt)
    turns = chosen.mostly(holds_turns)
    transcripts = not turns and chosen.mostly(is_transcript) and rejected.mostly(is_transcript)
    if transcripts:  # they hold the question themselves; a `prompt` beside them repeats it
        prompt = None
    variant = "transcript" if transcripts else "implicit prompt" if prompt is None else ""
    share = min(chosen.might_be(_is_answer, "char", "str", "list", "["), 1.0)
    why = f"{chosen.name!r} and {rejected.name!r} are two answers"
    return Layout(
        Kind.PREFERENCE,
        roles_of(
            prompt=prompt.name if prompt else None,
            chosen=chosen.name,
            rejected=rejected.name,
            system=_system(columns),
            tools=tools.name if (tools := columns.find(names.TOOLS)) else None,
        ),
        0.98 * share,
        f"{why}, {'both with their question' if prompt is None else f'{prompt.name!r} is their question'}",
        variant=variant,
        chat=turns or transcripts or (prompt is not None and prompt.mostly(holds_turns)),
    )


def _numbered(columns: Columns, first: Column, second: Column, winner: Column) -> Layout | None:
    prompt = columns.find(_PROMPTS, _is_prompt)
    turns = first.mostly(holds_turns)
    if prompt is None and not turns:
        return None
    return Layout(
        Kind.PREFERENCE,
        roles_of(
            prompt=prompt.name if prompt else None,
            choices=(first.name, second.name),
            label=winner.name,
            system=_system(columns),
        ),
        0.93,
        f"{winner.name!r} says which of {first.name!r} and {second.name!r} is better",
        variant="two answers",
        chat=turns or (prompt is not None and prompt.mostly(holds_turns)),
    )


def _system(columns: Columns) -> str | None:
    found = columns.find(names.SYSTEM, is_text)
    return found.name if found else None


def _is_answer(value: JsonValue) -> bool:
    return isinstance(value, str) or holds_turns(value)


def _is_prompt(value: JsonValue) -> bool:
    return isinstance(value, str) or holds_turns(value)
