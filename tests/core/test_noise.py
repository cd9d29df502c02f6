"""Noise and drift, from runs that were repeated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.noise import STEPS, Noise, Series, drift, estimate, level, pooled

values = st.lists(st.floats(-100, 100), min_size=1, max_size=8)


def test_one_group_has_its_own_standard_deviation() -> None:
    """As Box, Hunter and Hunter, Statistics for Experimenters, have it: the sample's, with n - 1."""
    found = pooled([(1.0, 2.0, 4.0)])
    assert found is not None
    assert found.sigma == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert found.freedom == 2


@given(st.lists(values, max_size=6))
def test_pooling_is_the_within_groups_variance(groups: list[list[float]]) -> None:
    """Against numpy: the sum of squares within the groups over the sum of their degrees of freedom."""
    found = pooled(groups)
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        assert found is None
        return
    squares = sum(float(np.sum((np.array(group) - np.mean(group)) ** 2)) for group in groups)
    assert found is not None
    assert found.freedom == freedom
    assert found.sigma == pytest.approx(math.sqrt(squares / freedom), rel=1e-6, abs=1e-6)


@given(values)
def test_without_drift_the_level_is_the_mean(found: list[float]) -> None:
    """And its variance one over the number of runs."""
    series = Series(tuple(found), tuple(range(len(found))))
    now = level(series, 0.0, 100)
    assert now.mean == pytest.approx(np.mean(found), abs=1e-9)
    assert now.variance == pytest.approx(1 / len(found))


def test_with_drift_the_level_is_the_best_linear_guess() -> None:
    """Against the conditional mean and variance of the joint normal distribution, computed directly."""
    places, found, step, now = (1, 4, 5, 20), (1.0, 1.5, 1.4, 2.0), 0.05, 26
    walk = step * np.minimum.outer(places, places).astype(float)
    flat = 1e9  # variance of the level beforehand: nothing is known of it
    covariance = walk + flat + np.eye(4)
    towards = step * np.minimum(places, now) + flat
    weights = np.linalg.solve(covariance, towards)
    seen = level(Series(found, places), step, now)
    assert seen.mean == pytest.approx(float(weights @ found), rel=1e-5)
    assert seen.variance == pytest.approx(float(step * now + flat - weights @ towards), rel=1e-4)


def test_exact_repeats_have_no_noise() -> None:
    """Whatever the drift might be."""
    found = estimate([Series((2.0, 2.0), (1, 9)), Series((3.0,), (4,))])
    assert found == Noise(0.0, 1, STEPS[0])
    assert estimate([Series((3.0,), (4,))]) is None


def test_a_drift_is_told_from_noise() -> None:
    """A machine that only makes noise gets the smallest step, one that wanders a larger one; sigma is right in both."""
    random = np.random.default_rng(3)
    still, walking = [], []
    for start in range(0, 400, 10):
        places = tuple(range(start, start + 10))
        noise = random.normal(0, 2, 10)
        still.append(Series(tuple(noise), places))
        walking.append(Series(tuple(noise + np.cumsum(random.normal(0, 0.8, 10))), places))
    calm, wild = estimate(still), estimate(walking)
    assert calm is not None
    assert wild is not None
    assert calm.step == STEPS[0]
    assert wild.step == STEPS[-1]  # 0.8^2 / 2^2
    assert calm.sigma == pytest.approx(2, rel=0.1)
    assert wild.sigma == pytest.approx(2, rel=0.1)


def test_later_runs_are_held_against_earlier_ones() -> None:
    """The difference of the two halves' means, with its standard error; of too few runs nothing is told."""
    moved = drift(Series((1.0, 1.2, 2.0, 2.2), (1, 2, 30, 40)), Noise(0.1, 9))
    assert moved == (pytest.approx(1.0), pytest.approx(0.1))
    assert drift(Series((1.0, 1.2, 2.0), (1, 2, 30)), Noise(0.1, 9)) is None
