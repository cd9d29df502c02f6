"""What is known of one constant: which values were tried, and how good each was."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from deep_loop.adapters.analysts.evidence import Trial
from deep_loop.adapters.analysts.moved import Moved
from deep_loop.adapters.analysts.scales import Scale
from deep_loop.core.experiment import Change

NEAR = 0.15  # of a step of the scale: closer values are next to each other
ENOUGH = 6  # values tried before a region is looked for
CLEAR = 3.0  # deviations of noise by which a value must be worse than the best to bound a region


@dataclass(frozen=True, slots=True)
class Point:
    """One value, and the gain of standing there instead of where the study started."""

    coordinate: float
    source: str
    level: float  # relative gain, summed along the constant's moves
    error: float | None  # standard deviation of the last step's gain by noise
    numbers: tuple[int, ...]  # the experiments that tell

    @property
    def first(self) -> int:
        """The earliest of its experiments."""
        return self.numbers[0]


@dataclass(frozen=True, slots=True)
class Profile:
    """All values of one numeric constant, smallest coordinate first."""

    name: str
    scale: Scale
    points: tuple[Point, ...]
    walls: tuple[float, ...]  # coordinates that crashed when nothing else was moved

    @property
    def best(self) -> int:
        """The place of the best point; of equal ones the one that was there first."""
        return max(range(len(self.points)), key=lambda i: (self.points[i].level, -self.points[i].first))


@dataclass(frozen=True, slots=True)
class Region:
    """Where the good values lie, in the constant's own unit, both ends included."""

    name: str
    low: float
    high: float
    numbers: tuple[int, ...]  # the experiments with good values


class _Mean:
    """A weighted mean that grows."""

    __slots__ = ("error", "numbers", "source", "total", "weight")

    def __init__(self, source: str) -> None:
        self.source = source
        self.total = self.weight = 0.0
        self.error: float | None = None
        self.numbers: list[int] = []

    def add(self, level: float, weight: float, number: int, error: float | None) -> None:
        self.total += level * weight
        self.weight += weight
        self.error = error
        self.numbers.append(number)

    @property
    def level(self) -> float:
        return self.total / self.weight


def profiles(moved: Mapping[str, Moved]) -> dict[str, Profile]:
    """The profile of every numeric constant that was moved, by name. Linear in the number of moves."""
    found = {}
    for name, each in moved.items():
        means: dict[float, _Mean] = {}
        walls: set[float] = set()
        coordinate = each.scale.coordinate
        for trial, change, before, after in each.steps:
            if before is None or after is None or before == after:
                continue
            start, end = coordinate(before), coordinate(after)
            if start is None or end is None:
                continue
            if trial.gain is not None:
                _learn(means, trial, start, end, change)
            elif trial.crashed and len(trial.changes) == 1:
                walls.add(end)
        points = tuple(
            Point(place, mean.source, mean.total / mean.weight, mean.error, _unique(mean.numbers))
            for place, mean in sorted(means.items())
        )
        if points:
            found[name] = Profile(name, each.scale, points, tuple(sorted(walls)))
    return found


def neighbours(profile: Profile, lead: float) -> tuple[Point | None, Point | None]:
    """The nearest points to the left and to the right of the best that are worse by more than `lead`.

    A value next to the best one cannot differ by much: that it seems to is some other constant's doing.
    """
    best = profile.points[profile.best]
    worse = [
        p
        for p in profile.points
        if best.level - p.level > lead and abs(p.coordinate - best.coordinate) >= NEAR * profile.scale.unit
    ]
    left = [p for p in worse if p.coordinate < best.coordinate]
    right = [p for p in worse if p.coordinate > best.coordinate]
    return (left[-1] if left else None, right[0] if right else None)


def region(profile: Profile) -> Region | None:
    """Where the good values lie, as far as the nearest clearly worse ones; None where that is not clear.

    Not clear: few values, an unknown noise, fewer than two clearly worse ones, or one of them among the top
    third. An end without a worse value beyond is open: it reaches one step further than what was tried.
    """
    points = profile.points
    errors = [point.error for point in points if point.error is not None]
    if len(points) < ENOUGH or not errors:
        return None
    lead = CLEAR * fmean(errors)
    best = points[profile.best]
    worse = [p.coordinate for p in points if best.level - p.level > lead]
    good = sorted(points, key=lambda point: -point.level)[: max(2, len(points) // 3)]
    low, high = min(p.coordinate for p in good), max(p.coordinate for p in good)
    if len(worse) < 2 or any(low <= coordinate <= high for coordinate in worse):
        return None
    left, right = neighbours(profile, lead)
    first, last = points[0].coordinate - profile.scale.unit, points[-1].coordinate + profile.scale.unit
    start = profile.scale.value(first if left is None else left.coordinate)
    end = profile.scale.value(last if right is None else right.coordinate)
    if all(profile.scale.value(point.coordinate) >= 0 for point in points):
        start = max(start, 0.0)  # nothing below zero was ever thought of
    if not (math.isfinite(start) and math.isfinite(end)):
        return None
    numbers = tuple(sorted({number for point in good for number in point.numbers}))
    return Region(profile.name, float(f"{start:.3g}"), float(f"{end:.3g}"), numbers)


def _unique(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({*numbers})) if len(numbers) > 1 else (numbers[0],)


def _learn(means: dict[float, _Mean], trial: Trial, start: float, end: float, change: Change) -> None:
    """Put the trial's gain on top of the level that it started from.

    Where it moved several constants each gets an equal share, and counts for as little: nothing tells
    them apart.
    """
    share = 1 / len(trial.changes)
    base = means.get(start)
    if base is None:
        base = means[start] = _Mean(change.before)
        base.add(0.0, 1.0, trial.parent, trial.error)
    goal = means.get(end)
    if goal is None:
        goal = means[end] = _Mean(change.after)
    goal.add(base.level + (trial.gain or 0.0) * share, share, trial.number, trial.error)
