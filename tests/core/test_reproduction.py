"""Whether fresh runs agree with recorded ones."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from deep_loop.core.noise import Noise
from deep_loop.core.reproduction import LEVEL, compare

values = st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=2, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_with_the_two_sets_own_noise_it_is_student_s_test(recorded: list[float], fresh: list[float]) -> None:
    """Where the noise comes from these two sets alone, the verdict is scipy's two-sample t-test's."""
    freedom = len(recorded) + len(fresh) - 2
    squares = sum((value - statistics.fmean(one)) ** 2 for one in (recorded, fresh) for value in one)
    noise = Noise(math.sqrt(squares / freedom), freedom)
    if noise.sigma < 1e-6:
        return
    chance = stats.ttest_ind(fresh, recorded).pvalue
    if abs(chance - LEVEL) > 1e-9:
        assert compare(recorded, fresh, len(fresh), noise)[0] == (chance >= LEVEL)


def test_the_numbers_are_told() -> None:
    """The words carry the difference, its size in units of the noise, and the chance."""
    agrees, words = compare([2.0, 2.2], [2.15], 1, Noise(0.1, 10))
    assert agrees is True
    size = 0.05 / (0.1 * np.sqrt(1.5))
    chance = 2 * stats.t.sf(size, 10)
    assert words == f"agrees: the means differ by +0.050000, {size:.1f} times what noise gives (p = {chance:.2g})"
    assert compare([2.0, 2.2], [3.0], 1, Noise(0.1, 10))[1].startswith("does not agree: ")


def test_equal_values_agree_without_any_noise() -> None:
    """A program that repeats itself exactly needs no statistics."""
    assert compare([2.0, 2.0], [2.0], 1, None) == (True, "the values repeat exactly")


def test_a_failed_run_does_not_agree() -> None:
    """Fewer values than runs means that some failed."""
    assert compare([2.0], [2.0], 2, Noise(0.1, 3)) == (False, "1 of 2 runs failed")


@pytest.mark.parametrize(("recorded", "noise"), [([], Noise(0.1, 3)), ([2.0], None), ([2.0], Noise(0.0, 3))])
def test_what_cannot_be_told_is_not(recorded: list[float], noise: Noise | None) -> None:
    """Nothing recorded, or no idea of the noise: no verdict."""
    assert compare(recorded, [2.5], 1, noise)[0] is None
