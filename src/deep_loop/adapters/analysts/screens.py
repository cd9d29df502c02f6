"""Screenings (`core.screening`): when one is ordered, what it found, and where that points.

The order of a study of many constants: find out by a designed set of runs which way each of them pays, then take one
step in all that do (Box and Wilson, On the experimental attainment of optimum conditions, JRSS B 13 (1951) 1-45).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from deep_loop.adapters.analysts.bench import Bench, Idea, propose
from deep_loop.adapters.analysts.estimates import Interval
from deep_loop.adapters.analysts.neglected import FIELD, FIELD_OTHERWISE
from deep_loop.adapters.analysts.scales import Scale, number, scale_of, spell
from deep_loop.adapters.analysts.words import experiments, percent, span
from deep_loop.core import screening
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.experiment import value
from deep_loop.core.hypothesis import Target
from deep_loop.core.screening import Levels, is_screening
from deep_loop.core.taxonomy import kind_of
from deep_loop.knobs import Knob

TUNER = "tuner"  # the proposer that carries a screening out
LEAST = 6  # constants; fewer are soon moved one by one
SHARE = 3  # a screening takes at most one in so many of the experiments that are left
HALF = 0.5  # of a sensible first step: how far a level lies from where the constant stands,
BOLDEST = 1.5  # and by what factor a positive number differs there at most
GRAINS = 4  # steps of its own divisor that an integer is made of, at least
SMALL = 1 / 3  # of where it stands, below which a step does not take it
ENOUGH = 0.6  # of a screening's runs were measured, before anything is made of it
NOISE = 0.002  # of one run, relative, where nothing was repeated
SPREADS = tuple(0.00025 * 2 ** (octave / 2) for octave in range(15))  # of effects, relative, that are considered
CLEAR = 1.0  # standard deviations by which an effect must differ from nothing to be followed
REACH = 2.0  # half steps: how far the best value of a constant usually lies from where a person left it
STRIDES = (1.0, 0.5)  # reaches that are offered, the likelier first,
LONGER = 2.0  # and once the incumbent stands there
TAKEN = 0.7  # of the first step, from which the incumbent stands there
MOVED = 1.01  # half steps; a constant that stands further from where it is expected was moved by something else
AGAIN = 12  # experiments without a keep, after which another screening is worth its runs
FURTHEST = 3.0  # half steps
NAMED = 6  # effects in one finding
SUREST = 0.95  # that a step is kept: the parabolas are a guess


@dataclass(frozen=True, slots=True)
class Effect:
    """What half a step up does to one constant, relative; higher is better."""

    name: str
    centre: float  # coordinates on its scale
    half: float
    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Screened:
    """What a screening found."""

    effects: tuple[Effect, ...]  # the largest first
    spread: float  # standard deviation of the true effects
    numbers: tuple[int, ...]  # its experiments

    @property
    def clear(self) -> tuple[Effect, ...]:
        """Those that can be told from nothing."""
        return tuple(effect for effect in self.effects if abs(effect.mean) > CLEAR * effect.error)


def order(bench: Bench, dossier: Dossier) -> dict[str, tuple[float, float]]:
    """The levels of the screening that the next strategy holds; one that is over stays there, for what it told.

    There is none where the tuner, which would carry it out, takes no part, or where it would take too much of what is
    left of the study. Another one follows where a dozen experiments after the last have brought nothing.
    """
    before = dossier.strategy.screen
    if not any(experiment.proposal.proposer == TUNER for experiment in dossier.experiments):
        return dict(before)
    runs = [e.number for e in dossier.experiments if is_screening(e.proposal.idea)]
    evidence = bench.evidence
    since = sum(trial.number > runs[-1] for trial in evidence.trials) if runs else AGAIN
    if runs and min(since, evidence.since_keep) < AGAIN:
        return dict(before)
    levels = dict(_levels(bench))
    if len(levels) < LEAST or SHARE * screening.runs(len(levels)) > dossier.left:
        return dict(before)
    return levels


def result(dossier: Dossier, noise: float | None) -> Screened | None:
    """What the strategy's screening found, where enough of it was measured. `noise` is that of one run, relative.

    Effects have a normal prior around zero, whose width is the one under which the runs are the most probable
    (Bishop, Pattern Recognition and Machine Learning, 2006, sections 3.3 and 3.5).
    """
    levels = dossier.strategy.screen
    rows, values, numbers = _runs(levels, dossier)
    if not levels or len(rows) < ENOUGH * screening.runs(len(levels)):
        return None
    size = abs(float(np.mean(values))) or 1.0
    sign = dossier.metric.gain(1.0, 0.0)
    x, y = np.array(rows, float), sign * np.array(values) / size
    x, y, sigma = x - x.mean(0), y - y.mean(), noise or NOISE
    spread = max(SPREADS, key=lambda spread: _evidence(x, y, spread, sigma))
    covariance = np.linalg.inv(x.T @ x / sigma**2 + np.eye(x.shape[1]) / spread**2)
    means = covariance @ x.T @ y / sigma**2
    errors = np.sqrt(np.diag(covariance))
    effects = [
        Effect(name, *_place(name, levels[name]), float(mean), float(error))
        for name, mean, error in zip(sorted(levels), means, errors, strict=True)
    ]
    return Screened(tuple(sorted(effects, key=lambda effect: -abs(effect.mean))), spread, numbers)


def steps(bench: Bench, found: Screened | None) -> Iterator[Idea]:
    """One step in all constants whose effects are clear and that nothing else has moved since.

    Where the incumbent has taken such a step already, a longer one; else one of usual length, and a shorter one.
    """
    if found is None:
        return
    usual = {effect.name: _stride(effect, found.spread, 1.0) for effect in found.clear}
    gone = {effect.name: _gone(bench, effect) for effect in found.clear}
    taken = math.fsum(usual[name] * (way or 0.0) for name, way in gone.items()) > TAKEN * math.fsum(
        move**2 for move in usual.values()
    )
    here = usual if taken else dict.fromkeys(usual, 0.0)
    movable = [
        effect
        for effect in found.clear
        if (way := gone[effect.name]) is not None and abs(way - here[effect.name]) <= MOVED
    ]
    for stride in (LONGER,) if taken else STRIDES:
        moves = {effect.name: _stride(effect, found.spread, stride) for effect in movable}
        targets = tuple(_targets(bench, movable, moves))
        if targets:
            yield _step(found, movable, moves, here, targets, stride)


def _step(
    found: Screened,
    effects: list[Effect],
    moves: Mapping[str, float],
    here: Mapping[str, float],
    targets: tuple[Target, ...],
    stride: float,
) -> Idea:
    """What to expect of going from `here` to `moves`, both in half steps: each constant has its parabola.

    Its top lies one reach away for an effect of usual size.
    """
    bend = found.spread / (2 * REACH)
    ways = {effect: moves[effect.name] - here[effect.name] for effect in effects}
    bends = math.fsum(bend * (moves[e.name] ** 2 - here[e.name] ** 2) for e in effects)
    hoped = math.fsum(effect.mean * way for effect, way in ways.items()) - bends
    error = math.hypot(bends / 2, *(effect.error * way for effect, way in ways.items()))
    chance = NormalDist().cdf(hoped / error) if error else 1.0
    names = ", ".join(effect.name for effect in effects[:NAMED])
    more = f" and {len(effects) - NAMED} more" if len(effects) > NAMED else ""
    entry = propose(
        title=f"A step of {stride:g} the way that the screening showed: {names}{more}",
        kind=kind_of(effects[0].name),
        targets=targets,
        why=f"The screening tells which way {len(effects)} constants pay ({experiments(found.numbers)}): one step that "
        "way with all of them.",
        expected=span(Interval(hoped, hoped - 1.28 * error, hoped + 1.28 * error)),
        numbers=found.numbers,
    )
    return Idea(replace(entry, probability=round(min(chance, SUREST), 2)), hoped * chance, "screening")


def findings(found: Screened | None) -> tuple[Finding, ...]:
    """What the screening says, in words."""
    if found is None:
        return ()
    listed = "; ".join(
        f"{effect.name} {'up' if effect.mean > 0 else 'down'} {percent(abs(effect.mean))} "
        f"({percent(abs(effect.mean) - 1.96 * effect.error)} to {percent(abs(effect.mean) + 1.96 * effect.error)})"
        for effect in found.clear[:NAMED]
    )
    said = f"half a step of each: {listed}" if listed else "no constant stands out of the noise"
    return (Finding(f"A screening of {len(found.effects)} constants, {said}.", found.numbers),)


def announced(before: Levels, after: Levels) -> tuple[str, ...]:
    """What to say of a screening that begins."""
    if not after or after == before:
        return ()
    count = len(after)
    return (
        f"A screening of {count} constants in {screening.runs(count)} runs comes first: what half a step in each does, "
        "all of them moved at once.",
    )


def _levels(bench: Bench) -> Iterator[tuple[str, tuple[float, float]]]:
    """The levels of the numbers that can be screened, at most as many as one screening takes."""
    found = {}
    for name, knob in bench.knobs.items():
        present = number(knob.source)
        if present is None or isinstance(knob.value, bool) or knob.choices:
            continue
        scale = scale_of(name, (present,))
        place, half = scale.coordinate(present), _half(scale, present)
        if place is None or not half:
            continue
        low, high = (bench.allowed(name, scale.value(place + side * half)) for side in (-1, 1))
        low = max(low, 0.0) if present >= 0 else low
        low, high = (float(number(_spelled(level, knob)) or 0.0) for level in (low, high))
        if low < high and low <= present <= high:
            found[name] = (low, high)
    first = sorted(
        found, key=lambda name: (-bench.importance.get(name, 0.0), -FIELD.get(kind_of(name), FIELD_OTHERWISE))
    )
    yield from ((name, found[name]) for name in first[: screening.MOST])


def _spelled(value: float, knob: Knob) -> str:
    """A number in the constant's own style; an integer keeps what others may divide it by, as 96 its sixteens."""
    if not isinstance(knob.value, int) or knob.value <= 0:
        return spell(value, knob.source)
    grain = 1
    while knob.value % (2 * grain) == 0 and 2 * grain * GRAINS <= knob.value:
        grain *= 2
    return spell(float(round(value / grain) * grain or grain), knob.source)


def _half(scale: Scale, present: float) -> float:
    """Half a step, in coordinates; a positive number changes by a factor of `BOLDEST` at most."""
    half = HALF * scale.unit
    if present <= 0:
        return half
    places = [scale.coordinate(present * factor) for factor in (1 / BOLDEST, 1.0, BOLDEST)]
    known = [place for place in places if place is not None]
    return min([half, *(after - before for before, after in itertools.pairwise(known))])


def _runs(levels: Levels, dossier: Dossier) -> tuple[list[list[int]], list[float], tuple[int, ...]]:
    """The rows of the design that were measured, their values, and the experiments' numbers."""
    rows, values, numbers = [], [], []
    design = screening.design(len(levels)) if levels else ()
    for experiment in filter(lambda experiment: experiment.proposal.idea.kind == screening.KIND, dossier.experiments):
        measured = value(experiment)
        for run in screening.done(levels, [experiment.proposal.idea]):
            if measured is not None and 1 <= run <= len(design):
                rows.append(list(design[run - 1]))
                values.append(measured)
                numbers.append(experiment.number)
    return rows, values, tuple(sorted(numbers))


def _evidence(x: np.ndarray, y: np.ndarray, spread: float, sigma: float) -> float:
    """The logarithm of how probable the runs are, but for a constant."""
    covariance = spread**2 * x @ x.T + sigma**2 * np.eye(len(y))
    return float(-(y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(covariance)[1]) / 2)


def _place(name: str, levels: tuple[float, float]) -> tuple[float, float]:
    """Centre and half distance of two levels, in coordinates."""
    scale = scale_of(name, levels)
    low, high = (scale.coordinate(level) or 0.0 for level in levels)
    return (low + high) / 2, (high - low) / 2


def _gone(bench: Bench, effect: Effect) -> float | None:
    """How many half steps a constant stands above the centre that it was screened around; None where it is gone."""
    source = bench.present(effect.name)
    present = number(source) if source is not None else None
    place = None if present is None else scale_of(effect.name, (present,)).coordinate(present)
    return None if place is None else (place - effect.centre) / effect.half


def _stride(effect: Effect, spread: float, stride: float) -> float:
    """Half steps to go: as far as the size of the effect says, within bounds."""
    return max(-FURTHEST, min(FURTHEST, stride * REACH * effect.mean / spread))


def _targets(bench: Bench, effects: tuple[Effect, ...] | list[Effect], moves: Mapping[str, float]) -> Iterator[Target]:
    """Where that puts each constant, in its own spelling; those that would not move are left out."""
    for effect in effects:
        knob = bench.knobs[effect.name]
        present = number(knob.source)
        scale = scale_of(effect.name, () if present is None else (present,))
        goal = scale.value(effect.centre + moves[effect.name] * effect.half)
        if present is not None and present > 0:
            goal = max(goal, present * SMALL)
        source = _spelled(bench.allowed(effect.name, goal), knob)
        if number(source) != present:
            yield Target(effect.name, value=source)
