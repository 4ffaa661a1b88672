"""Strings side by side, worked answers, and labelled texts."""

from __future__ import annotations

from pydantic import JsonValue

from labwright.data.layouts.example import Example, answering, check_turns, without_reasoning
from labwright.data.layouts.layout import Kind, Role
from labwright.data.layouts.readers.source import Source, scalar
from labwright.data.layouts.turns import Turn, Unfit, kind_of, read_turns, turns_in
from labwright.data.layouts.worked import result_of


def read_pair(source: Source) -> Example:
    """A question and its answer, with whatever stands beside them. Raises Unfit."""
    prompt, notes = _prompt(source)
    column = source.name(Role.ANSWER)
    value = source.row.get(column)
    turns: tuple[Turn, ...]
    if source.layout.variant != "squad" and (listed := _listed(value)) is not None:
        turns, more = read_turns(listed, column)
        notes |= more
    else:
        turns = (answering(_answer_text(value, column), column),)
    reasoning = source.text_or_none(Role.REASONING)
    if reasoning and not turns[0].fields:
        turns = (Turn(turns[0].speaker, turns[0].content, {"reasoning_content": reasoning}), *turns[1:])
    if not source.options.keep_reasoning:
        turns = tuple(without_reasoning(turn) for turn in turns)
    repair = source.options.repair
    asked = check_turns(prompt, source.name(Role.PROMPT), repair=repair)
    answered = check_turns(turns, column, repair=repair, ends_with="assistant", after=asked.turns)
    if answered.turns[0].speaker != "assistant":
        raise Unfit(f"{column}[0]", f"the answer begins with the {answered.turns[0].speaker}'s turn")
    return Example(
        asked.turns,
        answered.turns,
        reference=answered.turns[-1].content or None,
        tools=source.tools(),
        notes=notes | asked.notes | answered.notes,
    )


def read_prompt(source: Source) -> Example:
    """A question alone. Raises Unfit."""
    prompt, notes = _prompt(source)
    checked = check_turns(prompt, source.name(Role.PROMPT), repair=source.options.repair)
    if checked.turns[-1].speaker == "assistant":
        place = f"{source.name(Role.PROMPT)}[{len(prompt) - 1}]"
        raise Unfit(place, "it ends with the assistant's turn; a model would go on with it instead of answering")
    return Example(
        checked.turns, tools=source.tools(), notes=notes | checked.notes, missing="the layout has no answers"
    )


def read_worked(source: Source) -> Example:
    """A question with a worked answer; without reasoning, its result alone. Raises Unfit."""
    prompt, notes = _prompt(source)
    final = source.layout.column(Role.REASONING) is not None
    column = source.name(Role.REASONING if final else Role.ANSWER)
    worked = answering(source.text(Role.REASONING if final else Role.ANSWER), column)
    result = scalar(source.cell(Role.ANSWER), source.name(Role.ANSWER)).strip() if final else result_of(worked.content)
    if not source.options.keep_reasoning:
        if not result:
            raise Unfit(column, "no result is marked in it (#### or \\boxed)")
        worked = Turn("assistant", result)
    if not result:
        notes |= {"no result is marked (#### or \\boxed): there is nothing to check an answer against"}
    return Example(prompt, (worked,), reference=result or None, notes=notes)


def read_classified(source: Source) -> Example:
    """One or two texts and the name of their class. Raises Unfit."""
    columns = source.layout.columns(Role.TEXT)
    texts: list[str] = []
    for column in columns:
        value = source.row.get(column)
        if not isinstance(value, str) or not value.strip():
            raise Unfit(column, f"{kind_of(value)} where a text should be")
        texts.append(value if len(columns) == 1 else f"{column}: {value}")
    turn = source.asked("+".join(columns), ("\n".join(texts),), question="\n".join(texts))
    prompt = source.with_opening((turn,))
    label = source.name(Role.LABEL)
    value = source.row.get(label)
    if value is None or value in (-1, ""):
        return Example(prompt, missing=f"{label}: the row has no label")
    name = _class_name(value, source.layout.labels, label)
    return Example(prompt, (answering(name, label),), reference=name)


def _class_name(value: JsonValue, labels: tuple[str, ...], place: str) -> str:
    if isinstance(value, bool):
        return labels[int(value)] if len(labels) == 2 else str(value).lower()
    if labels and isinstance(value, int | float):
        number = int(value)
        if number != value or not 0 <= number < len(labels):
            raise Unfit(place, f"{kind_of(value)} is none of the {len(labels)} classes")
        return labels[number]
    return scalar(value, place)


def _prompt(source: Source) -> tuple[tuple[Turn, ...], frozenset[str]]:
    """The turns before the answer."""
    column = source.name(Role.PROMPT)
    value = source.row.get(column)
    if (listed := _listed(value)) is not None:
        turns, notes = read_turns(listed, column)
        return source.with_opening(turns), notes
    text = source.text(Role.PROMPT)
    if not text.strip():
        raise Unfit(column, "the question is empty")
    context = source.text_or_none(Role.CONTEXT)
    after = source.layout.kind is Kind.ALPACA
    parts = (text, context) if after else (context, text)
    turn = source.asked(column, parts, question=text, context=context)
    return source.with_opening((*_history(source), turn)), frozenset()


def _history(source: Source) -> tuple[Turn, ...]:
    """Earlier rounds, as pairs of question and answer."""
    rounds = source.cell(Role.HISTORY)
    if not rounds:
        return ()
    column = source.name(Role.HISTORY)
    if not isinstance(rounds, list):
        raise Unfit(column, f"{kind_of(rounds)} where a list of rounds should be")
    turns: list[Turn] = []
    for number, pair in enumerate(rounds):
        texts = [one for one in pair if isinstance(one, str)] if isinstance(pair, list) else []
        if len(texts) != 2 or not isinstance(pair, list) or len(pair) != 2:
            raise Unfit(f"{column}[{number}]", "a round is a question and an answer")
        turns += [Turn("user", texts[0]), Turn("assistant", texts[1])]
    return tuple(turns)


def _listed(value: JsonValue) -> list[JsonValue] | None:
    """Turns, but not a list of texts: those are answers of which each is right."""
    listed = turns_in(value)
    return None if listed is None or (listed and isinstance(listed[0], str)) else listed


def _answer_text(value: JsonValue, place: str) -> str:
    """A text; the first of several that are all right (SQuAD, TriviaQA)."""
    if isinstance(value, dict):
        value = value.get("text")
    if isinstance(value, list):
        if not value:
            raise Unfit(place, "there is no answer")
        value = value[0]
    return scalar(value, place)
