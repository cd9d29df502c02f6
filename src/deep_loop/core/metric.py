"""The one number that a task is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name and direction; values keep the metric's own unit."""

    name: str
    direction: Direction = Direction.MINIMIZE

    def gain(self, value: float, reference: float) -> float:
        """How much better `value` is than `reference`: positive is better, in the metric's unit."""
        return reference - value if self.direction is Direction.MINIMIZE else value - reference

    def relative_gain(self, value: float, reference: float) -> float:
        """`gain` as a fraction of the reference's size; 0.01 is one per cent.

        A reference of exactly zero has no relative gain: the plain gain is returned.
        """
        gain = self.gain(value, reference)
        return gain / abs(reference) if reference else gain
