"""What an experiment works with: the task, and the ports to the outside world."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from deep_loop.core.event import Event
from deep_loop.core.experiment import Closing, Experiment, Measured, Outcome, Proposal, is_keep, outcomes, values
from deep_loop.core.metric import Metric
from deep_loop.core.prune import hopeless
from deep_loop.core.readout import Patterns, curve
from deep_loop.ports import Clock, Executor, Ledger, Proposer, Results, Workspace

RECENT = 5  # experiments that the expected length of a run is taken from


@dataclass(frozen=True, slots=True)
class Task:
    """What is optimised, as the settings say it."""

    command: str
    editable: Sequence[str]  # paths or glob patterns
    protected: Sequence[str]
    metric: Metric
    patterns: Patterns
    budget_seconds: float  # what a run gives itself
    timeout_seconds: float
    min_gain: float = 0.0  # in the metric's unit
    repairs: int = 2  # attempts after the first
    prune_margin: float | None = None  # of `core.prune.hopeless`; None never stops a run early
    prepare: str | None = None  # run once per study, before its first baseline
    env: Mapping[str, str] = field(default_factory=dict)  # for its runs
    prepare_env: Mapping[str, str] = field(default_factory=dict)  # for its preparation


@dataclass(frozen=True, slots=True)
class Lab:
    """The ports that one study's experiments share. `uid` tells its processes from another study's."""

    tag: str
    uid: str
    seed: int
    task: Task
    ledger: Ledger[Proposal, Outcome, Closing]
    workspace: Workspace
    executor: Executor
    proposer: Proposer
    results: Results[Experiment]
    clock: Clock
    tell: Callable[[Event], None]  # lets everybody hear what happens; never raises

    def incumbent(self) -> Experiment | None:
        """The last keep: each keep beat the one before it."""
        return next((e for e in reversed(self.ledger.closed()) if is_keep(e)), None)

    def base(self) -> str:
        """The commit to build on: the head, or the incumbent's own where a person's code on the head did not run."""
        head, incumbent = self.workspace.head(), self.incumbent()
        measured = incumbent is None or self.workspace.files(head) == self.workspace.files(incumbent.commit)
        return head if measured or incumbent is None else incumbent.commit

    def to_beat(self, experiment: Experiment) -> tuple[float, ...]:
        """The incumbent's good runs; empty where there is nothing to beat, as for a baseline."""
        incumbent = None if experiment.proposal.parent is None else self.incumbent()
        return values(incumbent) if incumbent else ()

    def doubter(self, experiment: Experiment) -> Callable[[str], str | None] | None:
        """What tells from a log why a run of `experiment` is hopeless by now, in any thread; None for a baseline."""
        margin, rival = self.task.prune_margin, self.incumbent()
        if margin is None or rival is None or experiment.proposal.parent is None:
            return None
        reference = next((o.curve for o in outcomes(rival) if isinstance(o, Measured)), ())
        return lambda log: hopeless(curve(log, self.task.patterns.progress), reference, margin)

    def estimate(self) -> float:
        """Seconds that a run takes: the median of the latest good ones, else the task's own budget."""
        latest = [o.seconds for e in self.ledger.closed()[-RECENT:] for o in outcomes(e) if isinstance(o, Measured)]
        return statistics.median(latest) if latest else self.task.budget_seconds
