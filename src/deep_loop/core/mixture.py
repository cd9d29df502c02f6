"""Which of several proposers is asked: the one that gains most per slot-hour, as far as that can be told by now.

Thompson sampling by the bootstrap (Eckles and Kaptein 2014, arXiv:1410.4009, section 2): every experiment gets a random
weight, the rates of gain are compared under these weights, and the best is asked. So it takes no model of how gains are
distributed, which are few and far from normal. What pays changes as a study goes on, so older experiments count less
(discounting: Garivier and Moulines 2011, Algorithmic Learning Theory, section 2). Each proposer keeps a share that
nobody takes from it, since it may be what the next structure needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deep_loop.core.experiment import Experiment, Keep
from deep_loop.core.seed import derive

PRIOR = 3.0  # experiments at the pooled rate that each proposer is credited with, times its starting weight's share
FADE = 0.98  # of an experiment's weight, with each later one
REMEMBERED = 300  # experiments; older ones weigh nothing to speak of
FLOOR = 0.1  # share that each proposer keeps, of an equal one


@dataclass(frozen=True, slots=True)
class Mixture:
    """Starting weights by proposer; they need not add up to one."""

    weights: Mapping[str, float]


def choose(mixture: Mixture, able: Sequence[str], closed: Sequence[Experiment], seed: int) -> str:
    """Whom of `able`, at least one, to ask, by all experiments closed so far; `seed` settles what is left to chance."""
    floor = FLOOR / len(able)
    draw = _uniform(seed, 0)
    if draw < floor * len(able):
        return able[int(draw / floor)]
    latest = [e for e in closed if e.counted][-REMEMBERED:]
    weights = {name: mixture.weights.get(name, 0.0) for name in able}
    total = math.fsum(weights.values()) or 1.0
    gains = {e.number: e.decision.gain if isinstance(e.decision, Keep) else 0.0 for e in latest}
    hours = {e.number: _slot_hours(e) for e in latest}
    spent = math.fsum(hours.values())
    if not latest or not spent or not math.fsum(gains.values()):  # nothing tells them apart yet
        return _by_weight(weights, total, _uniform(seed, 1))
    pooled = math.fsum(gains.values()) / spent
    typical = spent / len(latest)
    rates = {}
    for place, name in enumerate(able):
        lent = PRIOR * len(able) * weights[name] / total
        gain = pooled * typical * lent * _exponential(seed, 2, place)
        cost = typical * PRIOR * _exponential(seed, 3, place)
        for age, experiment in enumerate(reversed(latest)):
            if experiment.proposal.proposer == name:
                weight = FADE**age * _exponential(seed, 4, experiment.number)
                gain += weight * gains[experiment.number]
                cost += weight * hours[experiment.number]
        rates[name] = gain / cost
    return max(able, key=lambda name: rates[name])


def _by_weight(weights: Mapping[str, float], total: float, draw: float) -> str:
    """One of them, as often as its weight says."""
    left = draw * total
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return next(iter(weights))


def _slot_hours(experiment: Experiment) -> float:
    """What its own runs took. A clock that was put back must not make it look free."""
    return sum(max((m.ended_at or m.started_at) - m.started_at, 0.0) for m in experiment.measurements) / 3600


def _uniform(seed: int, *place: int) -> float:
    """A number in (0, 1)."""
    return (derive(seed, *place) + 0.5) / 2**31


def _exponential(seed: int, *place: int) -> float:
    """A positive number of mean one, exponentially distributed: a weight of the Bayesian bootstrap."""
    return -math.log(_uniform(seed, *place))
