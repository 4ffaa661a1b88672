"""Questions with options, and worked answers: the rows of benchmarks and of exams."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from labwright.data.layouts.columns import Column, Columns, is_text, is_verdict
from labwright.data.layouts.layout import AnswerAs, Kind, Layout, roles_of
from labwright.data.layouts.options import Offered, answer_form, are_options, offered_by, offered_in
from labwright.data.layouts.recognisers import names
from labwright.data.layouts.turns import Unfit
from labwright.data.layouts.worked import has_boxed, has_hashes

_OPTIONS = ("choices", "options", "endings", "answers", "candidates", "possible_answers", "mc1_targets", "mc_options")
_RIGHT = (
    "answerkey",
    "answer_key",
    "answer_idx",
    "answer_index",
    "correct_idx",
    "correct_index",
    "correct_option",
    "cop",
    "label",
    "labels",
    "answer",
    "correct",
    "correct_answer",
    "gold",
    "ans",
    "target",
)
_QUESTION = (
    "question",
    "question_stem",
    "stem",
    "query",
    "goal",
    "ctx",
    "sentence",
    "problem",
    "prompt",
    "startphrase",
    "premise",
    "context",
    "input",
    "text",
)
_CONTEXT = ("passage", "support", "article", "context", "premise", "paragraph", "hint")
_SPREAD = (  # options in columns of their own, and the number from which their places count
    ("sol1/sol2", r"sol_?\d", 0),
    ("option1/option2", r"option_?\d", 1),
    ("choice1/choice2", r"choice_?\d", 0),
    ("ending0/ending1", r"ending_?\d", 0),
    ("answerA/answerB", r"answer_?[a-e]", 1),
    ("opa/opb", r"op[a-e]", 0),
    ("optionA/optionB", r"option_?[a-e]", 0),
    ("choiceA/choiceB", r"choice_?[a-e]", 0),
    ("A/B", r"[a-e]", 0),
)
_CORRECT = ("correct_answer", "correct", "right_answer", "best_answer", "answer")
_WRONG = r"distractor_?\d+|(incorrect|wrong)_answer_?\d+"


def recognise_choices(columns: Columns) -> Layout | None:
    """Options in one cell, in columns of their own, or as a right answer with distractors."""
    return _distractors(columns) or _in_one_cell(columns) or _spread(columns)


def recognise_yes_no(columns: Columns) -> Layout | None:
    """BoolQ: a question about a passage, answered by true or false."""
    question = columns.find(("question", "query"), is_text)
    passage = columns.find(("passage", "context", "paragraph"), is_text)
    answer = columns.find(("answer", "label"), is_verdict)
    if question is None or passage is None or answer is None or answer.unseen:
        return None
    return Layout(
        Kind.CHOICES,
        roles_of(prompt=question.name, context=passage.name, answer=answer.name),
        0.93 * answer.share(is_verdict),
        f"{question.name!r} is asked of {passage.name!r}, and {answer.name!r} is true or false",
        variant="yes/no",
        answer_as="index",
    )


def recognise_worked(columns: Columns) -> Layout | None:
    """Solutions that end in a marked result."""
    prompt = columns.find(("question", "problem", "query", "prompt", "instruction", "input"), is_text)
    solution = columns.find(("answer", "solution", "response", "output", "completion", "generation"), _is_worked)
    if prompt is None or solution is None or solution.unseen or solution is prompt:
        return None
    hashes = solution.share(has_hashes)
    final = columns.find(("final_answer", "answer", "expected_answer"), lambda v: not isinstance(v, dict | list))
    if final is solution or hashes >= 0.5 or (final is not None and final.unseen):
        final = None
    return Layout(
        Kind.WORKED,
        roles_of(
            prompt=prompt.name,
            reasoning=solution.name if final else None,
            answer=final.name if final else solution.name,
        ),
        0.96 * solution.share(_is_worked),
        f"{solution.name!r} ends in a result marked with {'####' if hashes >= 0.5 else chr(92) + 'boxed'}",
        variant="####" if hashes >= 0.5 else "boxed",
    )


def _is_worked(value: JsonValue) -> bool:
    return has_hashes(value) or has_boxed(value)


def _in_one_cell(columns: Columns) -> Layout | None:
    options = columns.find(_OPTIONS, are_options)
    if options is None:
        return None
    question = _question(columns, options)
    answer = columns.find(tuple(name for name in _RIGHT if columns.find((name,)) is not options), _may_be_answer)
    if question is None:
        return None
    share = options.might_be(are_options, "[]", "list", "struct")
    marked = options.mostly(_says_right)
    if not share or (answer is None and not marked):
        return None
    variant = "list"
    if any(isinstance(value, dict) for value in options.values):
        variant = "mc1" if marked else "text+label" if options.mostly(_has_labels) else "by letter"
    return _layout(columns, question, (options,), None if marked else answer, share, variant, likely_first=0)


def _spread(columns: Columns) -> Layout | None:
    for variant, pattern, first in _SPREAD:
        options = columns.named(pattern)
        if len(options) < 2 or not all(column.unseen or column.mostly(_may_be_option) for column in options):
            continue
        taken = {column.name for column in options}
        answer = columns.find(tuple(n for n in _RIGHT if (c := columns.find((n,))) and c.name not in taken))
        question = _question(columns, *options)
        if answer is not None and question is not None:
            return _layout(columns, question, options, answer, 0.98, variant, likely_first=first)
    return None


def _distractors(columns: Columns) -> Layout | None:
    wrong = columns.named(_WRONG)
    if not wrong:
        listed = columns.find(("incorrect_answers", "distractors", "wrong_answers"), lambda v: isinstance(v, list))
        wrong = (listed,) if listed is not None and not listed.unseen else ()
    right = columns.find(_CORRECT, is_text)
    question = _question(columns, *wrong)
    if not wrong or right is None or question is None:
        return None
    return Layout(
        Kind.CHOICES,
        roles_of(
            prompt=question.name,
            context=_context(columns, question),
            choices=tuple(column.name for column in wrong),
            answer=right.name,
        ),
        0.96,
        f"{right.name!r} is the right answer and {len(wrong)} columns hold wrong ones",
        variant="distractors",
        answer_as="text",
    )


def _layout(
    columns: Columns,
    question: Column,
    options: Sequence[Column],
    answer: Column | None,
    share: float,
    variant: str,
    *,
    likely_first: int,
) -> Layout | None:
    form: AnswerAs = "label"
    first, fit = 0, 1.0
    if answer is not None:
        form, first, fit = _answers(options, answer, likely_first)
    if fit < 0.5:
        return None
    named = answer.name if answer is not None else options[0].name
    taken = {question.name, named, *(column.name for column in options)}
    context = _context(columns, question)
    return Layout(
        Kind.CHOICES,
        roles_of(
            prompt=question.name,
            context=context if context not in taken else None,
            choices=tuple(column.name for column in options),
            answer=answer.name if answer is not None else None,
        ),
        0.97 * share * (0.8 + 0.2 * fit),  # options alone say much
        f"{question.name!r} has options in {'+'.join(c.name for c in options)}, and {named!r} says which is right",
        variant=variant,
        answer_as=form,
        first_index=first,
    )


def _answers(options: Sequence[Column], answer: Column, likely_first: int) -> tuple[AnswerAs, int, float]:
    pairs: list[tuple[Offered, JsonValue]] = []
    names_of = tuple(column.name for column in options)
    for number, cell in enumerate(answer.cells):
        try:
            pairs.append((offered_by(names_of, {column.name: column.cells[number] for column in options}), cell))
        except Unfit:
            continue
    return answer_form(pairs, likely_first)


def _question(columns: Columns, *others: Column) -> Column | None:
    taken = {column.name for column in others}
    free = tuple(name for name in _QUESTION if (c := columns.find((name,))) is not None and c.name not in taken)
    return columns.find(free, is_text)


def _context(columns: Columns, question: Column) -> str | None:
    if question.name.lower() not in ("question", "question_stem", "query"):
        return None
    free = tuple(name for name in (*_CONTEXT, *names.CONTEXT) if columns.find((name,)) is not question)
    found = columns.find(free, is_text)
    return found.name if found is not None else None


def _may_be_answer(value: JsonValue) -> bool:
    return isinstance(value, str | int | float) or (isinstance(value, list) and len(value) == 1)


def _may_be_option(value: JsonValue) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _says_right(value: JsonValue) -> bool:
    try:
        return offered_in(value, "").right is not None
    except Unfit:
        return False


def _has_labels(value: JsonValue) -> bool:
    return isinstance(value, dict) and ("label" in value or "labels" in value)
