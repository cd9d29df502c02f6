"""One study in a known world: the loop's order of events, with the real rules deciding."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from benchmarks.null_study.world import Commit, Setting, World
from deep_loop.core.allowance import levels
from deep_loop.core.decide import Evidence, Rules, decide
from deep_loop.core.experiment import Closing, Keep, Measure, Measured
from deep_loop.core.history import RECENT
from deep_loop.core.metric import Metric
from deep_loop.core.noise import Series
from deep_loop.core.seed import places
from deep_loop.core.standing import standing

EXPERIMENTS = 100
ROW = 1000  # seeds of an incumbent's row, at most
METRIC = Metric("loss")
RULES = Rules()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one study."""

    false_keeps: int
    true_keeps: int
    true_effects: int
    extra_runs: int  # beyond one for each experiment and one for the baseline; final ones are counted apart
    bias: float  # of the final value, in sigma of the incumbent
    covered: bool  # whether the final interval holds the truth


@dataclass
class Commitment:
    """A commit and the runs that count for it."""

    truth: Commit
    number: int
    rival: Commitment | None = None  # the incumbent whose seeds a candidate takes
    values: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def run(self, world: World) -> float:
        """One more run, on the next seed of its own row or on one of its rival's."""
        seed = self.number * ROW + len(self.values)
        if self.rival is not None:
            row = (self.rival.number * ROW + place for place in places(self.number, len(self.rival.values)))
            seed = next(seed for seed in row if seed not in self.seeds)
        value = world.measure(self.truth, seed)
        self.values.append(value)
        self.places.append(world.runs)
        self.seeds.append(seed)
        return value

    def series(self, first: int = 0, last: int | None = None) -> Series:
        """Its runs from `first` to before `last`."""
        part = slice(first, last)
        return Series(tuple(self.values[part]), tuple(self.places[part]), tuple(self.seeds[part]))


class Simulation:
    """Follows one study from its baseline to its final runs."""

    def __init__(self, setting: Setting, seed: int, false_keeps: float) -> None:
        self._world = World(setting, seed, expected_runs=4 * EXPERIMENTS // 3)
        self._allowed = false_keeps
        self._groups: list[tuple[Series, ...]] = []  # of incumbents that were replaced, with what was held against them
        self._firsts: list[Series] = []  # first runs of what was held against the incumbent
        self._fresh: list[Series] = []  # the others
        self._tested: list[int] = []
        self._gains: list[float] = []
        self._incumbent = Commitment(Commit(0.0, 1.0), 0)

    def run(self) -> Outcome:
        """The whole study."""
        world = self._world
        self._baseline()
        false = true = effects = 0
        for number in range(1, EXPERIMENTS + 1):
            candidate, gain = world.change(self._incumbent.truth)
            effects += gain > 0
            decision = self._experiment(number, Commitment(candidate, number, self._incumbent))
            if isinstance(decision, Keep):
                true += gain > 0
                false += gain <= 0
                for _ in range(RULES.reference_runs):
                    self._incumbent.run(world)
            if number % RULES.control_interval == 0:
                self._incumbent.run(world)
        extra = world.runs - EXPERIMENTS - 1
        final = [self._incumbent.run(world) for _ in range(RULES.final_runs)]
        claimed = standing((), (), final, RULES.reference_runs)
        assert claimed.low is not None
        assert claimed.high is not None
        truth = self._incumbent.truth.mean + world.level
        return Outcome(
            false_keeps=false,
            true_keeps=true,
            true_effects=effects,
            extra_runs=extra,
            bias=(claimed.value - truth) / self._incumbent.truth.sigma,
            covered=claimed.low <= truth <= claimed.high,
        )

    def _baseline(self) -> None:
        baseline = self._incumbent
        while True:
            evidence = Evidence(METRIC, RULES, (), baseline.series(0, 1), baseline.series(1))
            if isinstance(decide(evidence), Keep):
                return
            baseline.run(self._world)

    def _experiment(self, number: int, candidate: Commitment) -> Closing:
        """Ask the rule until it decides; a kept candidate becomes the incumbent."""
        audits: list[float] = []
        while True:
            tested = len(candidate.values) > 1
            evidence = Evidence(
                METRIC,
                RULES,
                tuple(Measured(value, 1.0) for value in candidate.values),
                candidate.series(0, 1),
                candidate.series(1),
                audits=tuple(audits),
                reference=self._incumbent.series(),
                beside=self._beside(),
                repeated=tuple(self._groups),
                level=levels(self._tested, EXPERIMENTS, self._allowed)[-1] if tested else 1.0,
                usual=statistics.median(self._gains) if self._gains else None,
            )
            decision = decide(evidence)
            match decision:
                case Measure(target="incumbent"):
                    self._incumbent.run(self._world)
                case Measure(target="audit"):
                    audits.append(self._world.measure(candidate.truth, -number * ROW - len(audits)))
                case Measure():
                    if len(candidate.values) == 1:
                        self._tested.append(number)
                    candidate.run(self._world)
                case closing:
                    self._close(number, closing, candidate)
                    return closing

    def _close(self, number: int, decision: Closing, candidate: Commitment) -> None:
        self._firsts.append(candidate.series(0, 1))
        if len(candidate.values) > 1:
            self._fresh.append(candidate.series(1))
        if isinstance(decision, Keep):
            self._gains.append(decision.gain)
            self._groups.append((self._incumbent.series(), *self._beside()))
            self._firsts, self._fresh = [], []
            self._incumbent = Commitment(candidate.truth, number)

    def _beside(self) -> tuple[Series, ...]:
        """As much of what was held against the incumbent as `core.history` gives to the rules."""
        return *self._firsts[-RECENT:], *self._fresh[-RECENT:]
