"""Rows become what the trainers take, or are kept aside with their reason."""

from __future__ import annotations

import itertools

import pytest
from tests.data.layouts.layout_rows import converted, located, only, reason

from labwright.contracts.data import Location, Rejected
from labwright.contracts.errors import DataError
from labwright.data.layouts import Converted, ConvertOptions, Kind, convert, read, recognise


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def bot(text: str) -> dict:
    return {"role": "assistant", "content": text}


# Texts side by side


def test_alpaca_joins_instruction_and_input() -> None:
    rows = [{"instruction": "Add.", "input": "2 and 2", "output": "4"}]

    assert only(rows, "prompt-completion") == {"prompt": "Add.\n\n2 and 2", "completion": "4"}
    assert only(rows, "messages") == {"messages": [user("Add.\n\n2 and 2"), bot("4")]}
    assert only(rows, "prompt") == {"prompt": "Add.\n\n2 and 2", "answer": "4"}


def test_alpaca_with_earlier_rounds_becomes_a_conversation() -> None:
    rows = [{"instruction": "And 3?", "output": "6", "history": [["2 and 2?", "4"]], "system": "Count."}]

    turns = [{"role": "system", "content": "Count."}, user("2 and 2?"), bot("4"), user("And 3?"), bot("6")]
    assert only(rows, "messages") == {"messages": turns}
    assert only(rows, "prompt-completion") == {"prompt": turns[:-1], "completion": turns[-1:]}


def test_texts_that_look_like_lists_stay_texts() -> None:
    rows = [{"prompt": "[1, 2]", "completion": '[{"text": "a", "author": "b"}]'}]

    assert only(rows, "prompt-completion") == rows[0]


def test_the_first_of_several_right_answers_is_taken_and_none_is_a_rejection() -> None:
    row = {
        "question": "Who?",
        "context": "Ada wrote it.",
        "answers": {"text": ["Ada", "Ada L."], "answer_start": [0, 0]},
    }

    assert only([row], "prompt-completion") == {"prompt": "Ada wrote it.\n\nWho?", "completion": "Ada"}
    unanswered = row | {"answers": {"text": [], "answer_start": []}}
    assert reason([row, unanswered], "messages") == "answers: there is no answer"


def test_a_system_prompt_is_set_where_there_is_none() -> None:
    rows = [{"prompt": "a", "completion": "b"}]

    assert only(rows, "messages", system="S")["messages"][0] == {"role": "system", "content": "S"}
    assert only(rows, "prompt-completion", system="S")["prompt"] == "S\n\na"
    own = [{"messages": [{"role": "system", "content": "mine"}, user("a"), bot("b")]}]
    assert only(own, "messages", system="S")["messages"][0]["content"] == "mine"


def test_a_class_is_answered_by_its_name() -> None:
    rows = [{"text": "a good film", "label": 1}]

    made = only(rows, "prompt-completion", labels={"label": ["negative", "positive"]}, template="Review: {text}")
    assert made == {"prompt": "Review: a good film", "completion": "positive"}
    beyond = [*rows, {"text": "x", "label": 7}]
    assert "none of the 2 classes" in reason(beyond, "messages", labels={"label": ["negative", "positive"]})
    assert reason([*rows, {"text": "x", "label": -1}], "messages") == "label: the row has no label"


# Worked answers


def test_gsm8k_keeps_the_reasoning_or_the_result_alone() -> None:
    rows = [{"question": "2 + 2?", "answer": "It is 4.\n#### 1,004"}]

    assert only(rows, "prompt-completion")["completion"] == "It is 4.\n#### 1,004"
    assert only(rows, "prompt-completion", keep_reasoning=False)["completion"] == "1,004"
    assert only(rows, "prompt") == {"prompt": "2 + 2?", "answer": "1,004"}


def test_an_answer_without_a_marked_result_cannot_be_cut_down_to_it() -> None:
    rows = [{"question": "q", "answer": "#### 1"}] * 3 + [{"question": "q", "answer": "no idea"}]

    assert reason(rows, "messages", Kind.WORKED, keep_reasoning=False).startswith("answer: no result is marked")
    whole = converted(rows, "prompt", Kind.WORKED)[-1]
    assert isinstance(whole, Converted)
    assert whole.row["answer"] is None
    assert any("no result is marked" in note for note in whole.notes)


# Options


def test_options_are_lettered_anew_and_the_answer_takes_the_form_that_was_asked_for() -> None:
    choices = {"text": ["ice", "fire"], "label": ["1", "2"]}
    rows = [{"question": "What is hot?", "choices": choices, "answerKey": "2"}]

    letter = only(rows, "prompt-completion")
    assert letter["prompt"].startswith("What is hot?\n\nA. ice\nB. fire\n\n")
    assert letter["completion"] == "B"
    assert only(rows, "prompt-completion", answer="text")["completion"] == "fire"
    assert only(rows, "prompt-completion", answer="both")["completion"] == "B. fire"
    made = only(rows, "preference")
    assert (made["chosen"], made["rejected"]) == ("B", "A")


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q", "choices": ["x", "y", "right"], "answer": 2},
        {"question": "q", "options": ["x", "y", "right"], "answer": "C"},
        {"question": "q", "options": ["A) x", "B) y", "C) right"], "correct": "C"},
        {"question": "q", "options": {"A": "x", "B": "right"}, "answer_idx": "B"},
        {"ctx": "q", "endings": ["x", "y", "z", "right"], "label": "3"},
        {"goal": "q", "sol1": "x", "sol2": "right", "label": 1},
        {"sentence": "q", "option1": "x", "option2": "right", "answer": "2"},
        {"context": "c", "question": "q", "answerA": "x", "answerB": "y", "answerC": "right", "label": "3"},
        {"question": "q", "opa": "x", "opb": "right", "opc": "y", "opd": "z", "cop": 1},
        {"question": "q", "mc1_targets": {"choices": ["right", "y"], "labels": [1, 0]}},
        {"question": "q", "distractor1": "x", "distractor2": "y", "distractor3": "z", "correct_answer": "right"},
        {"Question": "q", "Correct Answer": "right", "Incorrect Answer 1": "x", "Incorrect Answer 2": "y"},
        {"question": "q", "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "right"}], "answerKey": "B"},
        {"question": "q", "choices": '["x", "right"]', "answer": 1},
    ],
    ids=lambda row: "+".join(row)[:40],
)
def test_the_right_option_is_found_however_it_is_named(row: dict) -> None:
    assert only([row], "prompt-completion", answer="text")["completion"] == "right"


def test_the_order_of_distractors_depends_on_question_and_seed_alone() -> None:
    rows = [
        {"question": f"q{i}", "distractor1": "a", "distractor2": "b", "distractor3": "c", "correct_answer": "d"}
        for i in range(40)
    ]

    def letters(seed: int) -> list[str]:
        return [str(made.row["completion"]) for made in converted(rows, "prompt-completion", seed=seed)]  # type: ignore[union-attr]

    assert letters(0) == letters(0) != letters(1)
    assert set(letters(0)) == set("ABCD")


def test_questions_of_an_unlabelled_test_become_prompts_but_nothing_to_learn() -> None:
    rows = [
        {"question": "q", "choices": ["a", "b"], "answer": 1},
        {"question": "q", "choices": ["a", "b"], "answer": -1},
    ]

    assert reason(rows, "messages") == "answer: the row does not say which option is right"
    assert only(rows, "prompt")["answer"] is None


def test_an_answer_that_is_no_option_is_rejected() -> None:
    row = {"question": "q", "choices": ["a", "b"], "answer": 1}

    assert "none of the options' places" in reason([row, row, row | {"answer": 9}], "messages")


def test_yes_and_no_are_words_not_letters() -> None:
    rows = [{"question": "is it so", "passage": "It is.", "answer": True}]

    assert only(rows, "prompt-completion") == {
        "prompt": "It is.\n\nis it so?\n\nAnswer with yes or no.",
        "completion": "yes",
    }


# Conversations


def test_sharegpt_names_and_calls_become_messages() -> None:
    turns = [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Weather?"},
        {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Bonn"}}'},
        {"from": "observation", "value": '{"sky": "clear"}'},
        {"from": "gpt", "value": "Clear.", "weight": 1},
    ]
    result = converted([{"conversations": turns, "tools": '[{"name": "weather"}]'}], "messages")[0]

    assert isinstance(result, Converted)
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Bonn"}}}
    assert result.row["messages"] == [
        {"role": "system", "content": "Be brief."},
        user("Weather?"),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": '{"sky": "clear"}'},
        bot("Clear."),
    ]
    assert result.row["tools"] == '[{"name": "weather"}]'
    assert result.notes == {"'weight' of turns is left out"}


def test_content_parts_become_text_and_pictures_are_a_reason_to_reject() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    good = {"messages": [user(parts), bot([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "c"}])]}
    picture = {"messages": [user([{"type": "image_url", "image_url": {"url": "x"}}]), bot("c")]}

    made = only([good], "messages")["messages"]
    assert made == [user("a\nb"), bot("c") | {"reasoning_content": "hm"}]
    assert reason([good, picture], "messages").startswith("messages[0].content[0]: a part of type 'image_url'")
    assert only([good], "messages", keep_reasoning=False)["messages"][1] == bot("c")


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        (None, "messages: null where a list of turns should be"),
        ([], "messages: a list without turns"),
        ("hello", "messages: text ('hello') where a list of turns should be"),
        ([None], "messages[0]: null where a turn should be"),
        ([{"role": "user"}], "messages[0]: a turn without a role or a content; it has role"),
        ([user("a"), {"role": None, "content": "b"}], "messages[1].role: null where a role should be"),
        ([user("a"), {"role": "narrator", "content": "b"}], "messages[1].role: nobody knows the role 'narrator'"),
        ([user("a"), bot(None)], "messages[1].content: null where a text should be"),
        ([user("a"), bot({"nested": [None]})], "messages[1].content: an object where a text should be"),
        ([user("a"), bot(" \n")], "messages[1]: the assistant's turn is empty"),
        ([bot("b"), user("a"), bot("b")], "messages[0]: an assistant's turn before the first question"),
        ([user("a"), user("a"), bot("b")], "messages[1]: two user's turns in a row"),
        ([user("a"), bot("b"), user("c")], "messages[2]: it ends with the user's turn; no answer follows"),
        ([user("a"), {"role": "system", "content": "s"}, bot("b")], "messages[1]: a system turn that is not the first"),
        ([user("a"), {"role": "tool", "content": "s"}, bot("b")], "messages[1]: a tool's result that no assistant"),
        (
            [
                user("a"),
                {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]},
            ],
            "messages[1].tool_calls[0].arguments: text ('{') where an object should be",
        ),
    ],
)
def test_a_broken_conversation_is_kept_aside_with_its_place_and_reason(turns: object, why: str) -> None:
    good = {"messages": [user("a"), bot("b")]}

    assert reason([good, good, {"messages": turns}], "messages").startswith(why)


def test_repair_is_asked_for_and_told() -> None:
    turns = [bot("hi"), user("a"), user("b"), bot("c"), user("d")]
    result = converted([{"messages": turns}], "messages", repair=True)[0]

    assert isinstance(result, Converted)
    assert result.row["messages"] == [user("a\n\nb"), bot("c")]
    assert len(result.notes) == 3


def test_plain_text_is_refused_for_what_it_cannot_hold() -> None:
    short = {"messages": [user("a"), bot("b")]}
    long = {"messages": [user("a"), bot("b"), user("c"), bot("d")]}

    assert only([short], "prompt-completion", form="text") == {"prompt": "a", "completion": "b"}
    assert "3 turns before the answer" in reason([short, long], "prompt-completion", form="text")


def test_reasoning_in_tags_is_dropped_where_it_is_not_wanted() -> None:
    rows = [{"messages": [user("a"), bot("<think>\nhm\n</think>\n\nb")]}]

    assert only(rows, "messages", keep_reasoning=False)["messages"][1] == bot("b")
    assert only(rows, "messages") == rows[0]


def test_transcripts_are_read_turn_by_turn() -> None:
    rows = [{"text": "[INST] <<SYS>>S<</SYS>> a [/INST] b </s><s>[INST] c [/INST] d"}]

    turns = [{"role": "system", "content": "S"}, user("a"), bot("b"), user("c"), bot("d")]
    assert only(rows, "messages") == {"messages": turns}


# Preferences


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [user("q")], "chosen": [bot("a")], "rejected": [bot("b")]},
        {"chosen": [user("q"), bot("a")], "rejected": [user("q"), bot("b")]},
        {"prompt": "q", "chosen": [user("q"), bot("a")], "rejected": [user("q"), bot("b")]},
        {"prompt": "q", "chosen": [bot("a")], "rejected": [bot("b")]},
        {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
    ],
)
def test_preferences_of_all_kinds_become_one(row: dict) -> None:
    assert only([row], "preference") == {"prompt": [user("q")], "chosen": [bot("a")], "rejected": [bot("b")]}


def test_texts_that_begin_alike_are_divided_between_words() -> None:
    rows = [{"chosen": "The grass is green", "rejected": "The grass is grey"}]

    assert only(rows, "preference") == {"prompt": "The grass is", "chosen": " green", "rejected": " grey"}


def test_preferences_without_a_difference_are_rejected() -> None:
    good = {"prompt": "q", "chosen": "a", "rejected": "b"}
    talk = {"chosen": [user("q"), bot("a")], "rejected": [user("q"), bot("b")]}

    assert reason([good, good | {"rejected": "a"}], "preference") == "chosen+rejected: both answers are the same"
    assert "both answers are the same" in reason([talk, talk | {"rejected": talk["chosen"]}], "preference")
    other = [user("else"), bot("b")]
    assert "share no question" in reason([talk, talk | {"rejected": other}], "preference")
    assert reason([good, good | {"rejected": None}], "preference") == "rejected: null where an answer should be"


def test_the_winner_of_two_answers_is_chosen_and_a_tie_is_not_a_preference() -> None:
    row = {"prompt": "q", "response_0": "a", "response_1": "b", "better_response_id": 1}

    assert only([row], "preference") == {"prompt": "q", "chosen": "b", "rejected": "a"}
    assert "names neither" in reason([row, row | {"better_response_id": "tie"}], "preference")


def test_an_unwanted_answer_is_not_learnt() -> None:
    rows = [{"prompt": "q", "completion": "a", "label": True}, {"prompt": "q", "completion": "b", "label": False}]

    results = converted(rows, "prompt-completion")
    assert isinstance(results[0], Converted)
    assert isinstance(results[1], Rejected)
    assert results[1].reason.startswith("label: the answer is marked as not wanted")


# The whole


def test_conversion_streams() -> None:
    row = {"prompt": "a", "completion": "b"}
    layout = recognise({}, [row])
    assert layout is not None

    endless = ((Location("f", number), row) for number in itertools.count(1))
    first = list(itertools.islice(convert(endless, layout, "messages"), 3))

    assert [made.location.row for made in first] == [1, 2, 3]


def test_a_conversion_that_cannot_be_is_refused_before_the_first_row() -> None:
    text = recognise({}, [{"text": "once"}])
    pairs = recognise({}, [{"prompt": "a", "completion": "b"}])
    assert text is not None
    assert pairs is not None

    with pytest.raises(DataError, match="neither question nor answer"):
        convert([], text, "messages")
    with pytest.raises(DataError, match="no second, worse answer"):
        convert([], pairs, "preference")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ConvertOptions(template="{nothing}"), "no column"),
        (ConvertOptions(template="{question"), "lone"),
        (ConvertOptions(keep=("prompt",)), "cannot be kept"),
        (ConvertOptions(keep=("nothing",)), "none of that name"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_first_row(options: ConvertOptions, words: str) -> None:
    layout = recognise({}, [{"prompt": "a", "completion": "b", "id": 1}])
    assert layout is not None

    with pytest.raises(DataError, match=words):
        convert([], layout, "prompt-completion", options)


def test_a_template_fills_columns_and_runs_nothing() -> None:
    row = {"question": "q", "subject": "maths", "choices": ["a", "b"], "answer": 0}

    made = only([row], "prompt", template="{subject}: {question} {{x}}\n{choices}")
    assert made["prompt"] == "maths: q {x}\nA. a\nB. b"
    with pytest.raises(DataError, match="no column"):
        only([row], "prompt", template="{question.__class__}")


def test_kept_columns_are_carried_over() -> None:
    rows = [{"prompt": "a", "completion": "b", "id": 7, "source": "x"}]

    assert only(rows, "messages", keep=("id",))["id"] == 7


def test_what_json_cannot_hold_is_rejected_not_written() -> None:
    rows = [{"prompt": "a", "completion": "b", "id": 1.0}, {"prompt": "a", "completion": "\ud800", "id": 1.0}]

    assert reason(rows, "messages") == "messages: it holds half a character (a lone surrogate)"
    nan = [rows[0], rows[0] | {"id": float("nan")}]
    assert reason(nan, "messages", keep=("id",)).startswith("id: it has no form in JSON")


def test_a_row_can_be_read_without_converting_it() -> None:
    row = {"question": "q", "answer": "so\n#### 4"}
    layout = recognise({}, [row])
    assert layout is not None

    example = read(row, layout)
    assert example is not None
    assert (example.prompt[0].content, example.reference) == ("q", "4")
    assert read({"question": None, "answer": "x"}, layout) is None
    assert located([row])[0][0] == Location("data.jsonl", 1)
