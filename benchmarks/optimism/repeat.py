"""One repeat of one task: our study, the other methods with as many runs, and what their winners are truly worth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import deep_loop
from benchmarks.optimism.methods import METHODS, Trial, winner, within
from benchmarks.optimism.ours import Interval, Outcome, study
from benchmarks.optimism.store import Store, digest
from benchmarks.optimism.task import Program, Task, program
from benchmarks.optimism.trainer import Setting, Trainer
from deep_loop.core.seed import derive

OURS = "ours"
ROUND = 5  # runs: a method is played to a multiple of these, so that a budget that moves a little finds them stored
LIBRARIES = ("numpy", "scikit-learn", "optuna", "cmaes")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done, and where results are kept."""

    task: Task
    number: int  # of the repeat: all of its seeds come from it
    store: Path


@dataclass(frozen=True, slots=True)
class Worth:
    """A setting on fresh seeds, which no method has used: means over those runs that did not crash."""

    value: float  # of the metric
    test: float  # the same on the test samples
    crashed: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One method in one repeat of one task."""

    task: str
    method: str
    claimed: float  # what the method says that its winner is worth
    true: Worth  # what it is worth
    baseline: Worth  # the shipped setting on the same seeds
    runs: float  # that the method had; one that is stopped early counts as the share that it ran
    interval: Interval | None = None  # of the claim; ours alone says one

    @property
    def gain(self) -> float:
        """The true gain over the shipped setting, in the metric's unit."""
        return self.baseline.value - self.true.value

    @property
    def optimism(self) -> float:
        """By how much the claim is better than the truth, in the metric's unit."""
        return self.true.value - self.claimed


def entries(order: Order) -> list[Entry]:
    """All methods on one repeat, ours first: the number of its runs is the budget of the others."""
    with TemporaryDirectory() as scratch:
        return _Repeat(order, Path(scratch)).entries()


@cache
def _code() -> str:
    """Of all code that our study runs, as this process found it: edits made since do not change what is loaded."""
    return digest(Path(deep_loop.__file__).parent, Path(__file__).with_name("ours.py"))


class _Repeat:
    def __init__(self, order: Order, scratch: Path) -> None:
        self._task, self._number, self._scratch = order.task, order.number, scratch
        self._program: Program = program(order.task)
        self._store = Store(order.store)
        self._trainer = Trainer(order.task, scratch / "task")
        here = Path(__file__).parent
        own = [digest(here / name) for name in ("fork.py", "trainer.py")]
        self._depends: Sequence[Any] = (self._program.digest, *own, *map(metadata.version, LIBRARIES))

    def entries(self) -> list[Entry]:
        outcome = self._ours()
        name, runs, shipped = self._task.name, outcome.runs, self._worth({})
        found = [Entry(name, OURS, outcome.claimed, self._worth(outcome.setting), shipped, runs, outcome.interval)]
        for method in METHODS:
            best = winner(within(self._trials(method, runs), runs))
            found.append(Entry(name, method, best.claimed, self._worth(best.setting), shipped, runs))
        return found

    def _ours(self) -> Outcome:
        """Our study; what it comes to depends on the whole package."""

        def make() -> Outcome:
            folder = self._scratch / OURS
            folder.mkdir()
            return study(self._task, self._number, self._task.experiments, folder)

        depends = (*self._depends, _code(), self._task.experiments, self._number)
        return self._store.get(f"{self._task.name}-{OURS}", depends, Outcome, make)

    def _trials(self, method: str, budget: float) -> list[Trial]:
        """What the method did, for at least so many runs."""
        most = math.ceil(budget / ROUND) * ROUND
        runs = itertools.count()

        def make() -> list[Trial]:
            trials: list[Trial] = []
            endless = METHODS[method](
                self._program,
                lambda setting: self._trainer.run(setting, derive(self._number, method, next(runs))),
                derive(self._number, method),
            )
            for trial in endless:
                trials.append(trial)
                if math.fsum(trial.cost for trial in trials) >= most:
                    break
            return trials

        depends = (*self._depends, digest(Path(__file__).with_name("methods.py")), most, self._number)
        return self._store.get(f"{self._task.name}-{method}", depends, list[Trial], make)

    def _worth(self, setting: Setting) -> Worth:
        """The setting on this repeat's fresh seeds: the same for all methods, and for the baseline."""
        seeds = [derive(self._number, "fresh", place) for place in range(self._task.fresh)]

        def make() -> Worth:
            seen = [self._trainer.run(setting, seed, test=True) for seed in seeds]
            good = [(run.value, run.test) for run in seen if run.value is not None and run.test is not None]
            values, tests = zip(*good, strict=True)  # a winner has run once: that it never does again is a bug
            return Worth(fmean(values), fmean(tests), len(seen) - len(good))

        depends = (*self._depends, sorted(setting.items()), *seeds)
        return self._store.get(f"{self._task.name}-worth", depends, Worth, make)
