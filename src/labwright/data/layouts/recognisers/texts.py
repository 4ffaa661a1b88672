"""Strings side by side: instruction and output, prompt and completion, prompts alone, labelled texts, plain text."""

from __future__ import annotations

from pydantic import JsonValue

from labwright.data.layouts.columns import Column, Columns, is_text
from labwright.data.layouts.layout import Kind, Layout, roles_of
from labwright.data.layouts.recognisers import names
from labwright.data.layouts.turns import holds_turns

_OUTPUTS = ("output", "response", "answer", "completion", "target")
_TWO_TEXTS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("question1", "question2"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("question", "sentence"),
)
_LABEL_TEXTS = ("label_text", "label_name", "label_str", "class_name")
_LONGEST_LABEL = 60
_NAMED_LABEL = ("label", "class", "sentiment", "intent")
_MOST_OF_NAMED = 0.9  # distinct values: 150 classes show 73 in 100 rows, 110 in 200
_MANY = 20  # samples from which on the number of classes can be judged


def recognise_alpaca(columns: Columns) -> Layout | None:
    """Taori et al., 2023; Dolly has the same with other names."""
    instruction = columns.find(("instruction",), is_text)
    output = columns.find(_OUTPUTS, is_text)
    if instruction is None or output is None:
        return None
    given = columns.find(("input", "context", "inputs"), is_text)
    history = columns.find(("history",), lambda value: isinstance(value, list))
    share = min(instruction.might_be(is_text, "char", "str"), output.might_be(is_text, "char", "str"))
    return Layout(
        Kind.ALPACA,
        roles_of(
            system=_system(columns),
            history=history.name if history else None,
            prompt=instruction.name,
            context=given.name if given else None,
            answer=output.name,
        ),
        0.95 * share,
        f"{instruction.name!r} with {output.name!r}" + (f", and {given.name!r} beside it" if given else ""),
    )


def recognise_pairs(columns: Columns) -> Layout | None:
    """A question and its answer."""
    prompt = columns.find(names.PROMPT, _is_prompt)
    answer = None
    if prompt is not None:
        free = tuple(name for name in names.ANSWER if columns.find((name,)) is not prompt)
        answer = columns.find((*free, "canonical_solution"), _is_answer)
    if prompt is None or answer is None:
        return None
    asked = prompt.name.lower() not in ("input", "inputs", "source")
    context = columns.find(names.CONTEXT, is_text) if asked else None
    if context in (prompt, answer):
        context = None
    reasoning = columns.find(names.REASONING[:-2], is_text)
    exact = (prompt.name, answer.name) == ("prompt", "completion")
    fit = min(prompt.might_be(_is_prompt, "char", "str", "["), answer.might_be(_is_answer, "char", "str", "["))
    squad = answer.mostly(lambda value: isinstance(value, dict))
    return Layout(
        Kind.PROMPT_COMPLETION,
        roles_of(
            system=_system(columns),
            context=context.name if context else None,
            prompt=prompt.name,
            reasoning=reasoning.name if reasoning and reasoning is not answer else None,
            answer=answer.name,
            tools=tools.name if (tools := columns.find(names.TOOLS)) else None,
        ),
        (0.95 if exact else 0.85) * fit,
        f"{prompt.name!r} is answered by {answer.name!r}",
        variant="squad" if squad else "",
        chat=prompt.mostly(holds_turns) or answer.mostly(holds_turns),
    )


def recognise_prompts(columns: Columns) -> Layout | None:
    """Questions alone, as for reinforcement learning."""
    prompt = columns.find(names.PROMPT, _is_prompt)
    if prompt is None:
        return None
    share = prompt.might_be(_is_prompt, "char", "str", "[")
    return Layout(
        Kind.PROMPT,
        roles_of(
            system=_system(columns),
            prompt=prompt.name,
            tools=tools.name if (tools := columns.find(names.TOOLS)) else None,
        ),
        (0.8 if prompt.name == "prompt" else 0.6) * share,
        f"{prompt.name!r} is a question without an answer beside it",
        chat=prompt.mostly(holds_turns),
    )


def recognise_classification(columns: Columns) -> Layout | None:
    """One or two texts and a class."""
    label = columns.find(_LABEL_TEXTS, _is_label) or columns.find(names.LABEL, _is_label)
    if label is None or not _has_few_values(label):
        return None
    texts = _texts(columns, label)
    if not texts:
        return None
    share = label.might_be(_is_label, "int", "bool", "char", "str", "enum")
    sure = 0.9 if label.name.lower().startswith(_NAMED_LABEL) else 0.82
    return Layout(
        Kind.CLASSIFICATION,
        roles_of(text=tuple(column.name for column in texts), label=label.name),
        sure * share,
        f"{label.name!r} holds the class of {' and '.join(repr(column.name) for column in texts)}",
    )


def recognise_text(columns: Columns) -> Layout | None:
    """Text to go on with: what is left where nothing else fits."""
    text = columns.find(names.TEXT, is_text)
    strings = [column for column in columns.all if column.might_be(is_text, "char", "str") >= 0.6]
    named = text is not None
    if text is None and len(strings) == 1:
        text = strings[0]
    if text is None:
        return None
    sure = 0.7 if named else 0.45
    why = f"{text.name!r} is a text without a question or a class"
    return Layout(Kind.TEXT, roles_of(text=text.name), sure * text.might_be(is_text, "char", "str"), why)


def _texts(columns: Columns, label: Column) -> tuple[Column, ...]:
    for left, right in _TWO_TEXTS:
        first, second = columns.find((left,), is_text), columns.find((right,), is_text)
        if first is not None and second is not None:
            return first, second
    known = columns.find((*names.TEXT, *names.PROMPT, "title"), is_text)
    if known is not None and known is not label:
        return (known,)
    strings = [c for c in columns.all if c is not label and c.mostly(is_text) and not _is_short(c)]
    return (max(strings, key=_length),) if strings else ()


def _length(column: Column) -> float:
    return sum(len(value) for value in column.values if isinstance(value, str)) / max(1, len(column.values))


def _is_short(column: Column) -> bool:
    return _length(column) < 8


def _is_label(value: JsonValue) -> bool:
    if isinstance(value, str):
        return 0 < len(value.strip()) <= _LONGEST_LABEL and "\n" not in value.strip()
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _has_few_values(column: Column) -> bool:
    """A hundred rows show most of a hundred classes, so a column that is named as one may hold more of them."""
    distinct = len({str(value) for value in column.values})
    share = _MOST_OF_NAMED if column.name.lower().startswith(_NAMED_LABEL) else 0.5
    return len(column.values) < _MANY or distinct <= share * len(column.values)


def _is_prompt(value: JsonValue) -> bool:
    return isinstance(value, str) or holds_turns(value)


def _is_answer(value: JsonValue) -> bool:
    """Text, turns, a number, or SQuAD's `{"text": […]}`."""
    if isinstance(value, bool):
        return False
    if isinstance(value, dict):
        return isinstance(value.get("text"), list)
    if isinstance(value, list):
        return holds_turns(value) or all(isinstance(member, str) for member in value)
    return isinstance(value, str | int | float)


def _system(columns: Columns) -> str | None:
    found = columns.find(names.SYSTEM, is_text)
    return found.name if found else None
