"""DROP's measure: lists of spans are paired one to one, as the benchmark's own evaluation pairs them."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.contracts.specs import ScorerSpec
from labwright.referee.known.taskfiles import Function, callable_of, installed_tasks
from labwright.referee.measures.spans import alignment_f1, exact_match
from labwright.referee.pack import Item
from labwright.referee.scorers import scorer_for

LISTED = ScorerSpec(kind="spans", separator=";")
WORDS = st.lists(
    st.sampled_from(["Ann", "the Eve-May", "3", "3.0", "12 yards", "a", "New York.", "$5", ""]), min_size=1
)


def score(spec: ScorerSpec, output: str, *spans: tuple[str, ...]) -> float:
    return scorer_for(spec).score(Item("i", "?", "", spans=spans), output).score


@pytest.mark.parametrize(
    ("output", "f1"),
    [
        ("Ann; Eve May", 1),
        ("eve may; ANN.", 1),
        ("Ann", 0.5),
        ("Ann; Eve May; Bob", 0.67),
        ("Ann; Eve", 0.83),
        ("Ann Eve May", 0.4),
        ("Bob", 0),
        (" ; ", 0),
        ("", 0),
    ],
)
def test_spans_are_paired_one_to_one(output: str, f1: float) -> None:
    assert score(LISTED, output, ("Ann", "Eve-May")) == pytest.approx(f1)


def test_numbers_have_to_be_the_same_and_the_best_answer_counts() -> None:
    assert score(LISTED, "3 yards", ("4 yards",)) == 0
    assert score(LISTED, "3.0", ("3",)) == 1
    assert score(LISTED, "3 yards", ("4 yards",), ("3",)) == pytest.approx(0.67)


def test_without_a_separator_an_output_is_one_span_and_whole_answers_are_all_or_nothing() -> None:
    assert score(ScorerSpec(kind="spans"), "Ann; Eve", ("Ann", "Eve")) == pytest.approx(0.33)
    whole = LISTED.model_copy(update={"whole": True})
    assert [score(whole, said, ("Ann", "Eve")) for said in ("Eve; ann", "Ann")] == [1, 0]
    assert scorer_for(LISTED).score(Item("i", "?", "Ann", answers=("Ann", "Eve")), "eve").score == 1


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
@settings(max_examples=40)
@given(WORDS, WORDS)
def test_it_agrees_with_the_harness_itself(said: list[str], right: list[str]) -> None:
    installed = installed_tasks()
    assert installed is not None
    theirs = callable_of(Function("utils.get_metrics", installed / "drop"), allowed=False)
    exact, f1 = theirs(said, tuple(right))
    assert (float(exact_match(said, right)), alignment_f1(said, right)) == (exact, pytest.approx(f1))


@pytest.mark.parametrize("piece", [";", "a;", "1 ", "-", "the "])
def test_a_pathological_output_is_scored_like_any_other(piece: str) -> None:
    assert 0 <= score(LISTED, piece * 10_000, ("Ann", "Eve")) <= 1
