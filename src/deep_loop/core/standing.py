"""What is claimed of an incumbent: the mean of runs made after the decision that kept it, with its interval.

The runs that won the decision were chosen for being good, so they flatter. Runs made afterwards do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.90  # of the interval, two-sided
# Student's t at 95 %, for 1 to 30 degrees of freedom: `status` answers before scipy could be imported.
QUANTILES = (
    6.3138,
    2.9200,
    2.3534,
    2.1318,
    2.0150,
    1.9432,
    1.8946,
    1.8595,
    1.8331,
    1.8125,
    1.7959,
    1.7823,
    1.7709,
    1.7613,
    1.7531,
    1.7459,
    1.7396,
    1.7341,
    1.7291,
    1.7247,
    1.7207,
    1.7171,
    1.7139,
    1.7109,
    1.7081,
    1.7056,
    1.7033,
    1.7011,
    1.6991,
    1.6973,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An incumbent's value as far as it is known."""

    value: float  # in the metric's unit
    low: float | None  # of the interval; None where the spread cannot be told
    high: float | None
    runs: int  # behind the value
    label: Literal["provisional", "confirmed", "final"]


def standing(judged: Sequence[float], after: Sequence[float], final: Sequence[float], enough: int) -> Standing:
    """The best that can be said: of the final runs, else of those made since the keep, else of those that won it.

    `judged` are the runs that the decision rested on, `after` all since, `final` those of the study's end; at
    least one of them holds a value. From `enough` runs on, a value counts as confirmed, and where it repeats exactly.
    The interval is Student's, from the spread of these runs alone: other commits may vary more or less.
    """
    if final:
        return _of(final, "final")
    found = after or judged
    exact = len(found) > 1 and len(set(found)) == 1
    return _of(found, "confirmed" if exact or len(after) >= enough else "provisional")


def _of(found: Sequence[float], label: Literal["provisional", "confirmed", "final"]) -> Standing:
    mean = math.fsum(found) / len(found)
    if len(found) < 2:
        return Standing(mean, None, None, len(found), label)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in found) / (len(found) - 1))
    half = _quantile(len(found) - 1) * spread / math.sqrt(len(found))
    return Standing(mean, mean - half, mean + half, len(found), label)


def _quantile(freedom: int) -> float:
    """Student's t that is exceeded with half of the probability that the interval leaves out."""
    if freedom <= len(QUANTILES):
        return QUANTILES[freedom - 1]
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
