"""The dataset viewer's own statistics: of every row, where a sample is all that could be loaded."""

from __future__ import annotations

from dataclasses import replace

from pydantic import JsonValue

from labwright.contracts.data import ColumnProfile
from labwright.data.sources.hub_wire import ColumnStatistics, Statistics, good, read
from labwright.data.sources.table import HubPlace

_FREQUENT = 20


def viewer_statistics(place: HubPlace) -> dict[str, ColumnProfile]:
    """By column; nothing where they cover a part of the rows only.

    Raises:
        ServiceError: the viewer has none.
    """
    page = place.fetcher.get(
        place.viewer, "/statistics", {"dataset": place.dataset, "config": place.config, "split": place.split}
    )
    answer = read(Statistics, page)
    if answer.partial or answer.num_examples is None:
        return {}
    rows = answer.num_examples
    return {one.column_name: _column(one, rows) for one in good(ColumnStatistics, answer.statistics)}


def merged(sample: ColumnProfile, whole: ColumnProfile) -> ColumnProfile:
    """The sample's column with what is known of all rows."""
    return replace(
        sample,
        rows=whole.rows,
        nulls=whole.nulls,
        distinct=whole.distinct if whole.distinct is not None else sample.distinct,
        distinct_is_exact=whole.distinct is not None,
        low=whole.low if whole.low is not None else sample.low,
        high=whole.high if whole.high is not None else sample.high,
        mean=whole.mean if whole.mean is not None else sample.mean,
        frequent=whole.frequent or sample.frequent,
        histogram=whole.histogram or sample.histogram,
    )


def _column(one: ColumnStatistics, rows: int) -> ColumnProfile:
    found = one.column_statistics
    mean = found.get("mean")
    return ColumnProfile(
        one.column_name,
        one.column_type,
        rows,
        nulls=_count(found.get("nan_count")) or 0,
        distinct=_count(found.get("n_unique")),
        low=_scalar(found.get("min")),
        high=_scalar(found.get("max")),
        mean=float(mean) if isinstance(mean, int | float) else None,
        frequent=_frequent(found.get("frequencies")),
        histogram=_histogram(found.get("histogram")),
    )


def _frequent(value: JsonValue) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, dict):
        return ()
    counted = [(name, count) for name, count in value.items() if isinstance(count, int)]
    return tuple(sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:_FREQUENT])


def _histogram(value: JsonValue) -> tuple[tuple[float, int], ...]:
    counts = value.get("hist") if isinstance(value, dict) else None
    edges = value.get("bin_edges") if isinstance(value, dict) else None
    if not isinstance(counts, list) or not isinstance(edges, list):
        return ()
    return tuple(
        (float(edge), count)
        for edge, count in zip(edges, counts, strict=False)
        if isinstance(edge, int | float) and isinstance(count, int)
    )


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _scalar(value: JsonValue) -> JsonValue:
    return value if isinstance(value, int | float | str) else None
