"""Curves: at most 1024 buckets that add up to all points, whatever the portions in which they came."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labwright.contracts.compute import MetricPoint
from labwright.contracts.views import Curve, CurvePoint
from labwright.ledger import Ledger
from labwright.ledger.curves import MOST_BUCKETS, Index, extend, read


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as opened:
        yield opened


def points(values: Sequence[float], first: int = 0) -> list[MetricPoint]:
    return [MetricPoint(first + i, 1000.0 + i, {"loss": value}) for i, value in enumerate(values)]


def test_few_points_are_kept_one_by_one(ledger: Ledger) -> None:
    ledger.fold_metrics("r", 90, points([3.0, 2.0, 1.0]))
    assert ledger.curve("r", "loss").points == tuple(CurvePoint(i, i, 1, 3.0 - i, 3.0 - i, 3.0 - i) for i in range(3))
    assert ledger.metrics_offset("r") == 90


def test_a_run_without_metrics_has_empty_curves(ledger: Ledger) -> None:
    assert ledger.metrics_offset("r") == 0
    assert ledger.curve("r", "loss") == Curve("r", "loss", ())
    assert ledger.curves("r") == ()


def test_metrics_that_come_at_different_steps_have_curves_of_their_own(ledger: Ledger) -> None:
    given_points = [MetricPoint(1, 0.0, {"loss": 1.0}), MetricPoint(2, 0.0, {"loss": 0.5, "eval_loss": 0.7})]
    ledger.fold_metrics("r", 10, given_points)
    ledger.fold_metrics("other", 10, points([9.0]))
    assert [(c.metric, len(c.points)) for c in ledger.curves("r")] == [("eval_loss", 1), ("loss", 2)]


def test_a_million_points_fit_into_a_thousand_buckets_and_keep_their_bounds() -> None:
    values = np.sin(np.arange(1_000_000) / 1000.0)
    values[777_777] = 50.0
    index = Index()
    for start in range(0, len(values), 100_000):
        part = values[start : start + 100_000]
        index = extend(index, range(start, start + len(part)), part.tolist())
    curve = read("r", "loss", index)
    assert len(curve.points) <= MOST_BUCKETS
    assert sum(p.count for p in curve.points) == 1_000_000
    assert max(p.high for p in curve.points) == 50.0
    assert (curve.points[0].first, curve.points[-1].last) == (0, 999_999)
    mean = sum(p.mean * p.count for p in curve.points) / 1_000_000
    assert mean == pytest.approx(float(values.mean()))


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60),
    st.integers(1, 200),
    st.lists(st.integers(1, 3000), max_size=5),
)
@settings(max_examples=40, deadline=None)
def test_a_curve_does_not_depend_on_the_portions_it_came_in(pattern: list[float], times: int, cuts: list[int]) -> None:
    values = pattern * times
    whole = extend(Index(), range(len(values)), values)
    index, start = Index(), 0
    for cut in [*cuts, len(values)]:
        part = values[start : start + cut]
        index = extend(index, range(start, start + len(part)), part)
        start += len(part)
    assert (index.points, index.width) == (whole.points, whole.width)
    for a, b in zip(read("r", "m", index).points, read("r", "m", whole).points, strict=True):
        assert (a.first, a.last, a.count) == (b.first, b.last, b.count)
        assert a.low == b.low or (math.isnan(a.low) and math.isnan(b.low))
        assert a.high == b.high or (math.isnan(a.high) and math.isnan(b.high))
        assert a.mean == pytest.approx(b.mean, rel=1e-9, abs=1e-9 * max(abs(b.low), abs(b.high), 1.0), nan_ok=True)


def test_non_finite_values_count_but_leave_mean_and_bounds_alone() -> None:
    values = [1.0, math.nan] * MOST_BUCKETS
    curve = read("r", "loss", extend(Index(), range(len(values)), values))
    assert set(curve.points[5:6]) == {CurvePoint(10, 11, 2, 1.0, 1.0, 1.0)}
    only = read("r", "loss", extend(Index(), [7], [math.inf])).points[0]
    assert (only.first, only.count) == (7, 1)
    assert math.isnan(only.mean)
    assert math.isnan(only.low)


def test_a_non_finite_point_survives_the_database(ledger: Ledger) -> None:
    ledger.fold_metrics("r", 10, points([1.0, math.nan]))
    ledger.fold_metrics("r", 20, points([2.0], first=2))
    assert [p.count for p in ledger.curve("r", "loss").points] == [1, 1, 1]
    assert math.isnan(ledger.curve("r", "loss").points[1].mean)


def test_the_same_offset_again_counts_nothing_twice(ledger: Ledger) -> None:
    ledger.fold_metrics("r", 30, points([1.0]))
    ledger.fold_metrics("r", 30, points([1.0]))
    assert len(ledger.curve("r", "loss").points) == 1


def test_a_smaller_offset_starts_the_curves_anew(ledger: Ledger) -> None:
    ledger.fold_metrics("r", 300, points([1.0] * 10))
    ledger.fold_metrics("r", 30, points([5.0]))
    assert [p.mean for p in ledger.curve("r", "loss").points] == [5.0]
    assert ledger.metrics_offset("r") == 30
