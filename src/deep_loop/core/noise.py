"""How much the metric varies when nothing but the seed changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviation of one run, in the metric's unit, and the degrees of freedom behind it."""

    sigma: float
    freedom: int


def pooled(groups: Iterable[Sequence[float]]) -> Noise | None:
    """The pooled standard deviation within groups of repeats; None where nothing was repeated.

    Each group holds the values of one commit on different seeds. s^2 is the sum over groups of
    squared deviations from the group's own mean, divided by the sum of (size - 1): the usual
    pooled variance (Box, Hunter and Hunter, Statistics for Experimenters, 2nd ed., section 3.2).
    """
    squares = 0.0
    freedom = 0
    for group in groups:
        if len(group) > 1:
            mean = math.fsum(group) / len(group)
            squares += math.fsum((value - mean) ** 2 for value in group)
            freedom += len(group) - 1
    return Noise(math.sqrt(squares / freedom), freedom) if freedom else None
