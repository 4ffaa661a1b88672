"""Layouts are found from names and values, as datasets on the Hub have them."""

from __future__ import annotations

import json

import pytest

from labwright.data.layouts import Kind, Role, candidates, recognise

USER = {"role": "user", "content": "What is 2 + 2?"}
BOT = {"role": "assistant", "content": "4"}
HH = "\n\nHuman: Hello\n\nAssistant: Hi"

KNOWN = [
    ("alpaca", {"instruction": "Add", "input": "2, 2", "output": "4"}, {"prompt": "instruction", "answer": "output"}),
    ("alpaca", {"instruction": "Add", "context": "", "response": "4", "category": "qa"}, {"context": "context"}),
    ("sharegpt", {"id": "1", "conversations": [{"from": "human", "value": "a"}]}, {"messages": "conversations"}),
    ("sharegpt", {"conversation": [{"human": "a", "assistant": "b"}]}, {"messages": "conversation"}),
    ("sharegpt", {"data": ["Hello", "Hi"], "id": "0"}, {"messages": "data"}),
    ("messages", {"messages": [USER, BOT], "tools": "[]"}, {"messages": "messages", "tools": "tools"}),
    ("messages", {"messages": json.dumps([USER, BOT])}, {"messages": "messages"}),
    ("messages", {"dialog_turns": [USER, BOT], "n": 3}, {"messages": "dialog_turns"}),
    ("transcript", {"text": "### Human: a### Assistant: b"}, {"text": "text"}),
    ("transcript", {"text": "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>"}, {"text": "text"}),
    ("prompt-completion", {"prompt": "a", "completion": "b"}, {"prompt": "prompt", "answer": "completion"}),
    ("prompt-completion", {"prompt": [USER], "completion": [BOT]}, {"prompt": "prompt"}),
    ("prompt-completion", {"question": "q", "context": "c", "answers": {"text": ["a"]}}, {"context": "context"}),
    ("prompt-completion", {"question": "How many?", "answer": 4}, {"answer": "answer"}),
    ("prompt", {"prompt": "a", "id": 3}, {"prompt": "prompt"}),
    ("prompt", {"prompt": [USER]}, {"prompt": "prompt"}),
    ("preference", {"prompt": "a", "chosen": "b", "rejected": "c"}, {"chosen": "chosen", "rejected": "rejected"}),
    ("preference", {"prompt": "a", "chosen": [USER, BOT], "rejected": [USER, BOT], "messages": [USER]}, {}),
    ("preference", {"chosen": HH, "rejected": HH + "?"}, {"chosen": "chosen"}),
    ("preference", {"question": "q", "response_j": "a", "response_k": "b"}, {"chosen": "response_j"}),
    ("preference", {"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": 1}, {}),
    ("unpaired-preference", {"prompt": "a", "completion": "b", "label": True}, {"label": "label"}),
    (
        "choices",
        {"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"},
        {"answer": "answerKey", "choices": "choices"},
    ),
    ("choices", {"question": "q", "subject": "s", "choices": ["a", "b", "c", "d"], "answer": 3}, {}),
    ("choices", {"question": "q", "distractor1": "a", "distractor2": "b", "correct_answer": "c", "support": ""}, {}),
    ("choices", {"Question": "q", "Correct Answer": "c", "Incorrect Answer 1": "a"}, {"answer": "Correct Answer"}),
    ("choices", {"ctx": "c", "endings": ["a", "b"], "label": "1"}, {"prompt": "ctx"}),
    ("choices", {"question": "q", "passage": "p", "answer": True}, {"context": "passage"}),
    ("choices", {"goal": "g", "sol1": "a", "sol2": "b", "label": 0}, {}),
    ("choices", {"sentence": "s", "option1": "a", "option2": "b", "answer": "2"}, {}),
    ("choices", {"question": "q", "options": {"A": "x", "B": "y"}, "answer": "y", "answer_idx": "B"}, {}),
    ("choices", {"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [0, 1]}}, {}),
    ("choices", {"question": "q", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 0}, {"answer": "cop"}),
    ("worked-answer", {"question": "q", "answer": "2 + 2 = 4\n#### 4"}, {"answer": "answer"}),
    ("worked-answer", {"problem": "q", "solution": r"so \boxed{\frac{1}{2}}"}, {"answer": "solution"}),
    ("worked-answer", {"problem": "q", "solution": r"so \boxed{2}", "answer": "2"}, {"reasoning": "solution"}),
    ("classification", {"text": "good film", "label": 1}, {"text": "text", "label": "label"}),
    ("classification", {"review": "a very good film", "sentiment": "positive"}, {"label": "sentiment"}),
    ("classification", {"premise": "a", "hypothesis": "b", "label": 0}, {"text": "premise"}),
    ("text", {"text": "Once upon a time", "url": "x"}, {"text": "text"}),
]


@pytest.mark.parametrize(("kind", "row", "roles"), KNOWN, ids=[f"{k}-{'-'.join(r)}"[:60] for k, r, _ in KNOWN])
def test_a_published_layout_is_recognised(kind: str, row: dict, roles: dict) -> None:
    found = recognise({}, [row, row])

    assert found is not None
    assert found.kind == kind, found
    assert {role: found.column(Role(role)) for role in roles} == roles
    assert found.confidence >= 0.4
    assert found.why


def test_columns_without_a_meaning_are_not_forced_into_a_layout() -> None:
    assert recognise({}, [{"x": 1.5, "y": 2.5}]) is None


def test_names_and_types_alone_are_enough_where_there_are_no_rows() -> None:
    found = recognise({"prompt": "VARCHAR", "completion": "VARCHAR"}, [])

    assert found is not None
    assert found.kind is Kind.PROMPT_COMPLETION


def test_a_name_whose_values_say_otherwise_is_not_believed() -> None:
    found = recognise({}, [{"messages": "just a text", "label": 1}] * 3)

    assert found is None or found.kind is not Kind.MESSAGES


def test_a_damaged_row_among_good_ones_does_not_hide_the_layout() -> None:
    rows = [{"messages": [USER, BOT]}] * 8 + [{"messages": None}, {"messages": "broken"}]

    found = recognise({}, rows)

    assert found is not None
    assert found.kind is Kind.MESSAGES


def test_places_that_count_from_one_are_told_from_those_that_count_from_zero() -> None:
    options = {"question": "q", "options": ["a", "b", "c"]}
    from_one = recognise({}, [options | {"answer": number} for number in (1, 2, 3)])
    from_zero = recognise({}, [options | {"answer": number} for number in (0, 1, 2)])

    assert from_one is not None
    assert from_zero is not None
    assert (from_one.first_index, from_zero.first_index) == (1, 0)


def test_numbers_that_are_the_options_themselves_are_texts_not_places() -> None:
    rows = [{"question": "q", "options": ["7", "1", "2"], "answer": answer} for answer in ("7", "2", "1")]

    found = recognise({}, rows)

    assert found is not None
    assert found.answer_as == "text"


def test_a_person_can_say_which_column_plays_which_part() -> None:
    rows = [{"frage": "Was?", "antwort": "Das.", "nummer": 1}]

    assert recognise({}, rows) is None or recognise({}, rows).kind is not Kind.PROMPT_COMPLETION
    found = recognise({}, rows, roles={Role.PROMPT: "frage", Role.ANSWER: "antwort"})

    assert found is not None
    assert (found.column(Role.PROMPT), found.column(Role.ANSWER)) == ("frage", "antwort")
    assert found.others == ("nummer",)


def test_every_layout_that_fits_is_offered_the_likeliest_first() -> None:
    row = {"problem": "q", "solution": "a", "messages": [USER, BOT]}

    kinds = [layout.kind for layout in candidates({}, [row])]

    assert kinds[0] is Kind.MESSAGES
    assert Kind.PROMPT_COMPLETION in kinds


def test_class_names_travel_with_the_layout() -> None:
    found = recognise({}, [{"text": "fine film", "label": 1}], labels={"label": ["negative", "positive"]})

    assert found is not None
    assert found.labels == ("negative", "positive")


def test_inputs_and_outputs_are_told_apart() -> None:
    found = recognise({}, [{"instruction": "Add", "input": "2, 2", "output": "4", "id": "7"}])

    assert found is not None
    assert (found.inputs, found.outputs, found.others) == (("input", "instruction"), ("output",), ("id",))
