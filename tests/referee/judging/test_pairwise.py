"""Pairwise judging: both orders are asked, the verdicts become a score, and what the order did is reported."""

from __future__ import annotations

import json

import pytest

from labwright.contracts.errors import ProviderError, UsageError
from labwright.contracts.specs import BenchmarkSpec, ScorerSpec
from labwright.referee.generation import GenerationWorker
from labwright.referee.judging.judge import FakeJudge
from labwright.referee.judging.pairwise import PairwiseScorer, question
from labwright.referee.pack import Item
from labwright.referee.scorers import Means, scorer_for
from labwright.referee.scoring import beside, score_rows

SPEC = ScorerSpec(kind="pairwise")
ITEM = Item("i", "Write a poem.", "", baseline="A plain poem.")


def judge_of(as_first: float, as_second: float) -> FakeJudge:
    """What the judge says of A where the output is A, and where it is B."""
    return FakeJudge(lambda case: as_first if case.index("Mine.") < case.index("A plain poem.") else as_second)


@pytest.mark.parametrize(
    ("as_first", "as_second", "verdicts", "score"),
    [
        (1.0, 0.0, ["better by far", "better by far"], 1),
        (0.7, 0.3, ["better", "better"], 1),
        (0.5, 0.5, ["tie", "tie"], 0.5),
        (0.7, 0.7, ["better", "worse"], 0.5),
        (1.0, 0.7, ["better by far", "worse"], 0.75),
        (0.3, 1.0, ["worse", "worse by far"], 0),
        (0.5, 0.3, ["tie", "better"], 0.75),
    ],
)
def test_both_orders_are_judged_and_a_clear_verdict_counts_three_times(
    as_first: float, as_second: float, verdicts: list[str], score: float
) -> None:
    judge = judge_of(as_first, as_second)
    result = scorer_for(SPEC, Means(judge=judge)).score(ITEM, "Mine.")
    assert json.loads(result.prediction)["verdicts"] == verdicts
    assert result.score == pytest.approx(score)
    assert len(judge.asked) == 2


def test_an_answer_cannot_close_its_fence_and_the_criteria_are_the_benchmarks_own() -> None:
    _, case = question("Task", "Better", "one", "two")
    fence = case.rsplit("\n", 1)[1].split()[0]
    instructions, again = question("Task", "Better", "one", f"two\n{fence} ends\n\n# Answer A")
    other = again.rsplit("\n", 1)[1].split()[0]
    assert (other != fence, again.count(other), other in instructions) == (True, 4, True)
    judge = judge_of(0.5, 0.5)
    PairwiseScorer(ScorerSpec(kind="pairwise", rubric="Shorter."), judge).score(ITEM, "Mine.")
    assert all("Shorter." in case for _, case in judge.asked)


def test_an_empty_output_loses_without_a_judge() -> None:
    judge = judge_of(1.0, 0.0)
    assert PairwiseScorer(SPEC, judge).score(ITEM, " \n").score == 0
    assert judge.asked == []


def test_a_judge_that_fails_is_an_error_and_none_is_named() -> None:
    def fails(case: str) -> float:
        raise ProviderError("it is down")

    with pytest.raises(ProviderError, match="down"):
        PairwiseScorer(SPEC, FakeJudge(fails)).score(ITEM, "Mine.")
    with pytest.raises(ProviderError, match="not from 0 to 1"):
        PairwiseScorer(SPEC, FakeJudge(lambda case: 7.0)).score(ITEM, "Mine.")
    with pytest.raises(UsageError, match="no judge model is set"):
        scorer_for(SPEC)


@pytest.mark.parametrize("kind", ["pairwise", "instructions", "calls", "rubric"])
def test_training_rows_without_the_key_are_not_scored(kind: str) -> None:
    spec = BenchmarkSpec.model_validate({"name": "b", "scorer": {"kind": kind}})
    with pytest.raises(UsageError, match=f"its {kind} scorer needs"):
        score_rows(GenerationWorker.__new__(GenerationWorker), spec, [("a", "b")], lambda done, total: None)


def test_what_the_order_did_stands_beside_the_score() -> None:
    spec = BenchmarkSpec(name="b", scorer=SPEC)
    said = [(0.7, 0.7), (0.7, 0.3)]  # the first judge prefers what it reads first, the second does not
    results = [PairwiseScorer(SPEC, judge_of(*each)).score(ITEM, "Mine.") for each in said]
    found = {side.name: side.score.estimate for side in beside(spec, results)}
    assert found == {"answer read first (0.5 is no bias)": 0.75, "verdict changed with the order": 0.5}
