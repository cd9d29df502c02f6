"""Synthetic studies for the analyst's tests, built from the core's own values."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

from deep_loop.core.cohort import Dossier
from deep_loop.core.experiment import (
    BASELINE,
    Change,
    Crash,
    Crashed,
    Discard,
    Experiment,
    Idea,
    Keep,
    Measured,
    Outcome,
    Proposal,
)
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record, Refusal
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import kind_of

METRIC = Metric("val_bpb")
FILE = """
DEPTH = 4  # layers
LEARNING_RATE = 1e-3
BATCH_SIZE = 2**7
WARMUP_FRAC = 0.0
ADAM_BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1
MOMENTUM = 0.9
ACTIVATION = "gelu"  # choices: gelu, relu, tanh
TIE = True
GRAD_CLIP = 1.0  # range: 0.5..1.5
"""


def experiment(
    number: int,
    values: Sequence[float],
    *,
    parent: int | None = 0,
    changes: Sequence[Change] = (),
    kept: bool = False,
    kind: str | None = None,
    title: str | None = None,
    hypothesis: str | None = None,
    gain: float = 0.01,
) -> Experiment:
    """One closed experiment with these good runs; without any it crashed."""
    kind = kind or (BASELINE if parent is None else kind_of(changes[0].name) if changes else "other")
    title = title or ", ".join(f"{change.name} {change.before} -> {change.after}" for change in changes) or "a change"
    outcomes: list[Outcome] = [Measured(value, seconds=2.0) for value in values] or [Crashed("out of memory", 1.0)]
    decision = Crash("out of memory") if not values else Keep("better", gain) if kept else Discard("worse")
    return Record(
        number=number,
        ask=Ask(number + 1, "tuner", number, 0),
        proposal=Proposal(
            Idea(title, kind, "why", hypothesis=hypothesis, changes=tuple(changes)),
            "tuner",
            f"base{parent}",
            parent,
            f"commit{number}",
            f"print{number}",
        ),
        counted=parent is not None,
        opened_at=float(number),
        attempts=(Attempt(0, f"commit{number}", float(number)),),
        measurements=tuple(
            Measurement(
                10 * number + i,
                number,
                0,
                10 * number + i,
                number,
                "fresh" if i else "first",
                "",
                "cpu0",
                "log",
                0.0,
                1.0,
                outcome,
            )
            for i, outcome in enumerate(outcomes)
        ),
        decision=decision,
        closed_at=float(number + 1),
        order=number + 1,
    )


def dossier(
    experiments: Sequence[Experiment],
    *,
    cohort: Sequence[int] | None = None,
    strategy: Strategy | None = None,
    hypotheses: Sequence[Hypothesis] = (),
    refusals: Sequence[Refusal[Proposal]] = (),
    files: Mapping[str, str] | None = None,
    metric: Metric = METRIC,
    left: int = 0,
) -> Dossier:
    """A dossier over these experiments; the cohort is all that are no baseline unless told."""
    everything = tuple(e.number for e in experiments if e.proposal.parent is not None)
    return Dossier(
        reason="12 experiments",
        metric=metric,
        min_gain=0.0,
        experiments=tuple(experiments),
        cohort=everything if cohort is None else tuple(cohort),
        refusals=tuple(refusals),
        strategy=strategy or Strategy(),
        hypotheses=tuple(hypotheses),
        files={"train.py": FILE} if files is None else files,
        commits=(),
        program="",
        left=left,
    )


def climb(
    count: int,
    *,
    seed: int,
    start: Mapping[str, float],
    loss: Callable[[Mapping[str, float]], float],
    noise: float = 0.002,
    crash: float = 0.05,
    most: int = 2,
) -> tuple[list[Experiment], dict[str, float]]:
    """A study that moves 1 to `most` constants at a time by a random factor and keeps what wins twice.

    `loss` maps the constants to the metric; noise is relative. Returns the experiments and the incumbent's
    constants.
    """
    rng = random.Random(seed)

    def run(values: Mapping[str, float]) -> float:
        return loss(values) * (1 + rng.gauss(0, noise))

    here = dict(start)
    found = [experiment(0, [run(here), run(here)], parent=None, kept=True)]
    best, parent = math.fsum(m.outcome.value for m in found[0].measurements) / 2, 0  # type: ignore[union-attr]
    for number in range(1, count + 1):
        names = rng.sample(sorted(start), rng.randint(1, most))
        trial = {**here, **{name: float(f"{here[name] * math.exp(rng.gauss(0, 0.6)):.3g}") for name in names}}
        changes = [Change(name, repr(here[name]), repr(trial[name])) for name in names if here[name] != trial[name]]
        values = [] if rng.random() < crash else [run(trial)]
        if values and values[0] < best:
            values.append(run(trial))
        kept = len(values) == 2 and max(values) < best
        found.append(experiment(number, values, parent=parent, changes=changes, kept=kept))
        if kept:
            best, parent, here = sum(values) / 2, number, trial
    return found, here


def source(values: Mapping[str, float]) -> str:
    """A program with these constants."""
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())
