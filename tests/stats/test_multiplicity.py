"""Holm's method, checked against statsmodels."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from labwright.stats import holm


@pytest.fixture(scope="module", autouse=True)
def _little_garbage() -> None:
    """`multipletests` collects all garbage in each call: half a second among the objects of all tests, else nothing."""
    gc.freeze()


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == tuple(bool(r) for r in multipletests(p_values, alpha=0.05, method="holm")[0])


def test_holm_stops_at_the_first_p_value_that_fails() -> None:
    assert holm([0.04, 0.001, 0.03, 0.0124]) == (False, True, False, True)
    assert holm([]) == ()


def test_a_p_value_that_is_no_number_rejects_nothing() -> None:
    assert holm([float("nan")]) == (False,)
