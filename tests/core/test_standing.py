"""What is claimed of an incumbent."""

from __future__ import annotations

import pytest
from scipy import stats

from deep_loop.core.standing import standing


def test_runs_made_after_the_keep_count_for_more() -> None:
    """The final ones, else those since the keep, else, provisionally, those that won it."""
    assert (standing((1.0, 1.1), (), (), 4).label, standing((1.0, 1.1), (), (), 4).value) == ("provisional", 1.05)
    assert standing((1.0, 1.1), (2.0,), (), 4).value == 2.0
    assert standing((1.0, 1.1), (2.0, 2.1, 2.0, 2.1), (), 4).label == "confirmed"
    last = standing((1.0,), (2.0,), (3.0, 3.2), 4)
    assert (last.label, last.value, last.runs) == ("final", 3.1, 2)


def test_a_value_that_repeats_exactly_stands_at_once() -> None:
    """Two equal runs are enough."""
    found = standing((1.5, 1.5), (), (), 4)
    assert (found.label, found.low, found.high) == ("confirmed", 1.5, 1.5)


def test_the_interval_is_students() -> None:
    """Against scipy, at 90 %; one run has none."""
    values = (2.0, 2.3, 1.9, 2.2)
    low, high = stats.t.interval(0.9, 3, sum(values) / 4, stats.sem(values))
    found = standing((), values, (), 4)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-4), pytest.approx(high, rel=1e-4))
    assert standing((1.0,), (), (), 4).low is None


@pytest.mark.parametrize("freedom", [1, 2, 7, 29, 30, 31, 200])
def test_quantiles_are_scipys(freedom: int) -> None:
    """Those of the table, and those beyond it."""
    values = tuple(float(number % 2) for number in range(freedom + 1))
    found = standing((), values, (), 4)
    half = stats.t.ppf(0.95, freedom) * stats.sem(values)
    assert found.high is not None
    assert found.high - found.value == pytest.approx(half, rel=1e-4)
