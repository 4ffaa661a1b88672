"""What the detectors say beside the rows they flag, and where they keep silent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pydantic import JsonValue
from tests.data.audit.planted import pairs, topics, words_as_tokens
from tests.data.audit.tables import table_of

from labwright.contracts.data import AuditReport, Issue, IssueClass, Purpose
from labwright.data.audit.confident import judge_labels
from labwright.data.audit.engine import Request
from labwright.data.audit.full import audit_table
from labwright.data.audit.structure import Purposes

MANY = 45_000


def _issue(report: AuditReport, kind: IssueClass) -> Issue:
    (found,) = [issue for issue in report.issues if issue.kind is kind]
    return found


def _grave(report: AuditReport) -> list[Issue]:
    return [issue for issue in report.issues if issue.severity != "info"]


def test_clean_data_of_every_purpose_is_fit_and_scores_100(tmp_path: Path) -> None:
    chat = [
        {
            "messages": [
                {"role": "user", "content": row["prompt"]},
                {"role": "assistant", "content": row["completion"]},
            ]
        }
        for row in pairs(random.Random(5), 300)
    ]
    for name, rows, request in (
        ("pairs.jsonl", pairs(random.Random(3), 500), Request(purpose="sft")),
        ("chat.jsonl", chat, Request(purpose="sft")),
        ("classes.jsonl", topics(random.Random(4), 500), Request(purpose="classify")),
    ):
        report = audit_table(table_of(tmp_path, rows, name), request)  # type: ignore[arg-type]
        assert (report.score, report.fitness, _grave(report)) == (100, "fit", []), name


@pytest.mark.parametrize(
    ("purpose", "row", "lacks"),
    [
        ("dpo", {"prompt": "p", "completion": "c"}, "a chosen and a rejected answer"),
        ("sft", {"prompt": "p"}, "an answer"),
        ("grpo", {"text": "t"}, "a prompt"),
        ("classify", {"text": "t"}, "a label"),
    ],
)
def test_data_that_lacks_what_its_purpose_needs_is_unfit(
    purpose: Purpose, row: dict[str, JsonValue], lacks: str, tmp_path: Path
) -> None:
    report = audit_table(table_of(tmp_path, [row] * 3), Request(purpose=purpose), detectors=[Purposes()])
    assert f"each row needs {lacks}" in report.issues[0].what
    assert report.fitness == "unfit"


@pytest.mark.parametrize("purpose", [None, "sft", "classify"])
def test_numbers_without_a_word_of_text_are_unfit(purpose: Purpose | None, tmp_path: Path) -> None:
    rows: list[dict[str, JsonValue]] = [{"x": n / 7, "label": n % 2} for n in range(40)]
    report = audit_table(table_of(tmp_path, rows), Request(purpose=purpose), detectors=[Purposes()])
    assert (report.fitness, report.issues[0].kind) == ("unfit", IssueClass.MISSING)
    assert "no column holds text" in report.issues[0].what


def test_text_inside_a_struct_or_list_is_looked_at(tmp_path: Path) -> None:
    rows: list[dict[str, JsonValue]] = [{"translation": {"en": f"Good day {n}", "de": f"Tag {n}"}} for n in range(40)]
    rows[7] = {"translation": {"en": "write to jane.smith@gmail.com", "de": "an sie"}}
    report = audit_table(table_of(tmp_path, rows), Request())
    assert [issue.rows for issue in report.issues if issue.kind is IssueClass.PII] == [1]


def test_a_column_of_many_classes_is_one_where_it_is_named_so(tmp_path: Path) -> None:
    rows: list[dict[str, JsonValue]] = [
        {"text": f"phrase {n} of intent {n * 7 % 150}", "label": f"intent_{n * 7 % 150}"} for n in range(600)
    ]
    report = audit_table(table_of(tmp_path, rows), Request(purpose="classify"), detectors=[Purposes()])
    assert not report.issues


def test_the_evidence_of_a_repeat_names_the_row_that_it_repeats(tmp_path: Path) -> None:
    rows = pairs(random.Random(1), 100)
    issue = _issue(audit_table(table_of(tmp_path, [*rows, rows[6], rows[6]])), IssueClass.EXACT_DUPLICATE)
    assert issue.rows == 2
    assert issue.numbers["most_frequent"] == 3
    assert issue.evidence[0].note.endswith("rows.jsonl:7")
    assert "labwright data dedup" in issue.fix


def test_different_long_answers_to_a_question_are_only_information(tmp_path: Path) -> None:
    rows = pairs(random.Random(1), 200)
    again = [{**row, "completion": other["completion"]} for row, other in zip(rows[:50], rows[50:100], strict=True)]
    report = audit_table(table_of(tmp_path, [*rows, *again]), Request(purpose="sft"))
    assert _issue(report, IssueClass.CONFLICTING_LABELS).severity == "info"
    graded = audit_table(table_of(tmp_path, [*rows, *again]), Request(purpose="grpo"))
    assert _issue(graded, IssueClass.CONFLICTING_LABELS).severity == "error"


def test_rows_that_lose_their_whole_answer_are_an_error(tmp_path: Path) -> None:
    rows = [{"prompt": "word " * (500 if n < 5 else 5), "completion": f"answer {n}"} for n in range(100)]
    report = audit_table(table_of(tmp_path, rows), Request(tokens=words_as_tokens, max_length=300))
    lost = [issue for issue in report.issues if "whole answer" in issue.what]
    assert [(issue.severity, issue.rows, issue.exact) for issue in lost] == [("error", 5, True)]
    assert report.charts["tokens"][-1][1] == 100


def test_a_maximum_length_without_a_tokenizer_is_said_to_be_unchecked(tmp_path: Path) -> None:
    report = audit_table(table_of(tmp_path, pairs(random.Random(1), 30)), Request(max_length=10))
    assert any("no tokenizer" in remark for remark in report.remarks)
    assert not _grave(report)


def test_without_time_samples_are_compared_and_counted_and_said_to_be_samples(tmp_path: Path) -> None:
    rng = random.Random(2)
    words = [f"w{n}" for n in range(3000)]
    rows = [{"text": " ".join(rng.choices(words, k=8))} for _ in range(MANY)]
    rows += [{"text": row["text"] + " again"} for row in rows]
    report = audit_table(
        table_of(tmp_path, rows),
        Request(tokens=words_as_tokens, max_length=8),
        seconds=0,  # type: ignore[arg-type]
    )
    near, cut = _issue(report, IssueClass.NEAR_DUPLICATE), _issue(report, IssueClass.TRUNCATED)
    assert not near.exact
    assert near.looked_at < len(rows) / 2
    assert 0.3 < near.numbers["estimated_share"] < 0.7  # half of the rows are much like another one
    assert not cut.exact
    assert 0.4 < cut.share < 0.6


def test_labels_that_words_do_not_tell_are_not_judged(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [{"text": str(row["text"]), "label": rng.choice("abc")} for row in topics(rng, 400)]
    report = audit_table(table_of(tmp_path, rows), Request(purpose="classify"))
    assert not [issue for issue in report.issues if issue.kind is IssueClass.LABEL_ERROR]
    assert any("words tell too little" in remark for remark in report.remarks)


def test_confident_learning_names_the_class_that_a_wrong_label_should_be() -> None:
    rows = topics(random.Random(7), 600)
    labels = [str(row["label"]) for row in rows]
    true, labels[17] = labels[17], "music" if labels[17] != "music" else "travel"
    verdicts = judge_labels([str(row["text"]) for row in rows], labels)
    first = verdicts.suspects[0]
    assert (first.index, first.given, first.suggested) == (17, labels[17], true)
    assert first.confidence > 0.5


def test_labels_are_left_alone_where_there_are_few_rows_or_many_classes() -> None:
    assert judge_labels(["a b"] * 20, ["x", "y"] * 10).why_not
    assert "too many" in judge_labels([f"t {n}" for n in range(600)], [str(n // 6) for n in range(600)]).why_not
    assert judge_labels([], []).why_not
    assert judge_labels([""] * 200, ["x", "y"] * 100).why_not


def test_many_classes_are_judged_in_bounded_memory() -> None:
    words = [f"ask{c} about thing{c} number {n}" for n in range(20) for c in range(100)]
    labels = [f"intent {c}" for _ in range(20) for c in range(100)]
    labels[40] = "intent 7"
    verdicts = judge_labels(words, labels)
    assert [(one.index, one.suggested) for one in verdicts.suspects] == [(40, "intent 40")]
    too_many = judge_labels(["w"] * 26_000, [str(n % 1300) for n in range(26_000)])
    assert "1,300 classes of 26,000 rows are more than" in too_many.why_not


def test_right_answers_that_favour_one_letter_are_shown_but_cost_nothing(tmp_path: Path) -> None:
    choices = {"text": ["one", "two", "three"], "label": ["A", "B", "C"]}
    rows = [{"question": f"which is it, number {n}?", "choices": choices, "answerKey": "A" if n % 20 else "B"}
            for n in range(200)]  # fmt: skip
    report = audit_table(table_of(tmp_path, rows))  # type: ignore[arg-type]
    assert dict(report.charts["classes"]) == {"A": 190, "B": 10}
    assert _issue(report, IssueClass.CLASS_IMBALANCE).severity == "info"
    assert report.score == 100


def test_a_table_of_nothing_but_nulls_is_unfit(tmp_path: Path) -> None:
    rows = [{"prompt": "a question", "completion": None}] * 5
    report = audit_table(table_of(tmp_path, rows))
    assert report.fitness == "unfit"
