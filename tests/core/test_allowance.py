"""The levels of a study's tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.allowance import levels

tested = st.lists(st.integers(1, 1000), unique=True, max_size=200)


@given(tested, st.integers(1, 200), st.floats(0.01, 10))
def test_levels_add_up_to_the_allowance(numbers: list[int], planned: int, allowed: float) -> None:
    """At most, in whatever order tests begin; and to twice as much, however far a study goes beyond its plan."""
    found = levels(numbers, planned, allowed)
    assert len(found) == len(numbers)
    assert all(level > 0 for level in found)
    assert sum(found) <= 2 * allowed * (1 + 1e-9)
    within = [level for number, level in zip(numbers, found, strict=True) if number <= planned]
    assert sum(within) <= allowed * (1 + 1e-9)


@given(tested, st.integers(1, 200))
def test_a_level_depends_on_the_past_only(numbers: list[int], planned: int) -> None:
    """What is tested later changes nothing: a resumed study spends what it spent."""
    whole = levels(numbers, planned, 0.5)
    for count in range(len(numbers)):
        assert levels(numbers[:count], planned, 0.5) == whole[:count]


def test_a_tenth_of_the_experiments_tested_spend_about_evenly() -> None:
    """With 100 planned and each tenth tested, the levels lie near a tenth of the allowance each."""
    found = levels(range(10, 101, 10), 100, 0.5)
    assert min(found) == pytest.approx(0.05, rel=0.2)
    assert max(found) == pytest.approx(0.05, rel=0.2)
