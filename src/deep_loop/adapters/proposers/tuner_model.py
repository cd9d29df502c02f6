"""A small model of the gain near the incumbent: additive, quadratic in each dimension, Bayesian.

With z the distance from the incumbent in radii, a trial's gain is modelled as

    gain = e + sum over numeric dimensions (a_d z_d + b_d z_d^2) + sum over switches c_{d,option} + noise

with normal priors on e, a, b and c, so the posterior is the closed form of Bayesian linear regression (Bishop,
Pattern Recognition and Machine Learning, section 3.3). How large effects are is found from the trials themselves: of
some sizes, the one that makes them the most probable (section 3.5 there). It learns from every trial, whoever
proposed it and however many knobs it moved. A draw from the posterior ranks candidate moves (Thompson, Biometrika 25,
1933): what is likely good and what is little known both come up, in proportion. Additivity is a simplification that a
few dozen trials can afford; the trust region around the incumbent is what makes it fair (as in TuRBO: Eriksson et
al., 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep_loop.adapters.proposers.tuner_space import Axis, Dimension, Options, element
from deep_loop.adapters.proposers.tuner_trials import Memory, Setting, State, Trial

Point = Mapping[str, float]  # dimension's name -> coordinate
Array = NDArray[np.float64]

TYPICAL = 0.01  # the gain or loss of a bold step before anything is known, as a fraction of the metric
OCTAVES = range(-2, 6)  # how far above or below that it may be found to be,
SPREAD = 2.0  # and the standard deviation of that before anything is known
WORST = 4.0  # losses beyond this many median ones all count the same: a quadratic cannot follow a cliff


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the model expects of a move, as a fraction of the metric's size."""

    gain: float
    deviation: float  # standard deviation of that expectation, noise of the measurement not included


@dataclass(frozen=True, slots=True)
class Posterior:
    """Mean (k,) and covariance (k, k) of the k coefficients, and how probable it made the trials."""

    chance: float  # logarithm, without what all posteriors of the same trials have in common
    mean: Array
    covariance: Array


def place(setting: Setting, dimensions: Sequence[Dimension]) -> dict[str, float]:
    """Where a setting stands on each dimension on which it has a place."""
    found: dict[str, float] = {}
    for dimension in dimensions:
        knob = setting.knobs.get(dimension.key)
        coordinate = dimension.coordinate(element(knob.value, dimension.place)) if knob else None
        if coordinate is not None:
            found[dimension.name] = coordinate
    return found


class Model:
    """The posterior, given all trials; one draw from it is fixed by the seed."""

    def __init__(self, dimensions: Sequence[Dimension], memory: Memory, seed: int) -> None:
        self.centre: Point = place(memory.incumbent, dimensions)
        self._columns: dict[str, int] = {}
        self._dimensions = {dimension.name: dimension for dimension in dimensions}
        width = 1
        for dimension in dimensions:
            self._columns[dimension.name] = width
            width += 2 if isinstance(dimension, Axis) else len(dimension.sources)
        self.points = [place(trial.setting, dimensions) for trial in memory.trials]
        self._width = width
        self._known = self._fit(memory)
        generator = np.random.default_rng(seed)
        found = self._known
        self._draw = found.mean + np.linalg.cholesky(found.covariance) @ generator.standard_normal(width)

    def estimate(self, point: Point) -> Estimate:
        """The expected gain of going from the incumbent to a point that names the dimensions it moves."""
        row = self._features(point)
        known = self._known
        return Estimate(float(row @ known.mean), max(float(row @ known.covariance @ row), 0.0) ** 0.5)

    def sampled(self, point: Point) -> float:
        """The gain of that move in the one world that was drawn from the posterior."""
        return float(self._features(point) @ self._draw)

    def _fit(self, memory: Memory) -> Posterior:
        """Under the size of effects that explains the trials best (Bishop, section 3.5)."""
        seen = [abs(trial.gain) for trial in memory.trials if trial.state is State.MEASURED and trial.gain]
        worst = WORST * max(float(np.median(seen)) if seen else 0.0, TYPICAL)
        rows = np.array([self._features(point) for point in self.points]).reshape(-1, self._width)
        return max((self._posterior(rows, memory, octave, worst) for octave in OCTAVES), key=lambda found: found.chance)

    def _posterior(self, rows: Array, memory: Memory, octave: int, worst: float) -> Posterior:
        """What the trials say where the gain or loss of a bold step is so many octaves above `TYPICAL`."""
        typical = TYPICAL * 2.0**octave
        mean, variance = self._prior(typical, memory.doubt)
        seen = [_seen(trial, row, typical, worst, memory.noise) for trial, row in zip(memory.trials, rows, strict=True)]
        targets, spreads = np.array(seen).reshape(-1, 2).T
        # The incumbent's own value is part noise, and the better part: it was kept for it. That is e.
        rows = np.column_stack((np.ones(len(rows)), rows[:, 1:]))
        weighted = rows / spreads[:, None] ** 2
        precision = np.diag(1.0 / variance) + weighted.T @ rows
        covariance = np.linalg.inv(precision)
        rest = targets - rows @ mean
        pull = weighted.T @ rest
        squares = float(rest @ (rest / spreads**2) - pull @ covariance @ pull)
        sizes = 2 * np.log(spreads).sum() + np.log(variance).sum() + np.linalg.slogdet(precision)[1]
        chance = -(squares + float(sizes) + (octave / SPREAD) ** 2) / 2
        return Posterior(chance, mean + covariance @ pull, (covariance + covariance.T) / 2)

    def _prior(self, typical: float, doubt: float) -> tuple[Array, Array]:
        """Mean and variance of each coefficient before any trial: most bold steps lose, some gain."""
        mean, variance = np.zeros(self._width), np.full(self._width, typical**2)
        variance[0] = doubt**2
        for name, column in self._columns.items():
            match self._dimensions[name]:
                case Axis():
                    mean[column + 1], variance[column + 1] = -typical / 2, (typical / 2) ** 2
                case Options(sources=sources):
                    mean[column : column + len(sources)] = -typical / 2
        return mean, variance

    def _features(self, point: Point) -> Array:
        """The row of a move; dimensions that the point does not name stay where the incumbent is."""
        row = np.zeros(self._width)
        for name, coordinate in point.items():
            dimension, centre = self._dimensions[name], self.centre.get(name)
            if centre is None or coordinate == centre:
                continue
            column = self._columns[name]
            match dimension:
                case Axis(radius=radius):
                    z = (coordinate - centre) / radius
                    row[column], row[column + 1] = z, z * z
                case Options():
                    row[column + round(coordinate)] = 1.0
        return row


def _seen(trial: Trial, row: Array, typical: float, worst: float, noise: float) -> tuple[float, float]:
    """A trial's gain and its standard error, wider the further it lies from where a quadratic is fair."""
    distance = float(np.sum(np.abs(row[1:])))
    spread = typical * max(distance - 4.0, 0.0) / 4.0
    match trial.state:
        case State.MEASURED:
            gain = max(trial.gain, -worst)
        case State.FAILED:
            gain = -worst
        case State.RUNNING:
            gain = 0.0  # a constant liar: what runs now is taken to win nothing (Ginsbourger et al., 2010)
    return gain, float(np.hypot(noise if trial.error is None else trial.error, spread))
