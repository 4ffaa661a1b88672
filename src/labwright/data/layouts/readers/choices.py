"""Questions with options: the options are lettered anew, and the answer is a letter, a text, or both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from labwright.data.layouts.example import Example
from labwright.data.layouts.layout import Role
from labwright.data.layouts.options import LETTERS, offered_by, place_of
from labwright.data.layouts.readers.source import Source
from labwright.data.layouts.turns import Turn, Unfit, kind_of

_ASK = {
    "letter": "Answer with the letter of the right option.",
    "text": "Answer with the text of the right option.",
    "both": "Answer with the letter and the text of the right option.",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    texts: tuple[str, ...]
    right: int | None


def read_choice(source: Source) -> Example:
    """A question with its options, the right one and a wrong one. Raises Unfit."""
    if source.layout.variant == "yes/no":
        return _yes_no(source)
    text = source.text(Role.PROMPT)
    asked = _shuffled(source, text) if source.layout.variant == "distractors" else _in_order(source)
    lines = "\n".join(f"{LETTERS[place]}. {option}" for place, option in enumerate(asked.texts))
    context = source.text_or_none(Role.CONTEXT)
    form = source.options.answer
    turn = source.asked(
        source.name(Role.PROMPT),
        (context, text.strip(), lines, _ASK[form]) if text.strip() else (),
        question=text,
        context=context,
        choices=lines,
    )
    prompt = source.with_opening((turn,))
    if asked.right is None:
        return Example(prompt, missing=f"{_key(source)}: the row does not say which option is right")
    answers = tuple(_answer(form, place, option) for place, option in enumerate(asked.texts))
    right = answers[asked.right]
    if not right.strip():
        raise Unfit(_key(source), "the right option is empty")
    wrong = [answer for answer in answers if answer.strip() and answer != right]
    worse = wrong[_number(source, text) % len(wrong)] if wrong else None
    return Example(
        prompt,
        (Turn("assistant", right),),
        (Turn("assistant", worse),) if worse is not None else (),
        reference=right,
    )


def _in_order(source: Source) -> _Asked:
    layout = source.layout
    offered = offered_by(layout.columns(Role.CHOICES), source.row)
    if offered.right is not None:
        return _Asked(offered.texts, offered.right)
    answer = source.cell(Role.ANSWER)
    return _Asked(
        offered.texts, place_of(offered, answer, layout.answer_as, layout.first_index, source.name(Role.ANSWER))
    )


def _shuffled(source: Source, text: str) -> _Asked:
    """The right answer among the wrong ones, in an order that depends on the question and the seed alone."""
    right = source.text_or_none(Role.ANSWER)
    if right is None:
        raise Unfit(source.name(Role.ANSWER), "the right answer is empty")
    wrong: list[str] = []
    for column in source.layout.columns(Role.CHOICES):
        value = source.row.get(column)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one.strip() and one != right:
                wrong.append(one)
            elif not isinstance(one, str) and one is not None:
                raise Unfit(column, f"{kind_of(one)} where a wrong answer should be")
    if not wrong:
        raise Unfit("+".join(source.layout.columns(Role.CHOICES)), "there is no wrong answer")
    options = sorted(dict.fromkeys((right, *wrong)), key=lambda option: _digest(source, f"{text}\x00{option}"))
    if len(options) > len(LETTERS):
        raise Unfit("+".join(source.layout.columns(Role.CHOICES)), f"{len(options)} options are too many")
    return _Asked(tuple(options), options.index(right))


def _yes_no(source: Source) -> Example:
    text = source.text(Role.PROMPT)
    asked = text.strip() if text.strip().endswith("?") or not text.strip() else f"{text.strip()}?"
    context = source.text_or_none(Role.CONTEXT)
    turn = source.asked(
        source.name(Role.PROMPT),
        (context, asked, "Answer with yes or no.") if asked else (),
        question=text,
        context=context,
        choices="yes\nno",
    )
    prompt = source.with_opening((turn,))
    value = source.cell(Role.ANSWER)
    if value is None or value == -1:
        return Example(prompt, missing=f"{_key(source)}: the row has no answer")
    if value not in (0, 1):
        raise Unfit(_key(source), f"{kind_of(value)} where true or false should be")
    right, wrong = ("yes", "no") if value else ("no", "yes")
    return Example(prompt, (Turn("assistant", right),), (Turn("assistant", wrong),), reference=right)


def _answer(form: str, place: int, option: str) -> str:
    if form == "letter":
        return LETTERS[place]
    return option if form == "text" else f"{LETTERS[place]}. {option}"


def _key(source: Source) -> str:
    return source.layout.column(Role.ANSWER) or source.name(Role.CHOICES)


def _digest(source: Source, text: str) -> bytes:
    return hashlib.sha256(f"{source.options.seed}\x00{text}".encode("utf-8", "surrogatepass")).digest()


def _number(source: Source, text: str) -> int:
    return int.from_bytes(_digest(source, text)[:8], "big")
