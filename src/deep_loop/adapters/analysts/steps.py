"""Ideas along one constant: beyond the values that were tried, or between those around the best one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deep_loop.adapters.analysts.bench import Bench, Idea, propose
from deep_loop.adapters.analysts.estimates import Interval
from deep_loop.adapters.analysts.profiles import Point, Profile, neighbours
from deep_loop.adapters.analysts.scales import meaning, spell
from deep_loop.adapters.analysts.words import experiments, percent, size, span
from deep_loop.core.hypothesis import Target

APART = 0.1  # of the distance between the worse values: closer than this to a value that was tried is not new
BOLDEST = 2.0  # steps of the scale that one idea may go beyond what was tried
# Rough odds that an idea helps, from simulated studies of 12 to 60 experiments on 12 constants (a random move
# of one constant helped there in 13 to 21 % of the cases).
GOES_ON = 0.35  # a direction that helped helps once more
TURNS = 0.4  # the other direction helps where one hurt
INSIDE = 0.3  # the top of the parabola is better than what was tried


def along(bench: Bench) -> Iterator[Idea]:
    """At most one idea for each constant that was moved and is still there.

    Values that noise may have put behind the best one count as neither worse nor better.
    """
    for name, profile in bench.profiles.items():
        if bench.present(name) is None:
            continue
        match neighbours(profile, 2 * _error(bench, profile.points[profile.best])):
            case Point() as left, None:
                idea = _beyond(bench, profile, left, upward=True)
            case None, Point() as right:
                idea = _beyond(bench, profile, right, upward=False)
            case Point() as left, Point() as right:
                idea = _between(bench, profile, left, right)
            case _:
                idea = None
        if idea is not None:
            yield idea


def _beyond(bench: Bench, profile: Profile, worse: Point, *, upward: bool) -> Idea | None:
    """No worse value on one side: beyond all that was tried there, by as much as the worse one is away."""
    best, edge = profile.points[profile.best], profile.points[-1 if upward else 0]
    lead = best.level - worse.level
    source = _source(bench, profile, _goal(profile, edge, best.coordinate - worse.coordinate))
    if source is None:
        return None
    numbers = tuple(sorted({*best.numbers, *worse.numbers}))
    usual = bench.evidence.usual_keep
    way = "Raise" if upward else "Lower"
    if best.first < worse.first:  # the best value was there first, and the step away from it lost
        return _idea(
            bench,
            profile.name,
            source,
            title=f"{way} {profile.name} to {source} instead",
            why=f"Going from {best.source} to {worse.source} lost {size(lead)} ({experiments(numbers)}); "
            f"beyond {edge.source} nothing was tried.",
            expected=f"open; a usual keep here brings {percent(usual)}",
            numbers=numbers,
            worth=usual * TURNS,
        )
    hoped = min(lead / 2, 2 * usual)
    return _idea(
        bench,
        profile.name,
        source,
        title=f"{way} {profile.name} further, to {source}",
        why=f"{best.source} was better than {worse.source} by {size(lead)} ({experiments(numbers)}), "
        f"and nothing beyond {edge.source} was tried.",
        expected=span(Interval(hoped, hoped - _error(bench, best), hoped + _error(bench, best))),
        numbers=numbers,
        worth=hoped * GOES_ON,
    )


def _goal(profile: Profile, edge: Point, step: float) -> float:
    """One step beyond the edge, no bolder than `BOLDEST`; half way to a value that crashed."""
    limit = BOLDEST * profile.scale.unit
    step = max(-limit, min(limit, step))
    crashes = [wall - edge.coordinate for wall in profile.walls if (wall - edge.coordinate) * step > 0]
    nearest = min(crashes, key=abs, default=math.inf)
    return edge.coordinate + (nearest / 2 if abs(nearest) <= abs(step) else step)


def _between(bench: Bench, profile: Profile, left: Point, right: Point) -> Idea | None:
    """The top of the parabola through the best point and the worse ones around it, where that is a new value."""
    best = profile.points[profile.best]
    top = _vertex(left, best, right)
    if top is None:
        return None
    goal, level = top
    room = APART * (right.coordinate - left.coordinate)
    if min(abs(goal - point.coordinate) for point in profile.points) < room:
        return None
    source = _source(bench, profile, goal)
    hoped = min(level - best.level, bench.evidence.usual_keep)
    if source is None or hoped <= 0:
        return None
    numbers = tuple(sorted({*left.numbers, *best.numbers, *right.numbers}))
    error = 2 * _error(bench, best)
    return _idea(
        bench,
        profile.name,
        source,
        title=f"Try {profile.name} between {left.source} and {right.source}: {source}",
        why=f"{left.source}, {best.source} and {right.source} stand at {percent(left.level)}, {percent(best.level)} "
        f"and {percent(right.level)} ({experiments(numbers)}); the parabola through them has its top at {source}.",
        expected=span(Interval(hoped, hoped - error, hoped + error)),
        numbers=numbers,
        worth=hoped * INSIDE,
    )


def _vertex(left: Point, best: Point, right: Point) -> tuple[float, float] | None:
    """Coordinate and level of the top of the parabola through three points; None where it has none."""
    a, b, c = left.coordinate, best.coordinate, right.coordinate
    rise, fall = (best.level - left.level) / (b - a), (best.level - right.level) / (c - b)
    bend = (rise + fall) / (c - a)  # minus the second coefficient of Newton's form below
    if bend <= 0:
        return None
    goal = (a + b + rise / bend) / 2
    return goal, left.level + rise * (goal - a) - bend * (goal - a) * (goal - b)


def _error(bench: Bench, point: Point) -> float:
    """The point's standard deviation; where the noise is unknown, an eighth of a typical change stands in."""
    return point.error if point.error is not None else bench.evidence.typical / 8


def _source(bench: Bench, profile: Profile, goal: float) -> str | None:
    """The source text at a coordinate; None where it is out of bounds or no new value of this constant."""
    present = bench.present(profile.name)
    value = profile.scale.value(goal)
    if present is None or not math.isfinite(value):
        return None
    if all(profile.scale.value(point.coordinate) >= 0 for point in profile.points):
        value = max(value, 0.0)
    source = spell(bench.allowed(profile.name, value), present)
    known = {meaning(point.source) for point in profile.points} | {meaning(present)}
    return None if meaning(source) in known else source


def _idea(
    bench: Bench,
    name: str,
    source: str,
    *,
    title: str,
    why: str,
    expected: str,
    numbers: tuple[int, ...],
    worth: float,
) -> Idea:
    targets = (Target(name, value=source),)
    kind = bench.evidence.taxonomy.kind_of(name)
    entry = propose(title=title, kind=kind, targets=targets, why=why, expected=expected, numbers=numbers)
    return Idea(entry, worth * bench.weight(name), "steps")
