"""How much the metric varies when nothing but the seed changes, what runs on one seed share, how a machine drifts.

A run's value is taken to be the commit's own value, plus the level of the machine at that moment, plus noise of
standard deviation sigma. The level walks at random: from one run to the next it moves by a normal step of variance
`step` * sigma^2 (the local level model: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter,
section 2.3). A part of the noise, `alike` of its variance, is the seed's: two commits that run on one seed share it,
as blocks do in an experiment (Box, Hunter and Hunter, Statistics for Experimenters, 2nd ed., section 4.2). Both are
estimated by restricted maximum likelihood from all that was repeated (Harville 1977, Journal of the American
Statistical Association 72, 320-338), and commits are compared by generalised least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

STEPS = {0.0025: 8, 0.01: 4, 0.04: 2, 0.16: 1}  # variance of the drift per run, and how likely each is held to be
ALIKE = {0.0: 60, 0.3: 1, 0.6: 1, 0.8: 1, 0.9: 1, 0.97: 1}  # share of the seed, and how likely
EFFECTS = (0.0, 0.1, 1.0, 10.0, 100.0)  # variances of what changes may do to the metric, in units of sigma^2


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviation of one run, in the metric's unit, and the degrees of freedom behind it."""

    sigma: float
    freedom: int
    step: float = 0.0  # variance of the drift from one run to the next, in units of sigma^2
    alike: float = 0.0  # share of sigma^2 that runs on one seed have in common

    @property
    def own(self) -> float:
        """Standard deviation of the part that is a run's own, in the metric's unit."""
        return self.sigma * math.sqrt(1 - self.alike)


@dataclass(frozen=True, slots=True)
class Series:
    """Good runs of one commit that were not chosen for their values, by rising place."""

    values: tuple[float, ...] = ()  # in the metric's unit
    places: tuple[int, ...] = ()  # in the study's order of runs
    seeds: tuple[int, ...] = ()

    def __len__(self) -> int:
        """How many runs."""
        return len(self.values)


NONE = Series()
Group = Sequence[Series]  # what an incumbent measured, and what others did that were held against it


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one commit measures than another."""

    mean: float  # in the metric's unit
    variance: float  # of that mean, in units of sigma^2


def estimate(groups: Sequence[Group]) -> Noise | None:
    """Noise, drift and what seeds have in common; None where nothing was repeated.

    Of the drifts and shares that are looked at, those with the highest posterior probability: by the restricted
    likelihood of all that was repeated, concentrated over sigma, and by how close the single runs of candidates lie to
    the incumbent's, of which nothing is taken but that: they were not repeated, and their own gains are in them.
    """
    repeated = [tuple(one for one in group if len(one) > 1) for group in groups]
    repeated = [group for group in repeated if group]
    freedom = sum(len(one) - 1 for group in repeated for one in group)
    if not freedom:
        return None
    if all(len(set(one.values)) == 1 for group in repeated for one in group):
        return Noise(0.0, freedom, min(STEPS))
    shares = ALIKE if any(map(_meet, groups)) else (0.0,)
    once = [(group[0], *(one for one in group[1:] if len(one) == 1)) for group in groups if group and group[0]]
    likely = [max(_likelihood(repeated, freedom, step, alike) for step in STEPS) for alike in shares]
    return max(likely, key=lambda one: one.chance + sum(_close(group, one.noise) for group in once)).noise


@dataclass(frozen=True, slots=True, order=True)
class _Likely:
    """A noise, and the logarithm of how probable it is."""

    chance: float
    noise: Noise = field(compare=False)


def _likelihood(groups: Sequence[tuple[Series, ...]], freedom: int, step: float, alike: float) -> _Likely:
    """Prior times restricted likelihood, with sigma where that is highest."""
    fits = [_fit(group, step, alike) for group in groups]
    sigma = math.sqrt(sum(fit.squares for fit in fits) / freedom)
    prior = math.log(STEPS[step] * ALIKE[alike])
    chance = prior - freedom * math.log(sigma) - sum(fit.wide for fit in fits) / 2
    return _Likely(chance, Noise(sigma, freedom, step, alike))


def _meet(group: Group) -> bool:
    """Whether two commits have run on one seed: where none have, nothing is known of what seeds share."""
    seeds = [seed for one in group for seed in {*one.seeds}]
    return len({*seeds}) < len(seeds)


def _close(group: tuple[Series, ...], noise: Noise) -> float:
    """The log-likelihood of candidates' differences from their incumbent, where nobody knows what their changes do.

    An effect is taken to be normal around none, by one of `EFFECTS`: a scale mixture, peaked and with a heavy tail.
    """
    found = _single(group, noise.step, noise.alike)
    densities = math.fsum(_log_density(one.mean / noise.sigma, one.variance) for one in found)
    return densities - len(found) * math.log(noise.sigma)


def _log_density(gap: float, variance: float) -> float:
    """Of a gap measured with `variance`, both in units of sigma, if the effect is by `EFFECTS`; but for a constant."""
    spreads = [variance + effect for effect in EFFECTS]
    return math.log(sum(math.exp(-(gap**2) / spread / 2) / math.sqrt(spread) for spread in spreads) + 1e-300)


def difference(one: Series, other: Series, noise: Noise) -> Difference:
    """How much more `one` measures than `other`, neither of them empty, by generalised least squares."""
    from scipy.linalg import solve_triangular

    fit = _fit((other, one), noise.step, noise.alike)
    contrast = solve_triangular(fit.triangle, (-1.0, 1.0), trans="T")
    return Difference(float(contrast @ fit.projected), float(contrast @ contrast))


def beside(reference: Series, others: Group, first: Series, noise: Noise) -> Difference:
    """How much more a candidate's first run measures than the incumbent, with other candidates' runs for a check.

    If the incumbent's few runs were lucky, all that is held against them seems worse by as much. How lucky they were
    is estimated from the single runs of `others` by empirical Bayes (Robbins 1956; Efron 2010, Large-Scale Inference,
    section 1.1): normal before they are seen, with the effects of changes a scale mixture around none by `EFFECTS`.
    """
    single = [one for one in others if len(one) == 1]
    *found, mine = _single((reference, *single, first), noise.step, noise.alike)
    own = 1 - noise.alike
    luck = max(mine.variance - own, 0.0)  # variance of the incumbent's level, in units of sigma^2
    if not found or not luck:
        return mine
    gaps = [(one.mean / noise.sigma, max(one.variance - luck, own)) for one in found]
    shifts = [math.sqrt(luck) * step / 10 for step in range(-40, 41)]  # four standard deviations to each side
    chances = [
        math.fsum(_log_density(gap - shift, variance) for gap, variance in gaps) - shift**2 / luck / 2
        for shift in shifts
    ]
    weights = [math.exp(chance - max(chances)) for chance in chances]
    total = math.fsum(weights)
    shift = math.fsum(weight * one for weight, one in zip(weights, shifts, strict=True)) / total
    left = math.fsum(weight * (one - shift) ** 2 for weight, one in zip(weights, shifts, strict=True)) / total
    return Difference(mine.mean - shift * noise.sigma, mine.variance - luck + left)


def drift(series: Series, noise: Noise) -> tuple[float, float] | None:
    """How much the later half of a commit's runs lies above the earlier one, and the standard error of that.

    Both in the metric's unit; None where there are fewer than four runs.
    """
    half = len(series) // 2
    if half < 2:
        return None
    early, late = series.values[:half], series.values[half:]
    moved = math.fsum(late) / len(late) - math.fsum(early) / len(early)
    return moved, noise.sigma * math.sqrt(1 / len(early) + 1 / len(late))


@dataclass(frozen=True, slots=True)
class _Fit:
    """Values fitted by their commits' means, all in units that make the errors independent and of equal size."""

    triangle: Any  # (k, k), upper, R of the QR decomposition of the k commits' columns
    projected: Any  # (k,), Q' times the values: triangle times the means
    squares: float  # of what is left of the values
    wide: float  # log-determinants of the restricted likelihood


@lru_cache(maxsize=8192)  # groups of earlier incumbents do not change any more
def _fit(group: tuple[Series, ...], step: float, alike: float) -> _Fit:
    """Generalised least squares through Cholesky and QR decompositions."""
    from scipy.linalg import cholesky, qr, solve_triangular  # imported here: it takes longer than the rest of a command

    table, covariance = _design(group, step, alike)
    root = cholesky(covariance, lower=True)
    scaled = solve_triangular(root, table, lower=True)
    q, r = qr(scaled[:, :-1], mode="economic")
    projected = q.T @ scaled[:, -1]
    left = scaled[:, -1] - q @ projected
    wide = 2 * math.fsum(math.log(abs(x)) for x in (*root.diagonal(), *r.diagonal()))
    return _Fit(r, projected, float(left @ left), wide)


@lru_cache(maxsize=2048)
def _single(group: tuple[Series, ...], step: float, alike: float) -> Sequence[Difference]:
    """How much more the one run of each commit but the first measures than the first commit would have there.

    The best linear unbiased prediction (Goldberger 1962, Journal of the American Statistical Association 57, 369-375).
    """
    from scipy.linalg import cholesky, solve_triangular

    if len(group) == 1:
        return ()
    table, covariance = _design(group, step, alike)
    known = len(group[0])
    root = cholesky(covariance[:known, :known], lower=True)
    mean = solve_triangular(root, [1.0] * known, lower=True)
    values = solve_triangular(root, [row[-1] for row in table[:known]], lower=True)
    towards = solve_triangular(root, covariance[:known, known:], lower=True)
    weight = mean @ mean
    level = mean @ values / weight
    found = []
    for place, row in enumerate(table[known:]):
        column = towards[:, place]
        expected = level + column @ (values - mean * level)
        variance = covariance[-1, -1] - column @ column + (1 - mean @ column) ** 2 / weight
        found.append(Difference(float(row[-1] - expected), float(variance)))
    return found


def _design(group: tuple[Series, ...], step: float, alike: float) -> tuple[Sequence[Sequence[float]], Any]:
    """Whose each run is and its value (n, k + 1), and the covariance of the runs (n, n), in units of sigma^2.

    That of a walk is written without terms that cancel in every difference: so it needs no beginning.
    """
    table, apart, same = _layout(group)
    covariance = alike * same + step * (apart.max() - apart / 2)
    covariance.flat[:: len(table) + 1] += 1 - alike
    return table, covariance


@lru_cache(maxsize=128)  # the largest matrices: all drifts and shares look at one group's
def _layout(group: tuple[Series, ...]) -> tuple[Sequence[Sequence[float]], Any, Any]:
    """Whose run each is and its value (n, k + 1), how many runs lie between two (n, n), and whether seeds are equal."""
    from scipy.spatial.distance import cdist

    values = [value for one in group for value in one.values]
    middle = math.fsum(values) / len(values)
    commits = [commit for commit, one in enumerate(group) for _ in one.values]
    table = [
        [*(float(commit == column) for column in range(len(group))), value - middle]
        for commit, value in zip(commits, values, strict=True)
    ]
    places = [[float(place)] for one in group for place in one.places]
    seeds = [[float(seed)] for one in group for seed in one.seeds]
    return table, cdist(places, places, "cityblock"), 1 - cdist(seeds, seeds, "hamming")
