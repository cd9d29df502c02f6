"""The noise of a metric, from repeats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.noise import Noise, pooled

groups = st.lists(st.lists(st.floats(-1e3, 1e3), max_size=5), max_size=6)


def test_a_value_computed_by_hand() -> None:
    """(1, 3) has squares 2, (2, 4, 6) has 8: ten over three degrees of freedom."""
    assert pooled([(1.0, 3.0), (2.0, 4.0, 6.0)]) == Noise(math.sqrt(10 / 3), 3)


def test_without_repeats_nothing_is_known() -> None:
    """Single values say nothing about the noise, and add nothing to what repeats say."""
    assert pooled([]) is None
    assert pooled([(1.0,), (), (2.0,)]) is None
    assert pooled([(1.0,), (1.0, 3.0), (9.0,)]) == pooled([(1.0, 3.0)])


@given(groups)
def test_it_is_numpy_s_within_variance(found: list[list[float]]) -> None:
    """The same as numpy's variances of the groups, weighted by their degrees of freedom."""
    repeated = [group for group in found if len(group) > 1]
    noise = pooled(found)
    if not repeated:
        assert noise is None
        return
    freedom = sum(len(group) - 1 for group in repeated)
    variance = sum(np.var(group, ddof=1) * (len(group) - 1) for group in repeated) / freedom
    assert noise is not None
    assert noise.freedom == freedom
    assert noise.sigma == pytest.approx(math.sqrt(variance), rel=1e-6, abs=1e-9)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6), st.integers(-1000, 1000))
def test_where_a_group_lies_makes_no_difference(group: list[int], shift: int) -> None:
    """Only the spread within a group counts."""
    here, there = pooled([group]), pooled([[value + shift for value in group]])
    assert here is not None
    assert there is not None
    assert here.sigma == pytest.approx(there.sigma, abs=1e-9)
