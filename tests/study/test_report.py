"""The report says what the ledger holds, escapes what people wrote, and needs nothing but itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.study import sample_study as sample

from labwright.contracts.errors import StorageError
from labwright.contracts.events import GateChecked
from labwright.contracts.research import (
    Comparison,
    Evaluation,
    GateReport,
    Hit,
    Interval,
    Outcome,
    StudyState,
    Verdict,
)
from labwright.contracts.views import BudgetView, Curve, CurvePoint, StudyView
from labwright.pages.svg import nice_ticks, score_domain
from labwright.study.report import gather, headline_of, markdown, page, result_document, write_report
from labwright.study.report import numbers as n
from labwright.study.report.markdown import code, plain
from labwright.study.report.plots import thinned

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Balance(HTMLParser):
    """Checks that every element that is opened is closed, and keeps the tags seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


def html(view: StudyView | None = None, difference: Comparison | None = sample.DIFFERENCE) -> str:
    facts = gather(
        view or sample.study(),
        sample.curves(),
        difference=difference,
        openings=2,
        reproduce=sample.REPRODUCE,
        environment=sample.ENVIRONMENT,
    )
    return page(facts)


def empty() -> StudyView:
    """A study that has only just been created."""
    return replace(
        sample.study(),
        state=StudyState.CREATED,
        phase="",
        wall_clock_s=0.0,
        active_s=0.0,
        ended_at=None,
        budget=BudgetView(900.0, 0.0, 0.0, 12, 0, 0),
        base=None,
        benchmark=None,
        datasets=(),
        findings={},
        gates=(),
        preflight=None,
        trials=(),
        runs=(),
        alerts=(),
        incidents=(),
        evaluations=(),
        verdicts=(),
        best=None,
        openings=(),
        queries=(),
        notes=(),
        phases=(),
        evaluated_at={},
    )


def test_the_headline_of_a_promotion_carries_both_scores_the_interval_and_p() -> None:
    assert headline_of(sample.study(), sample.DIFFERENCE).text == (
        "Promoted: number-sorting LoRA lr 1e-3 on sorted lifts accuracy from 8.0 % (few-shot base) to 71.0 % on the "
        "sealed test, +63.0 points (95 % CI 54.1 to 71.9), p = 3.1 × 10⁻³¹."
    )


def test_a_promotion_whose_test_interval_holds_zero_is_not_called_a_gain() -> None:
    tie = Comparison(200, 12, 9, Interval(0.015, -0.03, 0.06), 0.66)
    headline = headline_of(sample.study(), tie)
    assert headline.title == "Promoted on dev, not confirmed on the test"
    assert "lifts" not in headline.sentence
    assert "(95 % CI −3.0 to 6.0), p = 0.66" in headline.sentence


def test_data_that_was_blocked_for_its_source_is_told_apart_from_data_that_holds_items() -> None:
    view = sample.blocked()
    sourced = replace(view.datasets[0], id="0" * 16, name="reworded")
    report = GateReport(sourced.id, "test", 50, 0, "block", shared_sources=("org/numbers (test)",))
    both = replace(view, datasets=(*view.datasets, sourced), gates=(*view.gates, GateChecked("b", report)))
    assert headline_of(both, None).sentence.startswith(
        "reworded was made of what the benchmark was made of, org/numbers (test); "
        "7 training rows of noisy hold test items, so nothing was trained."
    )


@pytest.mark.parametrize(
    ("view", "outcome", "says"),
    [
        (sample.unimproved(), "no-improvement", "no trained model beat the few-shot base"),
        (sample.blocked(), "blocked", "7 training rows of noisy hold test items, so nothing was trained"),
        (sample.running(), "running", "the study is in its search phase"),
        (
            replace(sample.unimproved(), state=StudyState.STOPPED, reason="budget spent."),
            "stopped",
            "budget spent. The few",
        ),
        (
            replace(sample.unimproved(), state=StudyState.FAILED, reason="the disk is full"),
            "failed",
            "the disk is full.",
        ),
        (empty(), "running", "The untrained base remains the best model"),
    ],
)
def test_every_way_a_study_ends_has_its_headline_and_renders(view: StudyView, outcome: str, says: str) -> None:
    headline = headline_of(view, None)
    assert headline.outcome == outcome
    assert says in headline.sentence
    rendered = html(view, None)
    assert headline.title in rendered
    balance = Balance()
    balance.feed(rendered)
    assert not balance.open
    assert headline.title in markdown(gather(view, {}))


def test_the_closest_trial_says_what_it_lacked_and_a_rejected_one_is_never_the_closest() -> None:
    view = sample.unimproved()
    short = replace(
        next(v for v in view.verdicts if v.trial_id.endswith("t5")),
        comparison=Comparison(200, 14, 8, Interval(0.01, -0.02, 0.04), 0.29),
        threshold=0.05 / 6,
    )
    kept = tuple(e for e in view.evaluations if not e.subject.endswith("t2.r1"))
    sentence = headline_of(replace(view, evaluations=kept, verdicts=(*view.verdicts, short)), None).sentence
    assert "The closest, t5.r1, reached 8.5 % [5.4, 13.2] on dev (p = 0.29, where p < 0.0083 was needed)." in sentence


def test_a_study_without_improvement_says_how_many_models_were_refused() -> None:
    view = sample.unimproved()
    refused = Verdict(view.id, view.trials[0].id, None, Outcome.REJECT, "its model cannot be scored")
    others = tuple(v for v in view.verdicts if v.outcome is not Outcome.REJECT)
    assert "refused" not in headline_of(replace(view, verdicts=others), None).sentence
    told = headline_of(replace(view, verdicts=(*others, refused)), None).sentence
    of_all = f"the referee refused the models of 1 of {len(view.trials)} trials. "
    assert told.startswith(f"no trained model beat the few-shot base, and {of_all}")


def test_a_stopped_study_keeps_its_promotion_and_says_that_it_stopped() -> None:
    headline = headline_of(replace(sample.study(), state=StudyState.STOPPED, reason="time is up"), sample.DIFFERENCE)
    assert headline.outcome == "promoted"
    assert headline.caution == "The study stopped: time is up"


def test_the_page_is_self_contained_and_well_formed() -> None:
    rendered = html()
    balance = Balance()
    balance.feed(rendered)
    assert not balance.open
    assert balance.seen.count("svg") >= 10
    assert not re.search(r"""(?:src|href)="(?!#|data:)""", rendered)
    assert not re.search(r"@import|url\(", rendered)
    assert len(rendered) < 400_000


def test_what_people_wrote_is_escaped_everywhere() -> None:
    evil = "<script>alert('x')</script> & | `code` [link](http://x)"
    view = sample.study(goal=evil)
    trial = replace(
        view.trials[1], change=evil, hypothesis=replace(view.trials[1].hypothesis, statement=evil, sources=(evil,))
    )
    alert = replace(view.alerts[0], message=evil)
    incident = replace(view.incidents[0], where=evil, detail=evil)
    view = replace(view, trials=(view.trials[0], trial, *view.trials[2:]), alerts=(alert,), incidents=(incident,))
    rendered = html(view)
    assert "<script>alert" not in rendered
    assert "&lt;script&gt;alert" in rendered
    assert rendered.count("<script>") == 1
    text = markdown(gather(view, {}))
    outside_code = re.sub(r"``.*?``", "", text)
    assert "<script>" not in outside_code
    assert "[link](" not in outside_code


def test_spans_of_test_items_never_reach_a_report() -> None:
    secret = Hit(3, "test-0007", "exact", 1.0, "SEALED 1 2 3")
    report = GateReport(sample.SORTED, "test", 500, 1, "drop", (secret,))
    view = replace(sample.study(), gates=(*sample.gates(), GateChecked(sample.BENCHMARK, report)))
    both = html(view) + markdown(gather(view, {}))
    assert "SEALED" not in both
    assert "test-0007" not in both
    assert "dev-0031" in both


def test_alerts_failures_incidents_and_the_meter_are_named() -> None:
    facts = gather(sample.study(), sample.curves(), openings=3)
    both = (page(facts), markdown(facts))
    for text in both:
        assert "foreign weights" in text
        assert "tampered-benchmark" in text
        assert "out of memory at step 3" in text
        assert "opened 3 times" in text
        assert "divergence" in text
        assert "taken up again as t5" in text
    assert [t.short for t in facts.trials] == ["t1", "t2", "t6", "t3", "t4", "t5"]
    assert {t.short: t.outcome for t in facts.trials} == {
        "t1": "discard", "t2": "promote", "t6": "failed", "t3": "reject", "t4": "cancelled", "t5": "discard"
    }  # fmt: skip


def test_one_unsandboxed_run_makes_the_boundary_not_enforced() -> None:
    view = sample.study()
    loose = replace(view.runs[1], boundary="not enforced")
    view = replace(view, runs=(view.runs[0], loose, *view.runs[2:]))
    assert gather(view, {}).boundary == "not enforced"
    assert result_document(view)["boundary"] == "not enforced"
    assert gather(sample.study(), {}).boundary == "enforced"


def test_an_incumbent_that_was_trained_has_its_own_line() -> None:
    view = sample.study()
    earlier = next(e for e in view.evaluations if e.subject.endswith("t1.r1"))
    given = tuple(replace(v, against=earlier.id) if v.trial_id.endswith("t2") else v for v in view.verdicts)
    facts = gather(replace(view, verdicts=given), {})
    row = facts.score("dev", "incumbent")
    assert row is not None
    assert row.label == "incumbent t1.r1"
    assert "incumbent t1.r1" in page(facts)


def test_the_json_document_holds_scores_as_fractions_and_nulls_where_nothing_is_known() -> None:
    document = result_document(
        sample.study(), report=Path("/lab/report.html"), difference=sample.DIFFERENCE, best_model=Path("/lab/best")
    )
    document = json.loads(json.dumps(document))
    assert document["test"]["best"] == {"estimate": 0.71, "low": 0.644, "high": 0.768, "items": 200}
    assert document["difference"]["p_value"] == 3.1e-31
    assert document["verdict"]["outcome"] == "promoted"
    assert document["best_model"] == "/lab/best"
    assert document["incidents"][0]["kind"] == "foreign-weights"
    assert (document["trials"], document["runs"]) == (6, 10)
    bare = json.loads(json.dumps(result_document(empty())))
    assert bare["dev"] == {"zero_shot": None, "few_shot": None, "best": None}
    assert bare["difference"] is None


def test_reports_are_written_whole_and_replace_older_ones(tmp_path: Path) -> None:
    out = tmp_path / "studies" / "one"
    write_report(sample.running(), {}, out)
    text, rendered = write_report(sample.study(), sample.curves(), out, difference=sample.DIFFERENCE)
    assert sorted(p.name for p in out.iterdir()) == ["report.html", "report.md"]
    assert "Promoted" in text.read_text("utf-8")
    assert rendered.read_text("utf-8").lstrip().startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="report"):
        write_report(sample.study(), {}, tmp_path / "file" / "below")


def test_curves_of_many_or_broken_points_still_draw() -> None:
    points = tuple(CurvePoint(i, i, 1, 1.0 / (i + 1), 0.0, 2.0) for i in range(1000))
    assert len(thinned(points)) <= 240
    assert sum(p.count for p in thinned(points)) == 1000
    run_id = f"{sample.STUDY}.t1.r1"
    broken = (CurvePoint(1, 1, 1, 1.0, 1.0, 1.0), CurvePoint(2, 2, 1, float("nan"), float("nan"), float("inf")))
    facts = gather(sample.study(), {run_id: (Curve(run_id, "loss", broken), Curve(run_id, "eval_loss", ()))})
    drawn = "".join(re.findall(r'(?: d| x| y| cx| cy|x1|x2|y1|y2|width)="[^"]*"', page(facts)))
    assert "nan" not in drawn and "inf" not in drawn


def test_a_study_with_hundreds_of_trials_renders() -> None:
    view = sample.study()
    chain = [
        replace(view.trials[0], id=f"{sample.STUDY}.t{i}", parent_id=f"{sample.STUDY}.t{i - 1}") for i in range(7, 207)
    ]
    rendered = html(replace(view, trials=(*view.trials, *chain)))
    assert "t206" in rendered


def test_markdown_keeps_names_readable_and_escapes_emphasis() -> None:
    assert plain("learning_rate *x* _y_ a|b <i>") == "learning_rate \\*x\\* \\_y\\_ a\\|b &lt;i&gt;"
    assert code("a`b|c\nd") == "`` a`b¦c d ``"


def test_numbers_are_written_the_way_the_field_writes_them() -> None:
    assert n.percent(0.7104) == "71.0 %"
    assert n.bracket(Interval(0.5, 0.0, 1.0)) == "[0.0, 100.0]"
    assert n.points(-0.0123) == "−1.2 points"
    assert n.p_value(0.013) == "0.013"
    assert n.p_value(0.00099) == "9.9 × 10⁻⁴"
    assert n.p_value(0.5) == "0.50"
    assert n.p_equals(0.0) == "p < 10⁻³⁰⁰"
    assert n.value(0.0003) == "3e-4"
    assert n.value(True) == "yes"
    assert [n.duration(s) for s in (3.2, 59.7, 200, 7500)] == ["3.2 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]
    assert n.clock(7500) == "2:05:00"
    assert n.size(2_800_000_000) == "2.8 GB"


def test_ticks_are_round_and_domains_hold_every_score() -> None:
    assert nice_ticks(0.0, 0.8, 8) == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    assert nice_ticks(3.0, 3.0) == (3.0,)
    assert score_domain([0.027, 0.782]) == (0.0, 0.8)
    assert score_domain([0.91, 0.96]) == (0.9, 1.0)
    assert score_domain([]) == (0.0, 1.0)


def test_an_unattested_best_model_says_so() -> None:
    view = sample.study()

    def loose(e: Evaluation) -> Evaluation:
        return replace(e, attestation="unattested") if e.subject.endswith("t2.r2") else e

    view = replace(view, evaluations=tuple(loose(e) for e in view.evaluations))
    rendered = html(view)
    assert "The best model is <b>unattested</b>" in rendered
    assert "| unattested |" in markdown(gather(view, {}))
