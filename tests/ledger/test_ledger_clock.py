"""Sums and unions of spans of time."""

from __future__ import annotations

from labwright.ledger.clock import Span, covered_s, total_s


def test_a_span_that_runs_backwards_counts_as_nothing() -> None:
    assert total_s([Span(10.0, 5.0), Span(1.0, 3.0)]) == 2.0


def test_overlapping_spans_count_once() -> None:
    assert covered_s([Span(0, 10), Span(5, 15), Span(6, 7), Span(20, 21)], [Span(0, 100)]) == 16.0


def test_spans_are_cut_at_their_windows() -> None:
    windows = [Span(10, 20), Span(30, 40)]
    assert covered_s([Span(0, 12), Span(15, float("inf"))], windows) == 2.0 + 5.0 + 10.0
    assert covered_s([Span(21, 29)], windows) == 0.0
    assert covered_s([Span(0, 1)], []) == 0.0
