"""How much the metric varies when nothing but the seed changes, and how the machine drifts meanwhile.

A run's value is taken to be the commit's own value, plus the level of the machine at that moment, plus noise of
standard deviation sigma. The level walks at random: from one run to the next it moves by a normal step of
variance `step` * sigma^2. This is the local level model (Harvey 1989, Forecasting, Structural Time Series Models
and the Kalman Filter, section 2.3; Durbin and Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed.,
chapter 2). With a step of 0 everything below is the usual mean and pooled variance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

STEPS = (0.0025, 0.01, 0.04, 0.16)  # variances of the drift that are looked at, in units of sigma^2 per run
PRIOR = (8, 4, 2, 1)  # how likely each is held to be beforehand, up to a factor: most machines drift little


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviation of one run, in the metric's unit, and the degrees of freedom behind it."""

    sigma: float
    freedom: int
    step: float = 0.0  # variance of the drift from one run to the next, in units of sigma^2


@dataclass(frozen=True, slots=True)
class Series:
    """Good runs of one commit that were not chosen for their values, by rising place."""

    values: tuple[float, ...] = ()  # in the metric's unit
    places: tuple[int, ...] = ()  # in the study's order of runs

    def __len__(self) -> int:
        """How many runs."""
        return len(self.values)


NONE = Series()


@dataclass(frozen=True, slots=True)
class Level:
    """What a commit is expected to measure at some moment."""

    mean: float  # in the metric's unit
    variance: float  # of that mean, in units of sigma^2


def pooled(groups: Iterable[Sequence[float]]) -> Noise | None:
    """The pooled standard deviation within groups of repeats; None where nothing was repeated.

    Each group holds the values of one commit on different seeds. s^2 is the sum over groups of
    squared deviations from the group's own mean, divided by the sum of (size - 1): the usual
    pooled variance (Box, Hunter and Hunter, Statistics for Experimenters, 2nd ed., section 3.2).
    """
    return _noise([Series(tuple(group), tuple(range(len(group)))) for group in groups], 0.0)[0]


def estimate(series: Sequence[Series]) -> Noise | None:
    """Noise and drift from all that was repeated; None where nothing was.

    The step is the one of `STEPS` with the highest posterior probability, its likelihood concentrated over sigma
    (Durbin and Koopman 2012, section 2.10.2); sigma^2 is the mean squared standardised innovation at that step.
    """
    found = [(*_noise(series, step), weight) for step, weight in zip(STEPS, PRIOR, strict=True)]
    return max(found, key=lambda one: one[1] + math.log(one[2]))[0]


def level(series: Series, step: float, now: int) -> Level:
    """What the commit would measure at place `now`, by the Kalman filter; `series` may not be empty."""
    mean, variance = series.values[0], 1.0
    for (last, place), value in zip(pairwise(series.places), series.values[1:], strict=True):
        variance += step * (place - last)
        trust = variance / (variance + 1)
        mean += trust * (value - mean)
        variance *= 1 - trust
    return Level(mean, variance + step * max(now - series.places[-1], 0))


def drift(series: Series, noise: Noise) -> tuple[float, float] | None:
    """How much later half of a commit's runs lies above the earlier one, and the standard error of that.

    Both in the metric's unit; None where there are fewer than four runs.
    """
    half = len(series) // 2
    if half < 2:
        return None
    early, late = series.values[:half], series.values[half:]
    difference = math.fsum(late) / len(late) - math.fsum(early) / len(early)
    return difference, noise.sigma * math.sqrt(1 / len(early) + 1 / len(late))


def _noise(series: Iterable[Series], step: float) -> tuple[Noise | None, float]:
    """The noise at a given step, and that step's log-likelihood up to a constant."""
    squares, freedom, spreads = 0.0, 0, 0.0
    for one in series:
        if not one.values:
            continue
        mean, variance = one.values[0], 1.0
        for (last, place), value in zip(pairwise(one.places), one.values[1:], strict=True):
            variance += step * (place - last)
            spread = variance + 1  # of the innovation, in units of sigma^2
            squares += (value - mean) ** 2 / spread
            spreads += math.log(spread)
            freedom += 1
            mean += variance / spread * (value - mean)
            variance /= spread
    if not freedom:
        return None, 0.0
    sigma = math.sqrt(squares / freedom)
    return Noise(sigma, freedom, step), -freedom * math.log(sigma or 1.0) - spreads / 2
