"""Values for a few dimensions, drawn by Optuna's tree-structured Parzen estimator.

TPE (Bergstra et al., 2011) splits the trials into the better few and the rest, and proposes where the density of
the former is high against that of the latter; the multivariate form (Falkner et al., 2018, BOHB) keeps the
better ones' combinations. In fourteen dimensions a few dozen trials support no density, so it is asked about a few
dimensions at a time, inside a trust region around the incumbent, with the other knobs left where the incumbent
has them. The effect of what else a trial moved is taken off its gain first, as far as the model knows it.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from deep_loop.adapters.proposers.tuner_model import Model, Point
from deep_loop.adapters.proposers.tuner_space import Axis, Dimension, Options
from deep_loop.adapters.proposers.tuner_trials import State, Trial

RECENT = 60  # trials told at most, so that the cost of a proposal does not grow with the study
TOLERANCE = 1e-9  # a trial at the region's edge is inside it


def draw(subset: Sequence[Dimension], model: Model, trials: Sequence[Trial], count: int, seed: int) -> list[Point]:
    """`count` points on these dimensions, each drawn as if those before it were running.

    The dimensions' own bounds are the region. Where fewer than two trials inside it say something about them,
    the points are uniformly random.
    """
    distributions = {dimension.name: _distribution(dimension) for dimension in subset}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, n_startup_trials=2, seed=seed)
    study = _study(sampler)
    study.add_trials(_told(subset, distributions, model, trials))
    return [_point(study.ask(distributions).params) for _ in range(count)]


def _study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """A study in memory. Its storage would announce each one on the terminal."""
    logging.getLogger("optuna.storages._in_memory").setLevel(logging.WARNING)
    storage = optuna.storages.InMemoryStorage()
    return optuna.create_study(storage=storage, sampler=sampler, direction="maximize")


def _distribution(dimension: Dimension) -> BaseDistribution:
    match dimension:
        case Options(sources=sources):
            return CategoricalDistribution(range(len(sources)))
        case Axis(grid=True):
            low = math.ceil(dimension.low - TOLERANCE)
            return IntDistribution(low, max(low, math.floor(dimension.high + TOLERANCE)))
        case _:
            return FloatDistribution(dimension.low, dimension.high)


def _told(
    subset: Sequence[Dimension], distributions: dict[str, BaseDistribution], model: Model, trials: Sequence[Trial]
) -> list[FrozenTrial]:
    """The incumbent, and the latest trials inside the region that moved any of these dimensions."""
    names = [dimension.name for dimension in subset]
    found: list[tuple[Trial, Point, float]] = []
    for trial, point in zip(trials, model.points, strict=True):
        here: Point = {name: point[name] for name in names if name in point}
        if len(here) == len(names) and any(here[name] != model.centre.get(name) for name in names):
            others = model.estimate({name: at for name, at in point.items() if name not in here}).gain
            found.append((trial, here, trial.gain - others))
    worst = min([0.0, *(gain for trial, _, gain in found if trial.state is State.MEASURED)])
    told = [_frozen({name: model.centre[name] for name in names if name in model.centre}, 0.0, distributions)]
    for trial, here, gain in found[-RECENT:]:
        match trial.state:
            case State.MEASURED:
                told.append(_frozen(here, gain, distributions))
            case State.FAILED:  # worse than the worst, so that its region is left
                told.append(_frozen(here, 2 * worst - 1.0, distributions))
            case State.RUNNING:
                told.append(_frozen(here, None, distributions))
    return [trial for trial in told if trial is not None]


def _frozen(point: Point, gain: float | None, distributions: dict[str, BaseDistribution]) -> FrozenTrial | None:
    """A trial as Optuna takes it, running where it has no gain; None where it lies outside the region."""
    params: dict[str, float] = {}
    for name, distribution in distributions.items():
        at = point.get(name)
        if at is None:
            return None
        match distribution:
            case FloatDistribution(low=low, high=high):
                params[name] = min(max(at, low), high)
            case IntDistribution(low=low, high=high):
                params[name] = int(min(max(round(at), low), high))
            case _:
                params[name] = int(at)
        if abs(params[name] - at) > TOLERANCE:
            return None
    state = TrialState.RUNNING if gain is None else TrialState.COMPLETE
    return create_trial(params=params, distributions=distributions, value=gain, state=state)


def _point(params: dict[str, float]) -> Point:
    return {name: float(value) for name, value in params.items()}
