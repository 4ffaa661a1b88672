"""What goes out comes back, for any text, and no row of any shape escapes as a crash."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.contracts.data import Location, Rejected
from labwright.data.layouts import (
    TARGETS,
    Converted,
    ConvertOptions,
    Kind,
    Layout,
    candidates,
    convert,
    recognise,
)
from labwright.data.layouts.layout import roles_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(lambda text: text.strip())
KEYS = [
    *("role", "content", "from", "value", "tool_calls", "function", "arguments", "name", "text", "label", "choices"),
    *("prompt", "completion", "messages", "conversations", "chosen", "rejected", "question", "answer", "instruction"),
    *("output", "input", "answerKey", "options", "tools", "history", "system", "passage", "sol1", "sol2"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)
SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}

MESSAGES = Layout(Kind.MESSAGES, roles_of(messages="messages"), 1.0, "", chat=True)
TURN_PAIRS = Layout(Kind.PROMPT_COMPLETION, roles_of(prompt="prompt", answer="completion"), 1.0, "", chat=True)
TEXT_PAIRS = Layout(Kind.PROMPT_COMPLETION, roles_of(prompt="prompt", answer="completion"), 1.0, "")
SHARED = Layout(Kind.SHAREGPT, roles_of(messages="conversations"), 1.0, "", variant="from/value", chat=True)
EXPLICIT = Layout(Kind.PREFERENCE, roles_of(prompt="prompt", chosen="chosen", rejected="rejected"), 1.0, "", chat=True)
IMPLICIT = Layout(Kind.PREFERENCE, roles_of(chosen="chosen", rejected="rejected"), 1.0, "", chat=True)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict]:
    turns: list[dict] = []
    if draw(st.booleans()):
        turns.append({"role": "system", "content": draw(TEXT)})
    for _ in range(draw(st.integers(1, 3))):
        turns += [{"role": "user", "content": draw(TEXT)}, {"role": "assistant", "content": draw(TEXT)}]
    return turns


def one(row: dict, layout: Layout, to: str, **options: object) -> dict:
    (result,) = convert([(Location("f", 1), row)], layout, to, ConvertOptions(**options))
    assert isinstance(result, Converted), result
    return dict(result.row)


@given(conversations())
def test_messages_to_prompt_and_completion_and_back(turns: list[dict]) -> None:
    pair = one({"messages": turns}, MESSAGES, "prompt-completion")

    assert [*pair["prompt"], *pair["completion"]] == turns
    assert one(pair, TURN_PAIRS, "messages") == {"messages": turns}


@given(TEXT, TEXT)
def test_texts_to_messages_and_back(prompt: str, completion: str) -> None:
    row = {"prompt": prompt, "completion": completion}

    messages = one(row, TEXT_PAIRS, "messages")
    assert one(messages, MESSAGES, "prompt-completion", form="text") == row
    assert one(row, TEXT_PAIRS, "prompt-completion") == row


@given(conversations())
def test_sharegpt_to_messages_and_back(turns: list[dict]) -> None:
    shared = [{"from": SHAREGPT[turn["role"]], "value": turn["content"]} for turn in turns]

    assert one({"conversations": shared}, SHARED, "messages") == {"messages": turns}


@given(conversations())
def test_messages_stay_as_they_are(turns: list[dict]) -> None:
    assert one({"messages": turns}, MESSAGES, "messages") == {"messages": turns}
    assert one({"messages": turns}, MESSAGES, "messages", repair=True) == {"messages": turns}


@given(conversations(), TEXT, TEXT)
def test_a_preference_with_its_question_apart_and_within_is_the_same(turns: list[dict], one_: str, two: str) -> None:
    if one_ == two:
        two += "!"
    prompt = turns[:-1]
    chosen, rejected = ({"role": "assistant", "content": text} for text in (one_, two))
    explicit = {"prompt": prompt, "chosen": [chosen], "rejected": [rejected]}
    implicit = {"chosen": [*prompt, chosen], "rejected": [*prompt, rejected]}

    assert one(explicit, EXPLICIT, "preference") == explicit
    assert one(implicit, IMPLICIT, "preference") == explicit
    assert one(explicit, EXPLICIT, "messages") == {"messages": [*prompt, chosen]}


@given(TEXT, TEXT)
def test_texts_divided_at_their_common_beginning_still_say_the_same(chosen: str, rejected: str) -> None:
    (result,) = convert(
        [(Location("f", 1), {"chosen": f"a b {chosen}", "rejected": f"a b {rejected}"})],
        IMPLICIT,
        "preference",
        ConvertOptions(form="text"),
    )

    if isinstance(result, Converted):
        assert f"{result.row['prompt']}{result.row['chosen']}" == f"a b {chosen}"
        assert f"{result.row['prompt']}{result.row['rejected']}" == f"a b {rejected}"
    else:
        assert chosen == rejected or "no question" in result.reason


@given(st.lists(TEXT, min_size=2, max_size=6, unique_by=str.strip), st.data())
def test_the_text_of_the_right_option_survives_lettering(options: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(options) - 1))
    layout = Layout(
        Kind.CHOICES, roles_of(prompt="question", choices="choices", answer="answer"), 1.0, "", answer_as="index"
    )
    row = {"question": "q", "choices": options, "answer": right}

    assert one(row, layout, "prompt-completion")["completion"] == "ABCDEF"[right]
    made = one(row, layout, "preference", answer="text")
    assert made["chosen"].endswith(options[right]) or options[right].endswith(made["chosen"])
    assert made["rejected"] != made["chosen"]


@settings(max_examples=300)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), min_size=1, max_size=4), st.booleans())
def test_rows_of_any_shape_are_converted_or_rejected_and_none_is_lost(rows: list[dict], repair: bool) -> None:
    located = [(Location("f", number), row) for number, row in enumerate(rows, start=1)]

    for layout in candidates({}, rows):
        assert 0 < layout.confidence <= 1
        for target in layout.targets:
            results = list(convert(located, layout, target, ConvertOptions(repair=repair)))
            assert [result.location.row for result in results] == list(range(1, len(rows) + 1))
            assert all(result.reason for result in results if isinstance(result, Rejected))


@settings(max_examples=200)
@given(st.sampled_from([*Kind]), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8))
def test_a_row_that_does_not_fit_its_layout_is_rejected_not_a_crash(kind: Kind, row: dict) -> None:
    for known in _known():
        if known.kind is not kind:
            continue
        for target in TARGETS:
            if target in known.targets:
                assert len(list(convert([(Location("f", 1), row)], known, target))) == 1


def _known() -> list[Layout]:
    rows = [
        {"messages": [{"role": "user", "content": "a"}], "tools": "[]", "system": "s"},
        {"conversations": [{"from": "human", "value": "a"}], "system": "s"},
        {"text": "### Human: a### Assistant: b"},
        {"instruction": "a", "input": "b", "output": "c", "history": [], "system": "s"},
        {"prompt": "a", "completion": "b"},
        {"prompt": "a"},
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"chosen": "b", "rejected": "c"},
        {"prompt": "a", "completion": "b", "label": True},
        {"question": "a", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"},
        {"question": "a", "options": ["a", "b"], "answer": 0},
        {"question": "q", "sol1": "a", "sol2": "b", "label": 0},
        {"question": "a", "passage": "b", "answer": True},
        {"question": "a", "answer": "#### 4"},
        {"text": "good", "label": 1},
        {"text": "once"},
    ]
    found = [recognise({}, [row]) for row in rows]
    return [layout for layout in found if layout is not None]
