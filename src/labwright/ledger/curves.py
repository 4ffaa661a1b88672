"""An index over a run's metrics: each curve in at most 1024 buckets, whatever the number of points.

The points themselves stay in metrics.jsonl. A bucket holds `width` consecutive points; when more than 1024 would be
needed, neighbours are merged pairwise and the width doubles. So the width depends on the number of points only, and
a curve is the same in whatever portions it was folded. NaN and infinite values are counted, but kept out of the mean
and the bounds; a bucket with nothing else has NaN for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labwright.contracts.compute import MetricPoint
from labwright.contracts.views import Curve, CurvePoint

MOST_BUCKETS = 1024
_LONGEST_NAME = 300

# Byte order is spelled out, because this is what stands in the database.
_BUCKET = np.dtype(
    [
        ("first", "<i8"),
        ("last", "<i8"),
        ("count", "<i8"),
        ("finite", "<i8"),
        ("mean", "<f8"),
        ("low", "<f8"),
        ("high", "<f8"),
    ]
)


@dataclass(frozen=True, slots=True)
class Index:
    """A curve as it is stored: `points` in buckets of `width`, the last one perhaps not full."""

    width: int = 1
    points: int = 0
    buckets: bytes = b""


def by_metric(points: Iterable[MetricPoint]) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of each metric, in order."""
    series: dict[str, tuple[list[int], list[float]]] = {}
    for point in points:
        for written, value in point.values.items():
            metric = _name(written)
            known = series.get(metric)
            if known is None:
                known = series[metric] = ([], [])
            known[0].append(point.step)
            known[1].append(value)
    return series


def _name(written: str) -> str:
    """A metric's name as every database can hold and index it: a run may write any."""
    if len(written) <= _LONGEST_NAME and written.isprintable():
        return written
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in written)
    return printable if len(printable) <= _LONGEST_NAME else f"{printable[: _LONGEST_NAME - 1]}…"


def extend(index: Index, steps: Sequence[int], values: Sequence[float]) -> Index:
    """The index with more points at its end."""
    if not steps:
        return index
    total = index.points + len(steps)
    width = index.width
    while -(-total // width) > MOST_BUCKETS:
        width *= 2
    old = np.frombuffer(index.buckets, dtype=_BUCKET)
    parts = np.concatenate([old, _single(steps, values)])
    # An old bucket starts at a multiple of the old width, so it falls into one new bucket as a whole.
    starts = np.concatenate([np.arange(len(old)) * index.width, np.arange(index.points, total)])
    return Index(width, total, _merge(parts, starts // width).tobytes())


def read(run_id: str, metric: str, index: Index) -> Curve:
    """The curve that an index holds."""
    rows: list[tuple[int, int, int, int, float, float, float]]
    rows = np.frombuffer(index.buckets, dtype=_BUCKET).tolist()
    return Curve(run_id, metric, tuple(CurvePoint(r[0], r[1], r[2], r[4], r[5], r[6]) for r in rows))


def _single(steps: Sequence[int], values: Sequence[float]) -> NDArray[Any]:
    buckets = np.empty(len(steps), dtype=_BUCKET)
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    buckets["first"] = buckets["last"] = np.asarray(steps, dtype=np.int64)
    buckets["count"] = 1
    buckets["finite"] = finite
    buckets["mean"] = buckets["low"] = buckets["high"] = np.where(finite, numbers, np.nan)
    return buckets


def _merge(parts: NDArray[Any], groups: NDArray[np.int64]) -> NDArray[Any]:
    """Put neighbours of the same group together. `groups` never falls."""
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    merged = np.empty(len(first), dtype=_BUCKET)
    merged["first"] = np.minimum.reduceat(parts["first"], first)
    merged["last"] = np.maximum.reduceat(parts["last"], first)
    merged["count"] = np.add.reduceat(parts["count"], first)
    merged["finite"] = np.add.reduceat(parts["finite"], first)
    merged["low"] = np.fmin.reduceat(parts["low"], first)
    merged["high"] = np.fmax.reduceat(parts["high"], first)
    # Weights before the sum, so that values near the largest float do not overflow.
    total = np.repeat(merged["finite"], np.diff(first, append=len(parts)))
    weights = parts["finite"] / np.maximum(total, 1)
    shares = np.where(parts["finite"] > 0, parts["mean"], 0.0) * weights
    merged["mean"] = np.where(merged["finite"] > 0, np.add.reduceat(shares, first), np.nan)
    return merged
