"""The options of a question, and which one is right, in the many ways in which datasets write them.

Options stand in a list, in `{"text": […], "label": […]}` (ARC), in `{"A": …}` (MedQA), in objects, in columns of
their own (`sol1`, `optionA`), or as one right answer and its distractors (SciQ). The right one is named by its label,
its place (from 0 or from 1) or its text.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.data.layouts.columns import is_texts, unfolded
from labwright.data.layouts.layout import AnswerAs
from labwright.data.layouts.turns import Unfit, kind_of

LETTERS = string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Offered:
    """A question's options. `right` is set where the options themselves say which is right."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    right: int | None = None


def are_options(value: JsonValue) -> bool:
    """Whether a cell holds at least two options."""
    try:
        return len(offered_in(value, "").texts) > 1
    except Unfit:
        return False


def offered_in(value: JsonValue, place: str) -> Offered:
    """The options of one cell.

    Raises:
        Unfit: there are none that can be read.
    """
    options = unfolded(value)
    if isinstance(options, dict):
        return _of_object(options, place)
    if isinstance(options, list) and options and all(isinstance(option, dict) for option in options):
        labels = [option.get("label", option.get("key")) for option in options if isinstance(option, dict)]
        texts = [option.get("text", option.get("content")) for option in options if isinstance(option, dict)]
        return _checked(labels if all(isinstance(label, str) for label in labels) else None, texts, place)
    if not isinstance(options, list):
        raise Unfit(place, f"{kind_of(options)} where options should be")
    return _checked(None, options, place)


def offered_by(columns: Sequence[str], row: Mapping[str, JsonValue]) -> Offered:
    """The options of a row: of one cell, or of several columns (an option that is null or empty is not offered).

    Raises:
        Unfit: there are none that can be read.
    """
    if len(columns) == 1:
        return offered_in(row.get(columns[0]), columns[0])
    texts = [row.get(column) for column in columns]
    while texts and (texts[-1] is None or texts[-1] == ""):
        texts.pop()
    return _checked(None, texts, "+".join(columns))


def place_of(offered: Offered, answer: JsonValue, answer_as: AnswerAs, first: int, place: str) -> int | None:
    """Which option is right, from 0; None where the row does not say (null, empty, -1, as unlabelled tests have it).

    Raises:
        Unfit: it names no option.
    """
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if answer is None or answer == "" or (not isinstance(answer, bool) and answer in (-1, "-1")):
        return None
    found = _place(offered, answer, answer_as, first)
    if found is None:
        raise Unfit(place, f"{kind_of(answer)} is none of the options' {_WORDS[answer_as]}")
    return found


_WORDS: Mapping[AnswerAs, str] = {"label": "labels", "index": "places", "text": "texts"}


def answer_form(questions: Sequence[tuple[Offered, JsonValue]], likely_first: int) -> tuple[AnswerAs, int, float]:
    """How the answers of a dataset name the right option: the form, the first place, and the share that it fits."""
    said = [(offered, answer) for offered, answer in questions if answer not in (None, "", -1, "-1")]
    if not said:
        return "label", likely_first, 0.5
    numbers = [(number, len(offered.texts)) for offered, answer in said if (number := _number(answer)) is not None]
    first = likely_first
    if any(number == 0 for number, _ in numbers):
        first = 0
    elif any(number == size for number, size in numbers):
        first = 1
    forms: tuple[AnswerAs, ...] = ("label", "text", "index")
    shares = {form: _fits(said, form, first) for form in forms}
    best = max(forms, key=lambda form: shares[form])
    return best, first, shares[best]


def _fits(said: Sequence[tuple[Offered, JsonValue]], form: AnswerAs, first: int) -> float:
    return sum(_place(offered, answer, form, first) is not None for offered, answer in said) / len(said)


def _place(offered: Offered, answer: JsonValue, answer_as: AnswerAs, first: int) -> int | None:
    if answer_as == "index":
        number = _number(answer)
        place = None if number is None else number - first
        return place if place is not None and 0 <= place < len(offered.texts) else None
    if not isinstance(answer, str):
        return None
    wanted = answer.strip()
    if answer_as == "label":
        plain = wanted.strip("().").upper()
        return next((i for i, label in enumerate(offered.labels) if label.strip().upper() == plain), None)
    matching = [i for i, text in enumerate(offered.texts) if text.strip() == wanted]
    return matching[0] if len(matching) == 1 else None


def _number(answer: JsonValue) -> int | None:
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int):
        return answer
    if isinstance(answer, float) and answer.is_integer():
        return int(answer)
    if isinstance(answer, str) and answer.strip().isdecimal():
        return int(answer)
    return None


def _of_object(options: Mapping[str, JsonValue], place: str) -> Offered:
    texts = options.get("text", options.get("choices"))
    labels = options.get("label", options.get("labels"))
    if isinstance(texts, list) and isinstance(labels, list):
        if len(texts) != len(labels):
            raise Unfit(place, f"{len(texts)} options with {len(labels)} labels")
        marks = [label for label in labels if label in (0, 1)]
        if len(marks) == len(labels) and labels.count(1) == 1:  # TruthfulQA's mc1_targets
            offered = _checked(None, texts, place)
            return Offered(offered.labels, offered.texts, labels.index(1))
        return _checked(labels, texts, place)
    if options and all(len(key.strip()) == 1 for key in options):
        there = {key: text for key, text in options.items() if text is not None}
        return _checked(list(there), list(there.values()), place)
    raise Unfit(place, "an object that holds no options")


def _checked(labels: Sequence[JsonValue] | None, texts: Sequence[JsonValue], place: str) -> Offered:
    if len(texts) < 2:
        raise Unfit(place, f"{len(texts)} options; a choice needs two")
    if len(texts) > len(LETTERS):
        raise Unfit(place, f"{len(texts)} options; there are only {len(LETTERS)} letters")
    if not is_texts(list(texts)):
        bad, text = next((i, text) for i, text in enumerate(texts) if not isinstance(text, str))
        if not all(isinstance(one, str | int | float) for one in texts):
            raise Unfit(f"{place}[{bad}]", f"{kind_of(text)} where an option's text should be")
    names = tuple(str(label) for label in labels) if labels is not None else tuple(LETTERS[: len(texts)])
    return Offered(names, _without_labels(names, tuple(str(text) for text in texts)))


def _without_labels(labels: tuple[str, ...], texts: tuple[str, ...]) -> tuple[str, ...]:
    """`A) 21` is 21 where all options are written so (AQuA)."""
    matches = [re.match(rf"\(?{re.escape(label)}\s*[).:]\s*", text) for label, text in zip(labels, texts, strict=True)]
    if not all(matches):
        return texts
    return tuple(text[match.end() :] for match, text in zip(matches, texts, strict=True) if match)
