"""The noise of one run where no run was repeated: from experiments that hardly differ.

Two values of one constant that lie close together, on the same base, differ by little but noise. Half of the squared
difference of neighbours estimates its variance (Rice, Bandwidth choice for nonparametric regression, Annals of
Statistics 12 (1984) 1215-1230, section 2); the median of those in the place of the mean, over the median of a
chi-squared variable with one degree of freedom, so that a step into a crash or a cliff does not count. It is too large
where close values do differ, so what is below it is noise, and what is above it need not be a gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median

CLOSE = 0.1  # of the value, between neighbours
LEAST = 5  # pairs of neighbours below which nothing is said
_MEDIAN = NormalDist().inv_cdf(0.75) ** 2  # of a chi-squared variable with one degree of freedom: 0.4549


@dataclass(frozen=True, slots=True)
class Setting:
    """One good run of a change of one constant."""

    base: int  # the experiment that it started from
    constant: str
    set_to: float
    value: float  # of the metric, or of the gain


def floor(settings: Sequence[Setting]) -> tuple[float, int] | None:
    """The standard deviation of one run, in the unit of `value`, and the pairs that it rests on; None below `LEAST`.

    Runs at the same value of the constant are neighbours too. n log n in the settings.
    """
    groups: dict[tuple[int, str], list[Setting]] = {}
    for setting in settings:
        if setting.set_to > 0 and math.isfinite(setting.value):
            groups.setdefault((setting.base, setting.constant), []).append(setting)
    halves = []
    for group in groups.values():
        group.sort(key=lambda setting: setting.set_to)
        for one, other in pairwise(group):
            if other.set_to - one.set_to <= CLOSE * other.set_to:
                halves.append((other.value - one.value) ** 2 / 2)
    return (math.sqrt(median(halves) / _MEDIAN), len(halves)) if len(halves) >= LEAST else None
