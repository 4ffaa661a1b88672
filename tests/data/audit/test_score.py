"""The score says how much each kind of issue costs, the verdict what follows from it."""

from __future__ import annotations

from labwright.contracts.data import Issue, IssueClass, Severity
from labwright.data.audit.score import COSTS, judge


def _issue(kind: IssueClass, share: float, severity: Severity = "warning") -> Issue:
    return Issue(kind, severity, "something", round(1000 * share), 1000)


def test_every_kind_of_issue_has_its_price() -> None:
    assert set(COSTS) == set(IssueClass)


def test_clean_data_scores_100_and_is_fit() -> None:
    judgement = judge([_issue(IssueClass.MISSING, 0.9, "info")], "sft", 1000, 0.0)
    assert (judgement.score, judgement.fitness, dict(judgement.parts)) == (100, "fit", {})


def test_more_bad_rows_cost_more_and_never_more_than_the_kind_may() -> None:
    scores = [judge([_issue(IssueClass.EXACT_DUPLICATE, s)], None, 1000, s).score for s in (0.0, 0.01, 0.1, 0.5, 0.9)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == scores[-2] == 80


def test_two_issues_of_a_kind_cost_what_the_worse_one_does() -> None:
    worse, lesser = _issue(IssueClass.EMPTY, 0.1), _issue(IssueClass.EMPTY, 0.01)
    assert judge([worse, lesser], None, 1000, 0.1).score == judge([worse], None, 1000, 0.1).score


def test_an_error_asks_for_fixes_and_says_what_is_left_after_them() -> None:
    judgement = judge([_issue(IssueClass.EMPTY, 0.05, "error")], "sft", 1000, 0.05)
    assert judgement.fitness == "fit after these fixes"
    assert judgement.why == "mend empty first; about 950 of 1,000 rows are left without those that cannot be mended"


def test_what_no_fix_saves_is_too_low_quality_to_train_on() -> None:
    judgement = judge([_issue(IssueClass.CONFLICTING_LABELS, 0.6, "error")], "classify", 1000, 0.4)
    assert judgement.fitness == "unfit"
    assert judgement.why.startswith("too low quality to train on: most rows contradict one another")
    assert judgement.score < 40


def test_a_set_of_which_most_rows_would_have_to_go_is_unfit() -> None:
    judgement = judge([_issue(IssueClass.CHAT_FORMAT, 0.55, "error")], "sft", 1000, 0.55)
    assert judgement.fitness == "unfit"
    assert "55% of the 1,000 rows" in judgement.why


def test_a_very_low_score_is_unfit_by_itself() -> None:
    kinds = (IssueClass.CONTAMINATION, IssueClass.SECRET, IssueClass.PII)
    judgement = judge([_issue(kind, 0.1) for kind in kinds], None, 1000, 0.1)
    assert (judgement.fitness, judgement.score) == ("unfit", 15)
