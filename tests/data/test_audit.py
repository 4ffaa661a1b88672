"""The audit names what is odd and which rows show it."""

from __future__ import annotations

import random

from labwright.contracts.research import Finding
from labwright.data.audit import audit_rows
from labwright.data.rows import Row


def _rows(*pairs: tuple[str, str]) -> list[Row]:
    return [Row(n, {"prompt": p, "completion": c}, p, c) for n, (p, c) in enumerate(pairs, start=1)]


def _finding(findings: list[Finding], words: str) -> Finding:
    (found,) = [finding for finding in findings if words in finding.what]
    return found


def _clean(count: int) -> list[tuple[str, str]]:
    rng = random.Random(1)
    return [(f"Sort: {n} {rng.randrange(100)}", str(rng.randrange(100))) for n in range(count)]


def test_clean_rows_give_no_warning() -> None:
    (only,) = audit_rows(_rows(*_clean(200)))
    assert (only.severity, only.what.split(",")[0]) == ("info", "200 rows")


def test_duplicates_conflicts_and_empties_are_found_with_their_rows() -> None:
    findings = audit_rows(_rows(*_clean(30), ("q", "yes"), ("q", "yes"), ("q", "no"), ("", "z"), ("w", "  ")))
    assert _finding(findings, "repeat an earlier row").rows == (32,)
    conflict = _finding(findings, "conflicting labels: 1 of 32 prompts")
    assert (conflict.severity, conflict.rows) == ("warning", (31, 33))
    assert _finding(findings, "an empty prompt").rows == (34,)
    assert findings[0] == _finding(findings, "nothing but spaces")
    assert findings[0].severity == "error"
    assert all(finding.suggestion for finding in findings if finding.severity != "info")


def test_a_row_far_longer_than_the_others_is_found() -> None:
    findings = audit_rows(_rows(*_clean(50), ("Sort: " + "9 " * 500, "9")))
    assert _finding(findings, "characters, against").rows == (51,)


def test_plain_texts_have_no_prompt_and_are_not_blamed_for_it() -> None:
    rows = [Row(n, {"text": f"text {n}"}, "", f"text {n}") for n in range(1, 40)]
    assert [finding.severity for finding in audit_rows(rows)] == ["info"]
