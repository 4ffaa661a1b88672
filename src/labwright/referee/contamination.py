"""The referee's side of the data gate: a dataset version against a split's items, with what may be told of it.

Against dev the matching spans are shown, since dev is there to be looked at. Against the sealed test only a count
comes back; where rows are dropped, the referee drops them itself, and the version it keeps is new data to the study.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labwright.contracts.research import DatasetVersion, GateReport, Hit
from labwright.contracts.specs import Split
from labwright.data.overlap import BenchItem, BenchmarkIndex
from labwright.data.rows import Row
from labwright.data.versions import derive, load
from labwright.referee.pack import Item

_MOST_HITS_SHOWN = 50


def template_share(items: Sequence[Item]) -> float:
    """The share of a benchmark's n-grams that is its template: found in over 5 % of its items."""
    return _index(items).template_share


def check(
    dataset: DatasetVersion, items: Sequence[Item], split: Split, on_hit: Literal["block", "drop"]
) -> tuple[GateReport, DatasetVersion | None]:
    """What the gate says, and the version without the rows that were dropped, where rows were."""
    rows: Sequence[Row] = load(dataset)
    hits = _index(items).check(rows)
    hit_rows = {h.row for h in hits}
    kept = None
    if hit_rows and on_hit == "drop" and len(hit_rows) < len(rows):
        clean = [row for row in rows if row.number not in hit_rows]
        kept = derive(clean, parents=(dataset,), transform="gate", params={"split": split, "dropped": len(hit_rows)})
    action: Literal["pass", "block", "drop"] = "pass" if not hit_rows else "drop" if kept else "block"
    shown: tuple[Hit, ...] = tuple(hits[:_MOST_HITS_SHOWN]) if split == "dev" else ()
    report = GateReport(dataset.id, split, len(rows), len(hit_rows), action, shown, kept.id if kept else None)
    return report, kept


def _index(items: Sequence[Item]) -> BenchmarkIndex:
    return BenchmarkIndex.build([BenchItem(i.id, i.prompt, i.answer) for i in items])
