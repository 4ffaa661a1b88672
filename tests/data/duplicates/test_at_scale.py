"""The benchmark's rows, a few: what was planted among twenty thousand is found, and nothing else."""

from __future__ import annotations

from pathlib import Path

from benchmarks.data import our_contamination, our_near
from benchmarks.madeup import write_rows


def test_twenty_thousand_rows_with_variants_copies_and_items(tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    planted, items = write_rows(file, 20_000)
    near = our_near(file, 20_000, planted)
    assert near.recall >= 0.995
    assert near.precision >= 0.995
    hits = our_contamination(file, 5_000, planted, items)
    assert (hits.recall, hits.precision) == (1.0, 1.0)
