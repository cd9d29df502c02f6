"""One study in a known world: the loop's order of events, with the real rules deciding."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace

from benchmarks.null_study.world import Commit, Setting, World
from deep_loop.core.allowance import levels
from deep_loop.core.decide import Evidence, Rules, decide
from deep_loop.core.experiment import Closing, Keep, Measure, Measured
from deep_loop.core.metric import Metric
from deep_loop.core.noise import Series
from deep_loop.core.standing import standing

EXPERIMENTS = 100
CONTROL_INTERVAL = 20
FINAL_RUNS = 8
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
    values: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def run(self, world: World) -> float:
        """One more run."""
        value = world.measure(self.truth)
        self.values.append(value)
        self.places.append(world.runs)
        return value

    @property
    def series(self) -> Series:
        return Series(tuple(self.values), tuple(self.places))


class Simulation:
    """Follows one study from its baseline to its final runs."""

    def __init__(self, setting: Setting, seed: int, false_keeps: float) -> None:
        self._world = World(setting, seed, expected_runs=4 * EXPERIMENTS // 3)
        self._allowed = false_keeps
        self._repeated: list[Series] = []  # of commits that are no incumbent any more, or never were
        self._tested: list[int] = []
        self._gains: list[float] = []
        self._incumbent = Commitment(Commit(0.0, 1.0))

    def run(self) -> Outcome:
        """The whole study."""
        world = self._world
        self._baseline()
        false = true = effects = 0
        for number in range(1, EXPERIMENTS + 1):
            candidate, gain = world.change(self._incumbent.truth)
            effects += gain > 0
            decision = self._experiment(number, Commitment(candidate))
            if isinstance(decision, Keep):
                true += gain > 0
                false += gain <= 0
                for _ in range(RULES.reference_runs):
                    self._incumbent.run(world)
            if number % CONTROL_INTERVAL == 0:
                self._incumbent.run(world)
        extra = world.runs - EXPERIMENTS - 1
        final = [world.measure(self._incumbent.truth) for _ in range(FINAL_RUNS)]
        claimed = standing((), (), final, RULES.reference_runs)
        assert claimed.low is not None
        assert claimed.high is not None
        truth = self._incumbent.truth.mean + world.level
        return Outcome(
            false,
            true,
            effects,
            extra,
            (claimed.value - truth) / self._incumbent.truth.sigma,
            claimed.low <= truth <= claimed.high,
        )

    def _baseline(self) -> None:
        first: float | None = None
        while True:
            evidence = Evidence(METRIC, RULES, _good(first), first, fresh=self._incumbent.series)
            if isinstance(decide(evidence), Keep):
                break
            value = self._world.measure(self._incumbent.truth)
            if first is None:
                first, place = value, self._world.runs
            else:
                self._incumbent.values.append(value)
                self._incumbent.places.append(self._world.runs)
        assert first is not None
        self._incumbent.values.insert(0, first)  # a baseline is not chosen for its value
        self._incumbent.places.insert(0, place)

    def _experiment(self, number: int, candidate: Commitment) -> Closing:
        """Ask the rule until it decides; a kept candidate becomes the incumbent."""
        first: float | None = None
        audits: list[float] = []
        evidence = Evidence(METRIC, RULES, ())
        while True:
            evidence = replace(
                evidence,
                outcomes=_good(first),
                first=first,
                fresh=candidate.series,
                audits=tuple(audits),
                reference=self._incumbent.series,
                repeated=tuple(self._repeated),
                place=self._world.runs,
                level=levels(self._tested, EXPERIMENTS, self._allowed)[-1] if candidate.values else 1.0,
                usual=statistics.median(self._gains) if self._gains else None,
            )
            decision = decide(evidence)
            match decision:
                case Measure(target="incumbent"):
                    self._incumbent.run(self._world)
                case Measure(target="audit"):
                    audits.append(self._world.measure(candidate.truth))
                case Measure():
                    if first is None:
                        first = self._world.measure(candidate.truth)
                        continue
                    if not candidate.values:
                        self._tested.append(number)
                    candidate.run(self._world)
                case closing:
                    self._close(closing, candidate)
                    return closing

    def _close(self, decision: Closing, candidate: Commitment) -> None:
        self._repeated.append(candidate.series)
        if isinstance(decision, Keep):
            self._gains.append(decision.gain)
            self._repeated.append(self._incumbent.series)
            self._incumbent = Commitment(candidate.truth)


def _good(first: float | None) -> tuple[Measured, ...]:
    return () if first is None else (Measured(first, 1.0),)
