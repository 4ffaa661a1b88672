"""pass@k is the share of choices of k that hold a right output, counted and not approximated."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.stats import pass_at_k


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
def test_it_is_the_share_of_all_choices_of_k_that_hold_a_right_one(outputs: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(outputs)))
    choices = list(combinations(outputs, k))
    assert pass_at_k(len(outputs), sum(outputs), k) == pytest.approx(sum(map(any, choices)) / len(choices))


@given(st.integers(1, 400), st.data())
def test_it_grows_with_k_and_with_what_is_right(drawn: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, drawn))
    k = data.draw(st.integers(1, drawn))
    value = pass_at_k(drawn, right, k)
    assert 0 <= value <= 1
    assert pass_at_k(drawn, right, 1) == pytest.approx(right / drawn)
    assert k == 1 or value >= pass_at_k(drawn, right, k - 1)
    assert right == 0 or value >= pass_at_k(drawn, right - 1, k)


def test_it_is_unbiased_where_the_plug_in_estimate_is_not() -> None:
    """One right of two, in expectation over all pairs of draws at a rate of one half: pass@2 is 3/4."""
    expected = (pass_at_k(2, 0, 2) + 2 * pass_at_k(2, 1, 2) + pass_at_k(2, 2, 2)) / 4
    plugged_in = (0 + 2 * (1 - 0.5**2) + 1) / 4
    assert expected == 0.75
    assert plugged_in == 0.625


@pytest.mark.parametrize(("drawn", "right", "k"), [(3, 1, 4), (3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_what_cannot_be_estimated_is_an_error(drawn: int, right: int, k: int) -> None:
    with pytest.raises(ValueError, match="cannot be estimated"):
        pass_at_k(drawn, right, k)
