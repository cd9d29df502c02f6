"""A metric knows which way is better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.metric import Direction, Metric

numbers = st.floats(-1e6, 1e6)
metrics = st.sampled_from([Metric("loss"), Metric("accuracy", Direction.MAXIMIZE)])


@given(metrics, numbers, numbers)
def test_a_gain_turns_round_with_its_operands(metric: Metric, one: float, other: float) -> None:
    """What one gains over the other, the other loses; equals gain nothing."""
    assert metric.gain(one, other) == -metric.gain(other, one)
    assert metric.gain(one, one) == 0


def test_a_relative_gain_is_a_share_of_the_reference() -> None:
    """0.05 is five per cent of the reference's size, whatever its sign; of zero there is no share."""
    assert Metric("loss").relative_gain(1.9, 2.0) == pytest.approx(0.05)
    assert Metric("score", Direction.MAXIMIZE).relative_gain(-1.9, -2.0) == pytest.approx(0.05)
    assert Metric("loss").relative_gain(-0.5, 0.0) == 0.5
