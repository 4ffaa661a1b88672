"""Rows for the layouts' tests."""

from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.data import Location, Rejected
from labwright.data.layouts import Converted, ConvertOptions, Kind, convert, recognise


def located(rows: Sequence[dict]) -> list[tuple[Location, dict]]:
    return [(Location("data.jsonl", number), row) for number, row in enumerate(rows, start=1)]


def converted(rows: Sequence[dict], to: str, kind: Kind | None = None, **options: object) -> list[Converted | Rejected]:
    """All results of a conversion whose layout is recognised."""
    labels = options.pop("labels", None)
    layout = recognise({}, rows, kind=kind, labels=labels)
    assert layout is not None
    return list(convert(located(rows), layout, to, ConvertOptions(**options)))


def only(rows: Sequence[dict], to: str, kind: Kind | None = None, **options: object) -> dict:
    """The row that the last of `rows` becomes."""
    last = converted(rows, to, kind, **options)[-1]
    assert isinstance(last, Converted), last
    return dict(last.row)


def reason(rows: Sequence[dict], to: str, kind: Kind | None = None, **options: object) -> str:
    """Why the last of `rows` is rejected."""
    last = converted(rows, to, kind, **options)[-1]
    assert isinstance(last, Rejected), last
    assert last.location == Location("data.jsonl", len(rows))
    assert last.row == rows[-1]
    return last.reason
