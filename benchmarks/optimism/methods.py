"""The methods that ours is compared with: each looks at one run a setting and believes it.

All search the space that our tuner makes of the same constants, in its coordinates; all begin with the shipped
setting; each run has a seed of its own. A method is an endless sequence of trials: whoever plays it stops when the
budget is spent.

    greedy      moves one constant of the best setting so far, and keeps the move if its one run is better
    random      draws every setting anew from the whole space
    tpe         Optuna's tree-structured Parzen estimator, with its defaults
    tpe_pruned  the same, stopping runs that are worse than the median of those before at the same point
    cma_es      covariance matrix adaptation over the numbers, by the package cmaes, choices drawn at random
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from cmaes import CMA
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from benchmarks.optimism.task import Program
from benchmarks.optimism.trainer import Seen, Setting
from deep_loop.adapters.proposers.tuner_space import Axis, Dimension, Options, element, sources

PRUNE_AFTER = 5  # runs that end by themselves before the first is stopped, Optuna's default

Look = Callable[[Setting], Seen]  # one run, on a seed that no other had
Method = Callable[[Program, Look, int], "Iterator[Trial]"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a method."""

    setting: Setting
    value: float | None  # None where it crashed or was stopped
    cost: float = 1.0  # in runs: a run that is stopped costs the share that it ran


@dataclass(frozen=True, slots=True)
class Winner:
    """The best setting of a method."""

    setting: Setting
    claimed: float  # the value of its one run


def greedy(program: Program, look: Look, seed: int) -> Iterator[Trial]:
    """Hill climbing by single moves: a normal step of a radius, or another choice."""
    chance = random.Random(seed)
    best, at = look({}).value, _shipped(program)
    yield Trial({}, best)
    while True:
        dimension = chance.choice(program.space)
        there = {**at, dimension.name: _step(dimension, at[dimension.name], chance)}
        setting = spelled(program, there)
        seen = look(setting).value
        yield Trial(setting, seen)
        if seen is not None and (best is None or seen < best):
            best, at = seen, there


def cma_es(program: Program, look: Look, seed: int) -> Iterator[Trial]:
    """Generations around a moving mean that begins at the shipped setting, with a sixth of each axis as deviation."""
    chance = random.Random(seed)
    axes = [dimension for dimension in program.space if isinstance(dimension, Axis)]
    low, span = np.array([axis.low for axis in axes]), np.array([axis.high - axis.low for axis in axes])
    shipped = _shipped(program)
    start = (np.array([shipped[axis.name] for axis in axes]) - low) / span
    search = CMA(mean=start, sigma=1 / 6, bounds=np.tile([0.0, 1.0], (len(axes), 1)), seed=seed)
    yield Trial({}, look({}).value)
    while True:
        generation: list[tuple[np.ndarray, float]] = []
        for _ in range(search.population_size):
            there = search.ask()
            point = dict(zip((axis.name for axis in axes), (low + span * there).tolist(), strict=True))
            for dimension in program.space:
                if isinstance(dimension, Options):
                    point[dimension.name] = float(chance.randrange(len(dimension.sources)))
            setting = spelled(program, point)
            seen = look(setting).value
            yield Trial(setting, seen)
            generation.append((there, math.inf if seen is None else seen))
        search.tell(generation)


def by_optuna(sampler: Callable[[Program, int], BaseSampler], pruner: BasePruner | None = None) -> Method:
    """A method of Optuna's, with its sampler made from the program and a seed."""

    def play(program: Program, look: Look, seed: int) -> Iterator[Trial]:
        study = _study(sampler(program, seed), pruner or NopPruner())
        distributions = {dimension.name: _distribution(dimension) for dimension in program.space}
        study.enqueue_trial(_shipped(program))
        while True:
            trial = study.ask(distributions)
            setting = spelled(program, trial.params)
            seen = look(setting)
            stopped = _stopped(trial, seen)
            if stopped is not None:
                study.tell(trial, state=TrialState.PRUNED)
                yield Trial(setting, None, cost=max(stopped, 1.0) / 100)
            else:
                study.tell(trial, seen.value, state=TrialState.COMPLETE if seen.value is not None else TrialState.FAIL)
                yield Trial(setting, seen.value)

    return play


METHODS: Mapping[str, Method] = {
    "greedy": greedy,
    "random": by_optuna(lambda program, seed: RandomSampler(seed=seed)),
    "tpe": by_optuna(lambda program, seed: TPESampler(seed=seed)),
    "tpe_pruned": by_optuna(lambda program, seed: TPESampler(seed=seed), MedianPruner(n_startup_trials=PRUNE_AFTER)),
    "cma_es": cma_es,
}


def within(trials: Sequence[Trial], budget: float) -> Sequence[Trial]:
    """The first trials that cost no more than the budget together."""
    spent = 0.0
    for place, trial in enumerate(trials):
        spent += trial.cost
        if spent > budget + 1e-9:
            return trials[:place]
    return trials


def winner(trials: Sequence[Trial]) -> Winner:
    """The setting whose one run was best; raises ValueError where none was measured."""
    measured = [Winner(trial.setting, trial.value) for trial in trials if trial.value is not None]
    return min(measured, key=lambda found: found.claimed)


def spelled(program: Program, point: Mapping[str, float]) -> Setting:
    """The setting at a point: the constants that are not as shipped."""
    texts = sources(point, program.space, program.knobs)
    return {name: text for name, text in texts.items() if text != program.knobs[name].source}


def _stopped(trial: optuna.Trial, seen: Seen) -> float | None:
    """Per cent of the run at which the study's pruner stops it; None where it may end."""
    for percent, loss in seen.curve:
        if percent > 0:  # before its first step a run says nothing
            trial.report(loss, round(percent))
            if trial.should_prune():
                return percent
    return None


def _study(sampler: BaseSampler, pruner: BasePruner) -> optuna.Study:
    """A study in memory, to be minimised. Its storage would announce each one on the terminal."""
    logging.getLogger("optuna.storages._in_memory").setLevel(logging.WARNING)
    storage = optuna.storages.InMemoryStorage()
    return optuna.create_study(storage=storage, sampler=sampler, pruner=pruner, direction="minimize")


def _distribution(dimension: Dimension) -> BaseDistribution:
    match dimension:
        case Options(sources=options):
            return CategoricalDistribution(range(len(options)))
        case Axis(grid=True, low=low, high=high):
            return IntDistribution(math.ceil(low), math.floor(high))
        case Axis(low=low, high=high):
            return FloatDistribution(low, high)


def _shipped(program: Program) -> dict[str, float]:
    """Where the shipped setting stands, whole where only whole coordinates stand for values."""
    found: dict[str, float] = {}
    for dimension in program.space:
        at = dimension.coordinate(element(program.knobs[dimension.key].value, dimension.place))
        if at is None:
            raise ValueError(f"{dimension.name} has no place on its own axis")
        found[dimension.name] = at if isinstance(dimension, Axis) and not dimension.grid else round(at)
    return found


def _step(dimension: Dimension, at: float, chance: random.Random) -> float:
    """Another coordinate, near this one."""
    match dimension:
        case Options(sources=options):
            return float(chance.choice([place for place in range(len(options)) if place != at]))
        case Axis(low=low, high=high, radius=radius, grid=grid):
            step = chance.gauss(0.0, radius)
            if grid and abs(step) < 0.5:
                step = math.copysign(1.0, step)
            there = min(max(at + step, low), high)
            return round(there) if grid else there
