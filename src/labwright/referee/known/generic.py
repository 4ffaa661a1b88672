"""Rows that follow no known layout: a prompt and an answer under usual names, or under those that a person gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.conversation import conversation
from labwright.referee.known.draft import Part, Question, UnusableRowError
from labwright.referee.known.layouts import LAYOUTS
from labwright.referee.known.reading import ReadRow, Row, accepted, text, texts, whole
from labwright.referee.scorers import last_number

_USUAL: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "input", "instruction", "problem", "query"),
    "answer": ("answer", "answers", "target", "output", "label", "completion", "response", "ideal", "solution"),
    "choices": ("choices", "options", "endings"),
    "tests": ("tests", "test"),
    "setup": ("setup",),
    "entry_point": ("entry_point",),
    "rubric": ("rubric",),
    "baseline": (),  # only where a person names it
    "id": ("id",),
}
_SHORT = 80  # characters; a longer answer is nothing that a model could say word for word


def columns_of(
    present: Collection[str], chosen: Mapping[str, str], where: str, *, keyless: bool = False
) -> dict[str, str]:
    """Which column is what: as a person says, else by its usual name. `keyless`: no answer is needed.

    Raises DataError where a chosen column is not there, or nothing looks like a question with a key.
    """
    for ours, theirs in chosen.items():
        if ours not in _USUAL:
            raise DataError(f"there is no field {ours!r}", where=where, cure=f"map one of: {', '.join(_USUAL)}")
        if theirs not in present:
            raise DataError(f"there is no column {theirs!r}", where=where, cure=f"columns: {', '.join(present)}")
    taken = set(chosen.values())
    found = dict(chosen)
    for ours, usual in _USUAL.items():
        column = next((name for name in usual if name in present and name not in taken), None)
        if ours not in found and column is not None:
            found[ours] = column
            taken.add(column)
    if "prompt" not in found or not (keyless or {"answer", "tests", "rubric", "baseline"} & set(found)):
        layouts = ", ".join(dict.fromkeys(layout.name for layout in LAYOUTS))
        raise DataError(
            f"these columns are no benchmark that is known: {', '.join(present)}",
            where=where,
            cure=f"say which are what: --map prompt=COLUMN --map answer=COLUMN; known layouts: {layouts}",
        )
    return found


def reader(columns: Mapping[str, str], class_names: Sequence[str] = ()) -> ReadRow:
    """Reads a row by these columns; a label is one of the class names where there are some."""

    def read(row: Row) -> Question:
        prompt = conversation(row.get(columns["prompt"]))
        choices = texts(row.get(columns["choices"]), columns["choices"]) if "choices" in columns else tuple(class_names)
        answers = _answers(row, columns, choices)
        return Question(
            prompt,
            next(iter(answers), ""),
            choices,
            answers=answers if len(answers) > 1 else (),
            setup=_optional(row, columns, "setup"),
            tests=_optional(row, columns, "tests"),
            entry_point=_optional(row, columns, "entry_point"),
            rubric=_optional(row, columns, "rubric"),
            baseline=_optional(row, columns, "baseline"),
            name=_optional(row, columns, "id"),
        )

    return read


def _answers(row: Row, columns: Mapping[str, str], choices: Sequence[str]) -> tuple[str, ...]:
    """Every answer that is right: mostly one, more where the column holds a list."""
    value = row.get(columns["answer"]) if "answer" in columns else None
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(dict.fromkeys(_choice(each, columns, choices) for each in value)) if choices else accepted(value)
    return (_choice(value, columns, choices) if choices else text(row, columns["answer"]),)


def _choice(value: JsonValue, columns: Mapping[str, str], choices: Sequence[str]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    if isinstance(value, str) and len(value.strip()) == 1 and value.strip().isalpha():
        place = ord(value.strip().upper()) - ord("A")
    else:
        place = whole(value, columns["answer"])
    if place >= len(choices):
        raise UnusableRowError("the answer is none of the choices")
    return choices[place]


def _optional(row: Row, columns: Mapping[str, str], name: str) -> str:
    value = row.get(columns[name]) if name in columns else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def scoring_of(parts: Sequence[Part], where: str) -> tuple[ScorerSpec, GenerationSpec]:
    """The scorer that all questions have in common. Raises DataError where answers are texts that need a judge."""
    questions = [question for part in parts for question in part.questions]
    if not questions:
        return ScorerSpec(kind="exact"), GenerationSpec()
    if all(question.tests for question in questions):
        return ScorerSpec(kind="code"), GenerationSpec(few_shot=0, shot_template="{prompt}{answer}", max_new_tokens=512)
    if all(question.baseline for question in questions):
        return ScorerSpec(kind="pairwise"), GenerationSpec(few_shot=0, max_new_tokens=2048, chat=True)
    if all(question.rubric for question in questions):
        return ScorerSpec(kind="rubric"), GenerationSpec(few_shot=0, max_new_tokens=1024, chat=True)
    if all(question.choices for question in questions):
        return ScorerSpec(kind="choice", length_normalised=True), GenerationSpec(
            shot_separator="\n\n", max_new_tokens=1
        )
    if all(_is_number(each) for question in questions for each in (question.answer, *question.answers)):
        return ScorerSpec(kind="numeric"), GenerationSpec(shot_separator="\n\n", max_new_tokens=256)
    long = sum(min(map(len, (question.answer, *question.answers))) > _SHORT for question in questions)
    if long > len(questions) / 10:
        raise DataError(
            f"{long} of {len(questions)} answers are long texts, which no output will equal word for word",
            where=where,
            cure='score them by a judge: --rubric "…", or name the column with the short answer: --map answer=COLUMN',
        )
    return ScorerSpec(kind="normalised"), GenerationSpec(shot_separator="\n\n", stop=("\n",))


def _is_number(answer: str) -> bool:
    plain = answer.strip().rstrip("%").lstrip("$")
    return last_number(plain) is not None and not any(c.isalpha() for c in plain)
