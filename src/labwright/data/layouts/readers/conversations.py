"""Conversations: all before the last answer is the prompt."""

from __future__ import annotations

from dataclasses import replace

from labwright.data.layouts.example import Example, check_turns, without_reasoning
from labwright.data.layouts.layout import Role
from labwright.data.layouts.readers.source import Source
from labwright.data.layouts.transcripts import read_transcript
from labwright.data.layouts.turns import Speaker, Turn, read_turns


def read_conversation(source: Source) -> Example:
    """Turns in a list. Raises Unfit."""
    column = source.name(Role.MESSAGES)
    turns, notes = read_turns(source.row.get(column), column)
    example = split_at_answer(source, turns, column)
    return replace(example, tools=source.tools(), notes=example.notes | notes)


def read_marked(source: Source) -> Example:
    """Turns in one string. Raises Unfit."""
    column = source.name(Role.TEXT)
    return split_at_answer(source, read_transcript(source.row.get(column), column), column)


def split_at_answer(source: Source, turns: tuple[Turn, ...], place: str) -> Example:
    """A conversation as prompt and last answer; one that ends with a question has no answer. Raises Unfit."""
    options = source.options
    if not options.keep_reasoning:
        turns = tuple(without_reasoning(turn) for turn in turns)
    answered = any(turn.speaker == "assistant" for turn in turns)
    last: Speaker | None = "assistant" if options.repair and answered else None
    checked = check_turns(turns, place, repair=options.repair, ends_with=last)
    whole = source.with_opening(checked.turns)
    if whole[-1].speaker != "assistant":
        missing = f"{place}[{len(turns) - 1}]: it ends with the {whole[-1].speaker}'s turn; no answer follows"
        return Example(whole, missing=missing, notes=checked.notes)
    answer = whole[-1]
    return Example(whole[:-1], (answer,), reference=answer.content or None, notes=checked.notes)
