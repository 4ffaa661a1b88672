"""What is odd about a training set, before a run is spent on it.

An audit never changes rows; each finding names a few of them and says which transform would help.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from labwright.contracts.research import DatasetVersion, Finding
from labwright.data.rows import Row
from labwright.data.versions import load

_ROWS_SHOWN = 5
_OUTLIER_SPREADS = 8  # median absolute deviations; training sets have long tails, and only the absurd is news
_OUTLIER_RATIO = 4
_ROWS_FOR_OUTLIERS = 20
_WARNING_SHARE = 0.01


def audit(version: DatasetVersion) -> list[Finding]:
    """Findings on a dataset version, the gravest first; an info finding tells its size in any case.

    Raises:
        DataError: the stored rows are gone or were changed.
    """
    return audit_rows(load(version))


def audit_rows(rows: Sequence[Row]) -> list[Finding]:
    """As `audit`, for rows in memory."""
    found = [*_conflicts(rows), *_empties(rows), *_duplicates(rows), *_outliers(rows), _size(rows)]
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.severity))


def _size(rows: Sequence[Row]) -> Finding:
    median = int(statistics.median(len(row.text) for row in rows)) if rows else 0
    return Finding("info", f"{len(rows)} rows, {median} characters in the median")


def _empties(rows: Sequence[Row]) -> list[Finding]:
    findings = []
    blank = [row.number for row in rows if not row.completion.strip()]
    if blank:
        what = f"{_count(blank)} a completion of nothing but spaces"
        findings.append(Finding("error", what, _few(blank), "delete these rows: they teach silence"))
    unprompted = [row.number for row in rows if not row.prompt.strip() and "text" not in row.raw]
    if unprompted:
        what = f"{_count(unprompted)} an empty prompt"
        findings.append(Finding("warning", what, _few(unprompted), "fill in the prompts or delete the rows"))
    return findings


def _duplicates(rows: Sequence[Row]) -> list[Finding]:
    seen: set[tuple[str, str]] = set()
    spare = []
    for row in rows:
        if (row.prompt, row.completion) in seen:
            spare.append(row.number)
        seen.add((row.prompt, row.completion))
    if not spare:
        return []
    what = f"{len(spare)} of {len(rows)} rows repeat an earlier row exactly ({len(spare) / len(rows):.1%})"
    severity: Literal["warning", "info"] = "warning" if len(spare) >= _WARNING_SHARE * len(rows) else "info"
    return [Finding(severity, what, _few(spare), "remove the repeats with the transform `dedup`")]


def _conflicts(rows: Sequence[Row]) -> list[Finding]:
    """The same prompt with different completions: wanted for samples of open answers, noise in labelled data."""
    answers: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        if row.prompt.strip():
            answers[row.prompt.strip()].setdefault(row.completion.strip(), row.number)
    torn = [list(by_answer.values()) for by_answer in answers.values() if len(by_answer) > 1]
    if not torn:
        return []
    what = (
        f"conflicting labels: {len(torn)} of {len(answers)} prompts have more than one completion "
        f"({len(torn) / len(answers):.1%})"
    )
    first = [number for numbers in torn for number in numbers]
    return [Finding("warning", what, _few(first), "keep the right completion of each prompt, or filter by difficulty")]


def _outliers(rows: Sequence[Row]) -> list[Finding]:
    if len(rows) < _ROWS_FOR_OUTLIERS:
        return []
    lengths = [len(row.text) for row in rows]
    median = statistics.median(lengths)
    spread = statistics.median(abs(length - median) for length in lengths)
    limit = max(median + _OUTLIER_SPREADS * spread, _OUTLIER_RATIO * median)
    long = [row.number for row, length in zip(rows, lengths, strict=True) if length > limit]
    if not long:
        return []
    what = f"{_count(long)} more than {int(limit)} characters, against {int(median)} in the median"
    return [Finding("warning", what, _few(long), "look at these rows; a run cuts what exceeds its maximum length")]


def _count(numbers: Sequence[int]) -> str:
    return f"{len(numbers)} row has" if len(numbers) == 1 else f"{len(numbers)} rows have"


def _few(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(numbers[:_ROWS_SHOWN])
