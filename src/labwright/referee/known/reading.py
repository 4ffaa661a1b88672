"""The rows of a source, split by split, as questions; what is none is counted with its reason."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.data.sources import Table
from labwright.referee.known.draft import Part, Question, UnusableRowError

Row = Mapping[str, JsonValue]
ReadRow = Callable[[Row], Question]
MOST_TRAINING = 20_000  # of a training split a sample is enough: dev and examples are drawn from it
MOST = 500_000
_SEED = 17


def read_part(table: Table, read: ReadRow, *, keyless: bool = False) -> Part:
    """One split's questions; with `keyless` also those without an answer, for one rubric scores them all.

    Raises:
        DataError: a row cannot be read, or there are more than a benchmark can hold.
    """
    left_out: Counter[str] = Counter()
    dice, rows = random.Random(_SEED), 0
    is_training = table.split.lower().startswith("train") and len(table.splits) > 1
    kept: list[tuple[int, Question]] = []
    for location, row in table.rows():
        rows += 1
        try:
            question = checked(read(row), keyless=keyless)
        except UnusableRowError as error:
            left_out[str(error)] += 1
            continue
        if is_training and len(kept) >= MOST_TRAINING:
            place = dice.randrange(rows)
            if place < MOST_TRAINING:
                kept[place] = (rows, question)
        elif len(kept) >= MOST:
            raise DataError(f"more than {MOST:,} questions", where=str(location), cure="give a smaller split or file")
        else:
            kept.append((rows, question))
    kept.sort(key=lambda pair: pair[0])
    return Part(table.split, tuple(question for _, question in kept), dict(left_out), rows, table.digest())


def checked(question: Question, *, keyless: bool = False) -> Question:
    """The question. Raises UnusableRowError where it is none."""
    if not question.prompt.strip():
        raise UnusableRowError("the prompt is empty")
    if not keyless and not question.has_key:
        raise UnusableRowError("there is no answer")
    if question.choices and not {question.answer, *question.answers} <= set(question.choices):
        raise UnusableRowError("the answer is none of the choices")
    if question.choices and (len(question.choices) < 2 or not all(choice.strip() for choice in question.choices)):
        raise UnusableRowError("a choice is empty, or there is one only")
    return question


def text(row: Row, *names: str) -> str:
    """The first of the columns that holds a text or a number. Raises UnusableRowError where none does."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:g}" if isinstance(value, float) else str(value)
    raise UnusableRowError(f"`{names[0]}` holds no text")


def accepted(*values: JsonValue) -> tuple[str, ...]:
    """Every text or number of these values and lists, once each, in their order; empty ones are none."""
    listed = [each for value in values for each in (value if isinstance(value, list) else [value])]
    said = [str(each).strip() for each in listed if isinstance(each, str | int | float) and not isinstance(each, bool)]
    return tuple(dict.fromkeys(each for each in said if each))


def several(prompt: str, answers: tuple[str, ...], name: str = "") -> Question:
    """A question with every answer that is right; the first is shown. Raises UnusableRowError where there is none."""
    if not answers:
        raise UnusableRowError("there is no answer")
    return Question(prompt, answers[0], answers=answers if len(answers) > 1 else (), name=name)


def texts(value: JsonValue, name: str) -> tuple[str, ...]:
    """A list of texts. Raises UnusableRowError."""
    if not isinstance(value, list) or not all(isinstance(each, str | int | float) for each in value):
        raise UnusableRowError(f"`{name}` holds no list of texts")
    return tuple(each if isinstance(each, str) else str(each) for each in value)


def name_in(row: Row, column: str) -> str:
    """The row's own id; empty where there is none."""
    value = row.get(column)
    return str(value) if isinstance(value, str | int) else ""


def whole(value: JsonValue, name: str) -> int:
    """A whole number, also one written as text. Raises UnusableRowError, also for the -1 of rows without a label."""
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise UnusableRowError(f"`{name}` holds no label")
