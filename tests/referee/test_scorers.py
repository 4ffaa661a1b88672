"""Scorers: right is right, and no output can crash one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.contracts.specs import ScorerSpec
from labwright.referee.pack import Item
from labwright.referee.scorers import choose, correct_choices, last_number, scorer_for

SPECS = [
    ScorerSpec(kind="exact"),
    ScorerSpec(kind="exact", normalise=("strip",)),
    ScorerSpec(kind="normalised"),
    ScorerSpec(kind="numeric"),
    ScorerSpec(kind="regex", pattern=r"answer is (.*?)(?:\.|$)"),
    ScorerSpec(kind="regex", pattern=r"(a)|b"),
    ScorerSpec(kind="choice"),
]
CHOICES = ("yes", "no", "maybe")


def score(spec: ScorerSpec, answer: str, output: str, choices: tuple[str, ...] = ()) -> float:
    return scorer_for(spec).score(Item("i", "?", answer, choices), output).score


@given(st.sampled_from(SPECS), st.text(), st.text(alphabet="0123456789/,.%-+eE² \n١answeri"))
def test_any_output_gets_a_score_of_0_or_1(spec: ScorerSpec, answer: str, output: str) -> None:
    assert score(spec, answer, output, CHOICES) in (0.0, 1.0)
    assert score(spec, output, answer, CHOICES) in (0.0, 1.0)


@given(st.text(), st.lists(st.text(), max_size=3), st.text())
def test_words_give_a_share_and_the_answer_itself_all(answer: str, others: list[str], output: str) -> None:
    words = scorer_for(ScorerSpec(kind="f1"))
    item = Item("i", "?", answer, answers=tuple(others))
    assert 0 <= words.score(item, output).score <= 1
    assert words.score(item, answer).score == 1


@pytest.mark.parametrize(
    ("output", "share"),
    [
        ("The Eiffel Tower", 1),
        ("eiffel tower in Paris", 2 / 3),
        ("tower tower", 0.5),
        ("Paris", 0),
        ("", 0),
        ("A big, iron lady!", 1),
    ],
)
def test_words_are_counted_as_squad_counts_them_and_the_best_answer_counts(output: str, share: float) -> None:
    item = Item("i", "?", "Eiffel Tower", answers=("Eiffel Tower", "the big iron lady"))
    assert scorer_for(ScorerSpec(kind="f1")).score(item, output).score == pytest.approx(share)


@pytest.mark.parametrize(
    ("spec", "right", "wrong"),
    [
        (ScorerSpec(kind="exact", normalise=("strip", "lower")), "paree", "rome"),
        (ScorerSpec(kind="normalised"), "The Paree.", "Paree, Paris"),
        (ScorerSpec(kind="includes", normalise=("lower",)), "It is paree", "It is Rome"),
        (ScorerSpec(kind="includes", place="end"), "It is 7", "7 it is"),
        (ScorerSpec(kind="numeric"), "so 7", "so 8"),
        (ScorerSpec(kind="regex", pattern="is (.*)"), "it is Paree", "it is Rome"),
    ],
)
def test_any_of_several_answers_is_right(spec: ScorerSpec, right: str, wrong: str) -> None:
    item = Item("i", "?", "Paris", answers=("Paris", "Paree", "7"))
    assert scorer_for(spec).score(item, right).score == 1
    assert scorer_for(spec).score(item, wrong).score == 0


def test_any_of_several_choices_is_right() -> None:
    item = Item("i", "?", "A", CHOICES, answers=("A", "maybe"))
    scored = [scorer_for(ScorerSpec(kind="choice")).score(item, choice).score for choice in CHOICES]
    assert scored == [1, 0, 1]


@given(st.text(min_size=1))
def test_the_answer_itself_is_right_to_text_scorers(answer: str) -> None:
    assert all(score(spec, answer, answer) == 1.0 for spec in SPECS[:3])


def test_exact_forgives_nothing_that_the_benchmark_does_not_name() -> None:
    assert score(SPECS[0], "1 2", " 1 2") == 0
    assert score(SPECS[1], "1 2", " 1 2\n") == 1
    assert score(SPECS[1], "1 2", "1  2") == 0


def test_normalised_forgives_case_punctuation_articles_and_blanks() -> None:
    assert score(SPECS[2], "the Eiffel Tower", " Eiffel  tower. ") == 1
    assert score(SPECS[2], "the Eiffel Tower", "Eiffel") == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("It is 7, or rather 8.", 8),
        ("1,234,567.5", 1234567.5),
        ("-3", -3),
        ("−3", -3),
        ("from 10-12", 12),
        ("3/4", 0.75),
        ("1 / 3", 1 / 3),
        ("25%", 0.25),
        ("12.5 %", 0.125),
        (".5", 0.5),
        ("6.02e23", 6.02e23),
        ("$1,299.00", 1299),
        ("1/0", None),
        ("none", None),
        ("", None),
    ],
)
def test_the_last_number_of_a_text_is_read(text: str, number: float | None) -> None:
    assert last_number(text) == pytest.approx(number)


def test_numbers_are_compared_within_the_tolerance() -> None:
    near = ScorerSpec(kind="numeric", tolerance=0.01)
    assert score(near, "3.14", "about 3.1459") == 1
    assert score(near, "3.14", "about 3.2") == 0
    assert score(near, "3.14", "1e999") == 0


def test_a_percentage_meets_the_number_however_the_question_was_meant() -> None:
    assert score(SPECS[3], "50", "50%") == score(SPECS[3], "0.5", "50%") == score(SPECS[3], "50%", "50") == 1
    assert score(SPECS[3], "50%", "5%") == 0


def test_a_regex_takes_its_last_match() -> None:
    output = "the answer is 3. No: the answer is 4."
    assert (score(SPECS[4], "4", output), score(SPECS[4], "3", output), score(SPECS[4], "3", "3")) == (1, 0, 0)


@pytest.mark.parametrize("answer", ["no", " no ", "B", "b", "1"])
def test_a_choice_answer_may_be_a_text_a_letter_or_an_index(answer: str) -> None:
    assert correct_choices(Item("i", "?", answer, CHOICES)) == ("no",)
    assert score(ScorerSpec(kind="choice"), answer, "no", CHOICES) == 1


def test_the_likeliest_choice_wins_and_length_counts_only_where_asked() -> None:
    assert choose(("a", "a long one"), (-2.0, -4.0), by_length=False) == "a"
    assert choose(("a", "a long one"), (-2.0, -4.0), by_length=True) == "a long one"
