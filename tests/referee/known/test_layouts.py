"""Rows of known datasets are asked and scored as they are known for."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.referee.known.sources import arc, gsm8k, humaneval

from labwright.contracts.errors import UsageError
from labwright.referee.known.draft import UnusableRowError
from labwright.referee.known.layouts import LAYOUTS, layout_of
from labwright.referee.known.reading import checked
from labwright.referee.measures.keys import Criterion
from labwright.referee.scorers import scorer_for

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("openai/gsm8k", "gsm8k", gsm8k(7, 8)[0], "Question: Ann has 7 apples and buys 1000. How many?\nAnswer:", "1007"),
    ("allenai/ai2_arc", "arc", arc(7, 8)[0], "Question: What is 7 + 1?\nAnswer:", "8"),
    ("openai/openai_humaneval", "humaneval", humaneval(7, 8)[0], humaneval(7, 8)[0]["prompt"], "    return x + 7\n"),
    ("cais/mmlu", "mmlu", {"question": " Which? ", "choices": ["w", "x", "y", "z"], "answer": 2, "subject": "s"},
     "Which?\nA. w\nB. x\nC. y\nD. z\nAnswer:", "C"),
    ("TIGER-Lab/MMLU-Pro", "mmlu-pro", {"question": "Which?", "options": ["w", "x"], "answer": "B", "answer_index": 1},
     "Which?\nA. w\nB. x\nAnswer:", "B"),
    ("allenai/sciq", "sciq", {"question": "What?", "distractor1": "a", "distractor2": "b", "distractor3": "c",
     "correct_answer": "d", "support": "It is d."}, "It is d.\nQuestion: What?\nAnswer:", "d"),
    ("google/boolq", "boolq", {"question": "is it", "passage": "It is.", "answer": True},
     "It is.\nQuestion: is it?\nAnswer:", "yes"),
    ("Rowan/hellaswag", "hellaswag", {"ctx_a": "A man [x] sits.", "ctx_b": "he", "activity_label": "Sitting",
     "endings": ["gets up.", "[step] flies."], "label": "1"}, "Sitting: A man sits. He", " flies."),
    ("ybisk/piqa", "piqa", {"goal": "Open it", "sol1": "push", "sol2": "pull", "label": 0},
     "Question: Open it\nAnswer:", "push"),
    ("truthfulqa/truthful_qa", "truthfulqa", {"question": "Q?",
     "mc1_targets": {"choices": ["a", "b"], "labels": [0, 1]}},
     "Question: Q?\nAnswer:", "b"),
    ("allenai/openbookqa", "openbookqa", {"question_stem": "Q", "choices": {"text": ["a", "b"], "label": ["A", "B"]},
     "answerKey": "A"}, "Question: Q\nAnswer:", "a"),
    ("EleutherAI/hendrycks_math", "math", {"problem": "Half?", "solution": r"It is $\boxed{\frac{1}{2}}$."},
     "Problem: Half?\nSolution:", r"\frac{1}{2}"),
    ("HuggingFaceH4/aime_2024", "aime", {"problem": "How many?", "answer": "033"},
     "Problem: How many?\nSolution:", "033"),
    ("mandarjoshi/trivia_qa", "triviaqa", {"question": "Who", "question_id": "q",
     "answer": {"value": "Paris", "aliases": ["Paree", "Paris"], "type": "WikipediaEntity"}},
     "Question: Who?\nAnswer:", "Paris"),
    ("google-research-datasets/nq_open", "nq-open", {"question": "who", "answer": ["A", "B"]}, "Q: who?\nA:", "A"),
    ("rajpurkar/squad", "squad", {"id": "1", "title": "T", "context": "C.", "question": "Q?",
     "answers": {"text": ["a b", "b"], "answer_start": [1, 2]}},
     "Title: T\n\nBackground: C.\n\nQuestion: Q?\n\nAnswer:", "a b"),
    ("EleutherAI/drop", "drop", {"passage": "P.", "question": "Who?", "query_id": "1",
     "answer": {"number": "", "date": {}, "spans": ["Ann", "Eve"]},
     "validated_answers": {"number": ["2"], "date": [{"day": "", "month": "", "year": ""}], "spans": [[]]}},
     "P. Who?", "Ann; Eve"),
    ("allenai/winogrande", "winogrande", {"sentence": "Ann thanked Eve since _ had helped.", "option1": "Ann",
     "option2": "Eve", "answer": "2"}, "Ann thanked Eve since _ had helped.", "Eve"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layout", "row", "prompt", "answer"), ROWS, ids=[row[1] for row in ROWS])
def test_a_row_is_asked_as_its_benchmark_asks(
    name: str, layout: str, row: dict[str, Any], prompt: str, answer: str
) -> None:
    found = layout_of(row, name)
    assert found is not None
    assert found.name == layout
    question = checked(found.read(row))
    assert (question.prompt, question.answer) == (prompt, answer)


def test_the_order_of_gpqas_choices_is_always_the_same_and_not_always_the_first() -> None:
    rows = [
        {"Question": f"Q{n}", "Correct Answer": "right", **{f"Incorrect Answer {i}": f"wrong{i}" for i in (1, 2, 3)}}
        for n in range(40)
    ]
    layout = layout_of(rows[0], "Idavidrein/gpqa")
    assert layout is not None
    letters = [layout.read(row).answer for row in rows]
    assert letters == [layout.read(row).answer for row in rows]
    assert set(letters) == {"(A)", "(B)", "(C)", "(D)"}
    for row in rows:
        question = layout.read(row)
        assert f"{question.answer} right" in question.prompt


def test_mbpp_asks_for_a_program_and_names_the_function_that_tests_call() -> None:
    row = {"task_id": 2, "text": "Add them.", "code": "def helper(): pass\n\ndef add(a, b):\n    return a + b",
           "test_list": ["assert set(add([1], [2])) == {1, 2}"], "test_setup_code": "import math"}  # fmt: skip
    layout = layout_of(row, "google-research-datasets/mbpp")
    assert layout is not None
    question = layout.read(row)
    assert question.entry_point == "add"
    assert question.tests.startswith("import math\nassert")
    assert question.prompt.endswith("```python")


def test_criteria_keep_their_points() -> None:
    row = {"prompt": [{"role": "user", "content": "Help"}], "rubrics": [{"criterion": "Kind", "points": 5},
           {"criterion": "Wrong dose", "points": -3}]}  # fmt: skip
    layout = layout_of(row, "openai/healthbench")
    assert layout is not None
    question = checked(layout.read(row))
    assert question.prompt == "Help"
    assert question.criteria == (Criterion("Kind", 5), Criterion("Wrong dose", -3))
    for bad in ([], [{"points": 5}], [{"criterion": "Wrong", "points": -3}], [{"criterion": "Kind", "points": "5"}]):
        with pytest.raises(UnusableRowError):
            layout.read({**row, "rubrics": bad})


def test_a_boxed_answer_is_found_with_its_braces() -> None:
    layout = layout_of({"problem": "", "solution": ""}, "math")
    assert layout is not None
    question = layout.read({"problem": "?", "solution": r"\boxed{\frac{1}{2}}"})
    from labwright.referee.pack import Item  # noqa: PLC0415

    scorer = scorer_for(layout.scorer)
    item = Item("i", question.prompt, question.answer)
    assert scorer.score(item, r"no \boxed{3}, rather \boxed{ \frac{1}{2} }").score == 1
    assert scorer.score(item, r"\boxed{\frac{1}{3}}").score == 0


@given(st.integers(0, len(LAYOUTS) - 1), st.randoms(use_true_random=False), JSON)
def test_any_row_is_a_question_or_says_why_not(place: int, dice: random.Random, value: Any) -> None:
    layout = LAYOUTS[place]
    known = next((row for _, name, row, _, _ in ROWS if name == layout.name), dict.fromkeys(layout.columns, value))
    row = {**known, dice.choice(sorted(known) or ["x"]): value}
    try:
        checked(layout.read(row))
    except UnusableRowError as error:
        assert str(error)


def test_every_answer_of_a_row_is_kept() -> None:
    rows = {row[1]: (row[0], row[2]) for row in ROWS}
    kept = {"triviaqa": ("Paris", "Paree"), "nq-open": ("A", "B"), "squad": ("a b", "b")}
    for name, answers in kept.items():
        layout = layout_of(rows[name][1], rows[name][0])
        assert layout is not None
        assert layout.read(rows[name][1]).answers == answers
    name, row = rows["drop"]
    layout = layout_of(row, name)
    assert layout is not None
    assert layout.read(row).spans == (("Ann", "Eve"), ("2",))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"title": "T", "context": "C", "question": "Q?", "answers": {"text": []}}, "does not answer"),
        ({"sentence": "No blank.", "option1": "a", "option2": "b", "answer": "1"}, "no blank"),
        ({"sentence": "It was _", "option1": "a", "option2": "b", "answer": "1"}, "nothing follows"),
        ({"sentence": "_ was _ and ____ [blank] [[blank]].", "option1": "a", "option2": "b", "answer": "1"}, "several"),
        ({"sentence": "It _ so.", "option1": "a", "option2": "b", "answer": ""}, "no answer"),
    ],
)
def test_a_row_that_cannot_be_scored_says_why(row: dict[str, Any], why: str) -> None:
    layout = layout_of(row, "some/data")
    assert layout is not None
    with pytest.raises(UnusableRowError, match=why):
        layout.read(row)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (("id", "question", "function"), "--answers"),
        (("uid", "category", "subcategory", "prompt"), "--answers"),
        (("question_id", "category", "cluster", "turns"), "--answers"),
        (("section_id", "query_id", "passage", "question", "answers_spans"), "hub:EleutherAI/drop"),
    ],
)
def test_a_known_benchmark_that_a_pack_cannot_say_is_refused_with_a_way_out(
    columns: tuple[str, ...], named: str
) -> None:
    with pytest.raises(UsageError, match="cannot be frozen faithfully") as raised:
        layout_of(columns, "hub:some/data")
    assert named in str(raised.value.cure)
