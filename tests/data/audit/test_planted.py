"""Each defect is planted at a known rate and found: nearly all of it, and nearly nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.audit.planted import CASES, Case, measure

from labwright.data.audit.duplicates import ExactDuplicates, NearDuplicates
from labwright.data.audit.full import standard
from labwright.data.audit.labels import ClassImbalance, ConflictingLabels, LabelErrors
from labwright.data.audit.lengths import LengthOutliers, TokenBudget
from labwright.data.audit.structure import Empties, MixedTypes, Purposes, SchemaDrift

_OWN = (
    Purposes, Empties, MixedTypes, SchemaDrift, LengthOutliers, ExactDuplicates, ClassImbalance, ConflictingLabels,
    LabelErrors, TokenBudget, NearDuplicates,
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_planted_rows_are_flagged_and_others_are_not(case: Case, tmp_path: Path) -> None:
    own = [detector for detector in standard() if isinstance(detector, _OWN)]  # the others cost time; see the benchmark
    found = measure(case, tmp_path, own)
    wanted = 0.85 if case.is_fuzzy else 0.95
    assert found.precision >= wanted, f"{found.right} of {found.flagged} flagged rows are bad"
    assert found.recall >= wanted, f"{found.right} of {found.planted} bad rows are flagged"
    assert any(issue.kind is case.kind and issue.severity != "info" for issue in found.report.issues)
