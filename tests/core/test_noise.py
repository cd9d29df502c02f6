"""Noise and drift, from runs that were repeated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from deep_loop.core.noise import EFFECTS, STEPS, Noise, Series, beside, difference, drift, estimate

values = st.lists(st.floats(-100, 100), min_size=1, max_size=8)
SEEDS = itertools.count(1_000)


def alone(found: Sequence[float], places: Sequence[int]) -> Series:
    """Runs on seeds that no other commit has had."""
    return Series(tuple(found), tuple(places), tuple(next(SEEDS) for _ in found))


def by_hand(one: Series, other: Series, noise: Noise) -> tuple[float, float]:
    """The generalised least squares estimate of the difference and its variance, as textbooks have it."""
    values = np.array([*other.values, *one.values])
    places, seeds = np.array([*other.places, *one.places]), np.array([*other.seeds, *one.seeds])
    design = np.array([[1.0, 0.0]] * len(other) + [[1.0, 1.0]] * len(one))
    covariance = (1 - noise.alike) * np.eye(len(values)) + noise.alike * np.equal.outer(seeds, seeds)
    inverse = np.linalg.inv(covariance + noise.step * np.minimum.outer(places, places))
    spread = np.linalg.inv(design.T @ inverse @ design)
    return float((spread @ design.T @ inverse @ values)[1]), float(spread[1, 1])


@given(values, values)
def test_without_drift_and_common_seeds_it_is_the_difference_of_means(one: list[float], other: list[float]) -> None:
    """And its variance the sum of one over the numbers of runs."""
    found = difference(alone(one, range(len(one))), alone(other, range(50, 50 + len(other))), Noise(1.0, 9))
    assert found.mean == pytest.approx(np.mean(one) - np.mean(other), abs=1e-9)
    assert found.variance == pytest.approx(1 / len(one) + 1 / len(other))


@pytest.mark.parametrize("step", [0.0, 0.05])
@pytest.mark.parametrize("alike", [0.0, 0.5, 0.95])
def test_a_difference_is_the_best_linear_guess(step: float, alike: float) -> None:
    """Against the formula itself, with a walking level and seeds in common."""
    one = Series((1.0, 1.5, 1.4), (3, 9, 11), (7, 8, 5))
    other = Series((2.0, 2.2, 2.6, 2.5), (1, 2, 10, 26), (7, 8, 9, 10))
    noise = Noise(1.0, 9, step, alike)
    found = difference(one, other, noise)
    mean, variance = by_hand(one, other, noise)
    assert found.mean == pytest.approx(mean)
    assert found.variance == pytest.approx(variance)


def test_exact_repeats_have_no_noise() -> None:
    """Whatever the drift might be."""
    found = estimate([[alone((2.0, 2.0), (1, 9)), alone((3.0,), (4,))]])
    assert found == Noise(0.0, 1, min(STEPS))
    assert estimate([[alone((3.0,), (4,))]]) is None


def test_without_drift_and_common_seeds_the_noise_is_the_pooled_one() -> None:
    """Close to the variance within groups, as Box, Hunter and Hunter, section 3.2, have it: drift is the smallest."""
    random = np.random.default_rng(1)
    runs = random.normal(0, 2, (40, 5))
    found = estimate([[alone(tuple(one), range(5))] for one in runs])
    assert found is not None
    assert found.alike == 0
    assert found.freedom == 160
    assert found.sigma == pytest.approx(math.sqrt(runs.var(axis=1, ddof=1).mean()), rel=0.01)


def test_single_runs_tell_of_common_seeds() -> None:
    """Changes that nobody repeated, all close to the incumbent's values on their seeds; not where these are others."""
    random = np.random.default_rng(4)
    incumbent = Series(tuple(random.normal(0, 1, 4)), (1, 2, 3, 4), (1, 2, 3, 4))
    near, far = [], []
    for n in range(16):
        value = incumbent.values[n % 4] + random.normal(0, 0.1)
        near.append(Series((value,), (5 + n,), (1 + n % 4,)))
        far.append(Series((value,), (5 + n,), (1 + (n + n // 4 + 1) % 4,)))
    told, silent = estimate([[incumbent, *near]]), estimate([[incumbent, *far]])
    assert told is not None
    assert silent is not None
    assert told.alike > 0.9
    assert silent.alike == 0
    assert told.freedom == silent.freedom == 3


@pytest.mark.parametrize("alike", [0.0, 0.6, 0.9])
def test_what_seeds_have_in_common_is_told(alike: float) -> None:
    """Candidates on the seeds of their incumbent: their noise is split into the seeds' part and their own."""
    random = np.random.default_rng(2)
    groups: list[list[Series]] = []
    for group in range(12):
        shared = random.normal(0, np.sqrt(alike), 6)
        seeds = tuple(range(group * 10, group * 10 + 6))
        commits = [shared + random.normal(0, np.sqrt(1 - alike), 6) for _ in range(5)]
        groups.append([Series(tuple(one), tuple(range(n, 60, 10)), seeds) for n, one in enumerate(commits)])
    found = estimate(groups)
    assert found is not None
    assert found.alike == alike
    assert found.sigma == pytest.approx(1, rel=0.15)


def test_few_runs_do_not_tell_of_common_seeds() -> None:
    """Two commits that agree on three seeds are no proof: it takes several more to be believed."""
    one, other = Series((1.0, 1.2, 0.9), (1, 2, 3), (1, 2, 3)), Series((2.01, 2.2, 1.9), (4, 5, 6), (1, 2, 3))
    found = estimate([[one, other]])
    assert found is not None
    assert found.alike == 0


def test_a_drift_is_told_from_noise() -> None:
    """A machine that only makes noise gets the smallest step, one that wanders a larger one; sigma is right in both."""
    random = np.random.default_rng(3)
    still, walking = [], []
    for start in range(0, 400, 10):
        places = tuple(range(start, start + 10))
        noise = random.normal(0, 2, 10)
        still.append([alone(noise, places)])
        walking.append([alone(noise + np.cumsum(random.normal(0, 0.8, 10)), places)])
    calm, wild = estimate(still), estimate(walking)
    assert calm is not None
    assert wild is not None
    assert calm.step == min(STEPS)
    assert wild.step == max(STEPS)  # 0.8^2 / 2^2
    assert calm.sigma == pytest.approx(2, rel=0.1)
    assert wild.sigma == pytest.approx(2, rel=0.1)


def test_later_runs_are_held_against_earlier_ones() -> None:
    """The difference of the two halves' means, with its standard error; of too few runs nothing is told."""
    moved = drift(alone((1.0, 1.2, 2.0, 2.2), (1, 2, 30, 40)), Noise(0.1, 9))
    assert moved == (pytest.approx(1.0), pytest.approx(0.1))
    assert drift(alone((1.0, 1.2, 2.0), (1, 2, 30)), Noise(0.1, 9)) is None


@pytest.mark.parametrize(("step", "alike"), [(0.0025, 0.0), (0.16, 0.0), (0.01, 0.6)])
def test_alone_a_first_run_is_held_against_the_incumbent_only(step: float, alike: float) -> None:
    """Without other candidates there is nothing to tell the incumbent's luck by."""
    reference, first = Series((1.0, 1.4, 0.9), (0, 1, 5), (7, 8, 9)), Series((0.7,), (6,), (8,))
    noise = Noise(0.2, 4, step, alike)
    found, expected = beside(reference, (), first, noise), difference(first, reference, noise)
    assert found.mean == pytest.approx(expected.mean)
    assert found.variance == pytest.approx(expected.variance)


def test_the_incumbents_luck_is_that_of_the_posterior() -> None:
    """Bayes' rule by adaptive quadrature, for two other candidates: one near the incumbent, one far from it."""
    noise, reference, first = Noise(2.0, 9), Series((10.0, 14.0), (0, 1), (0, 1)), Series((9.0,), (4,), (2,))
    others = (Series((15.0,), (2,), (3,)), Series((1.0,), (3,), (4,)), Series((5.0, 6.0), (5, 6), (5, 6)))

    def chance(luck: float) -> float:  # of the incumbent's mean being 12 + 2 * luck, as far as that goes
        effects = [[norm.pdf(m, luck, math.sqrt(1 + e)) for e in EFFECTS] for m in (1.5, -5.5)]
        return float(norm.pdf(luck, 0, math.sqrt(0.5)) * math.prod(map(sum, effects)))

    whole, mean, square = (quad(lambda x, k=k: x**k * chance(x), -6, 6)[0] for k in range(3))
    found = beside(reference, others, first, noise)
    assert found.mean == pytest.approx(9 - 12 - 2 * mean / whole, rel=1e-3)
    assert found.variance == pytest.approx(1 + square / whole - (mean / whole) ** 2, rel=1e-3)


def test_an_unlucky_incumbent_is_seen_through() -> None:
    """Where everything seems better by as much, the incumbent's runs were too bad; that they were few counts less."""
    random = np.random.default_rng(3)
    noise, reference = Noise(1.0, 20), Series((1.0, 1.1, 0.9), (0, 1, 2), (0, 1, 2))  # of a commit that is worth 0
    others = [Series((float(random.normal()),), (n,), (n,)) for n in range(3, 19)]
    first = Series((-0.5,), (20,), (20,))
    alone, found = difference(first, reference, noise), beside(reference, others, first, noise)
    assert alone.mean == pytest.approx(-1.5)
    assert -1.0 < found.mean < -0.3
    assert 1 < found.variance < 1.2 < alone.variance
