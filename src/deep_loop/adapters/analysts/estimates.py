"""Closed forms for small samples. Values in, values out; the distributions are the standard library's normal one."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95  # of every interval that the analyst names
_Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate within its interval."""

    mid: float
    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval:
    """The score interval of a proportion; `mid` is the plain share. Nothing tried: anything from 0 to 1.

    Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927) 209-212.
    """
    if not trials:
        return Interval(0.0, 0.0, 1.0)
    share, square = successes / trials, _Z**2
    centre = (successes + square / 2) / (trials + square)
    half = _Z / (trials + square) * math.sqrt(trials * share * (1 - share) + square / 4)
    # At the ends the bound is the share itself; rounding must not put it a hair beyond.
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


@dataclass(frozen=True, slots=True)
class Shrunken:
    """Means of groups, each drawn towards the pooled mean by as much as its data are weak."""

    pooled: float
    spread: float  # standard deviation of the groups' true means; 0 where chance alone explains them
    within: float  # standard deviation of one value inside its group
    p: float  # of differences as large as these where there are none; 1 where that cannot be told
    groups: Mapping[str, Interval]

    def differs(self, name: str, level: float = 0.05) -> int:
        """1 where this group is clearly above the pooled mean, -1 clearly below, 0 undetermined.

        A group counts only where the groups differ at all: as in Fisher's protected comparison, the overall
        test guards against finding one outlier among many groups by luck.
        """
        if self.p > level or name not in self.groups:
            return 0
        group = self.groups[name]
        return (group.low > self.pooled) - (group.high < self.pooled)


def shrink(groups: Mapping[str, Sequence[float]]) -> Shrunken:
    """Empirical-Bayes means of the groups; empty ones are left out.

    True means are taken as normal around a common one. Their variance is the one-way analysis of variance's
    estimate for unequal sizes (Searle, Casella and McCulloch, Variance Components, 1992, section 3.6); the
    shrunken mean and its variance are Morris's (Parametric empirical Bayes inference, JASA 78 (1983) 47-55),
    which for equal sizes is the James-Stein estimator but for a constant.
    """
    kept = {name: tuple(values) for name, values in groups.items() if values}
    total = [value for values in kept.values() for value in values]
    if not total:
        return Shrunken(0.0, 0.0, 0.0, 1.0, {})
    size, count = len(total), len(kept)
    grand = math.fsum(total) / size
    means = {name: math.fsum(values) / len(values) for name, values in kept.items()}
    inside = math.fsum((value - means[name]) ** 2 for name, values in kept.items() for value in values)
    between = math.fsum(len(values) * (means[name] - grand) ** 2 for name, values in kept.items())
    if size > count > 1:
        variance = inside / (size - count)
        effective = size - math.fsum(len(values) ** 2 for values in kept.values()) / size
        spread = max(0.0, (between - (count - 1) * variance) / effective)
        ratio = between / (count - 1) / variance if variance else math.inf if between else 0.0
        p = f_tail(ratio, count - 1, size - count)
    else:  # one group, or one value in each: no group can be told from chance
        variance = (inside + between) / (size - 1) if size > 1 else 0.0
        spread, p = 0.0, 1.0
    errors = {name: variance / len(values) for name, values in kept.items()}
    pooled, found = _towards_common(means, errors, spread)
    return Shrunken(pooled, math.sqrt(spread), math.sqrt(variance), p, found)


def _towards_common(
    means: Mapping[str, float], errors: Mapping[str, float], spread: float
) -> tuple[float, dict[str, Interval]]:
    """Morris's step: the mean weighted by how well each is known, and every mean drawn towards it.

    `errors` holds the variance of each mean, `spread` that of the true means.
    """
    doubt = {name: spread + error for name, error in errors.items()}
    if not all(doubt.values()):  # no variance at all: each mean is known exactly
        exact = {name: Interval(mean, mean, mean) for name, mean in means.items()}
        return math.fsum(means.values()) / len(means), exact
    weight = math.fsum(1 / value for value in doubt.values())
    pooled = math.fsum(means[name] / value for name, value in doubt.items()) / weight
    found = {}
    for name, mean in means.items():
        trust = spread / doubt[name]
        mid = pooled + trust * (mean - pooled)
        half = _Z * math.sqrt(trust * errors[name] + (1 - trust) ** 2 / weight)
        found[name] = Interval(mid, mid - half, mid + half)
    return pooled, found


def f_tail(ratio: float, above: int, below: int) -> float:
    """P(F > ratio) with `above` and `below` degrees of freedom, to about two digits.

    Paulson's normal approximation, Annals of Mathematical Statistics 13 (1942) 233-235.
    """
    if ratio <= 0:
        return 1.0
    if math.isinf(ratio):
        return 0.0
    a, b = 2 / (9 * above), 2 / (9 * below)
    root = ratio ** (1 / 3)
    return 1 - NormalDist().cdf(((1 - b) * root - (1 - a)) / math.sqrt(b * root**2 + a))


# Keep rate of the next experiment by the number of experiments since the last keep: 223 public logs of
# autonomous experiment loops with 33,805 rows, gathered for this project in 2026.
FIELD = ((0, 0.21), (10, 0.09), (20, 0.053), (30, 0.032), (40, 0.016))
_STARTS = [start for start, _ in FIELD]
FIELD_STRENGTH = 10  # how many experiments of the study at hand the field's rate is worth


def keep_within(kept: Iterable[bool], horizon: int) -> float:
    """The odds of at least one keep in the next `horizon` experiments.

    `kept` says of each experiment so far, oldest first, whether it was kept. The keep rate at each distance
    from the last keep has a Beta posterior: the field's rate as prior, the study's own experiments at that
    distance as data. The horizon is walked as if nothing were kept.
    """
    wins, losses = [0] * len(FIELD), [0] * len(FIELD)
    since = 0
    for was_kept in kept:
        (wins if was_kept else losses)[_stretch(since)] += 1
        since = 0 if was_kept else since + 1
    ahead = [0] * len(FIELD)
    for step in range(horizon):
        ahead[_stretch(since + step)] += 1
    log_none = math.fsum(
        _log_none(FIELD_STRENGTH * rate + wins[place], FIELD_STRENGTH * (1 - rate) + losses[place], ahead[place])
        for place, (_, rate) in enumerate(FIELD)
    )
    return 1 - math.exp(log_none)


def _log_none(a: float, b: float, trials: int) -> float:
    """The logarithm of the chance that none of `trials` succeeds, where the rate is Beta(a, b)."""
    return math.lgamma(b + trials) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + trials)


def _stretch(since: int) -> int:
    """The place in FIELD of this distance from the last keep."""
    return bisect_right(_STARTS, since) - 1
