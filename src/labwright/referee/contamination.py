"""The referee's side of the data gate: a dataset version against a split's items, with what may be told of it.

Against dev the matching spans are shown, since dev is there to be looked at. Against the sealed test only a count
comes back; where rows are dropped, the referee drops them itself, and the version it keeps is new data to the study.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from labwright.contracts.research import DatasetVersion, GateReport, Hit
from labwright.contracts.specs import Split
from labwright.data.overlap import ANSWER_NEEDED_BELOW, BenchItem, BenchmarkIndex
from labwright.data.rows import Row
from labwright.data.versions import derive, stream
from labwright.referee.pack import Item

_MOST_HITS_SHOWN = 50
_MOST_ANSWERS = 16  # of an item's accepted answers: most differ in spelling only, which the comparison does not see


def template_share(items: Sequence[Item]) -> float:
    """The share of a benchmark's n-grams that is its template: found in over 5 % of its items."""
    return _index(items).template_share


def check(
    dataset: DatasetVersion,
    items: Sequence[Item],
    split: Split,
    on_hit: Literal["block", "drop"],
    shared_sources: tuple[str, ...] = (),
) -> tuple[GateReport, DatasetVersion | None]:
    """What the gate says, and the version without the rows that were dropped, where rows were. Rows stream.

    Data that shares a source with the benchmark is blocked whole: a paraphrase of an item is in no row to be dropped.
    """
    checked = _Counted(stream(dataset))
    hit_rows: set[int] = set()
    shown: list[Hit] = []
    seen: set[tuple[int, str]] = set()  # an item with several answers may be found by more than one
    for hit in _index(items).hits(checked):
        is_new = (hit.row, hit.item_id) not in seen
        hit_rows.add(hit.row)
        seen.add((hit.row, hit.item_id))
        if split == "dev" and is_new and len(shown) < _MOST_HITS_SHOWN:
            shown.append(hit)
    kept = None
    if hit_rows and on_hit == "drop" and len(hit_rows) < checked.rows and not shared_sources:
        clean = (row for row in stream(dataset) if row.number not in hit_rows)
        kept = derive(clean, parents=(dataset,), transform="gate", params={"split": split, "dropped": len(hit_rows)})
    is_clean = not hit_rows and not shared_sources
    action: Literal["pass", "block", "drop"] = "pass" if is_clean else "drop" if kept else "block"
    kept_id = kept.id if kept else None
    report = GateReport(
        dataset.id, split, checked.rows, len(hit_rows), action, tuple(shown), kept_id, shared_sources=shared_sources
    )
    return report, kept


def count(rows: Iterable[tuple[str, str]], items: Sequence[Item]) -> int:
    """How many of these prompts and completions hold an item: all that may be told of a sealed test.

    The same comparison as `check`; whoever calls it writes the query on the meter first.
    """
    numbered = (Row(number, {}, prompt, completion) for number, (prompt, completion) in enumerate(rows, start=1))
    return len({hit.row for hit in _index(items).hits(numbered)})


class _Counted:
    """Rows that stream through, counted."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._stream = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._stream:
            self.rows += 1
            yield row


def bench_items(items: Iterable[Item]) -> list[BenchItem]:
    """The items as they are compared: a brief question is found by its answer too, so once with each accepted one."""
    found = []
    for item in items:
        is_brief = len(item.prompt.split()) < 2 * ANSWER_NEEDED_BELOW
        answers = item.accepted[:_MOST_ANSWERS] if is_brief else item.accepted[:1]
        found += [BenchItem(item.id, item.prompt, answer) for answer in answers]
        if item.blank:
            found.append(BenchItem(item.id, item.filled))
    return found


def _index(items: Sequence[Item]) -> BenchmarkIndex:
    return BenchmarkIndex.build(bench_items(items))
