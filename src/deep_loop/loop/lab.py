"""What an experiment works with: the task, and the ports to the outside world."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deep_loop.core.call import Usage
from deep_loop.core.earlier import Earlier
from deep_loop.core.event import Event
from deep_loop.core.experiment import (
    Closing,
    Experiment,
    Keep,
    Measured,
    Outcome,
    Proposal,
    finished,
    is_keep,
    outcomes,
)
from deep_loop.core.lessons import Lesson
from deep_loop.core.metric import Metric
from deep_loop.core.prune import hopeless
from deep_loop.core.readout import Patterns, curve
from deep_loop.core.rules import DEFAULT, Rules
from deep_loop.core.seeding import Seeding, seeding
from deep_loop.core.syntax import fingerprint
from deep_loop.core.taxonomy import NEURAL, Taxonomy
from deep_loop.ports import Clock, Executor, Ledger, Proposer, Results, Slot, Terms, Workspace

RECENT = 5  # experiments that the expected length of a run is taken from


@dataclass(frozen=True, slots=True)
class Holdout:
    """How a kept commit is measured on data that nothing is chosen by."""

    command: str
    patterns: Patterns


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
    rules: Rules = DEFAULT
    repairs: int = 2  # attempts after the first
    prune_margin: float | None = None  # of `core.prune.hopeless`; None never stops a run early
    prepare: str | None = None  # run once per study, before its first baseline
    env: Mapping[str, str] = field(default_factory=dict)  # for its runs
    prepare_env: Mapping[str, str] = field(default_factory=dict)  # for its preparation
    prepare_writes: Sequence[Path] = ()  # where that may write
    seed_command: str | None = None  # to run in the place of `command`, with `{seed}` in it
    holdout: Holdout | None = None
    pivot_after: int = 15  # experiments without a keep, after which a bold change is asked for
    memory_bytes: int | None = None  # that a run may take
    taxonomy: Taxonomy = NEURAL  # kinds of change


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
    proposers: Mapping[str, Proposer]  # by name, in order of preference
    results: Results[Experiment]
    clock: Clock
    tell: Callable[[Event], None]  # lets everybody hear what happens; never raises
    price: Callable[[Usage], float | None] = lambda usage: None  # in dollars; None where nobody knows it
    earlier: tuple[Earlier, ...] = ()  # what other studies found; fixed when the study began
    lessons: tuple[Lesson, ...] = ()  # what other studies of the workspace had come to by then

    def seeding(self, commit: str) -> Seeding:
        """How seeds reach the program of a commit."""
        task = self.task
        code = self.workspace.code(commit)
        return seeding(task.command, task.seed_command, code, task.editable, task.protected)

    @property
    def machines(self) -> Collection[str]:
        """What runs are made on now: values that were measured elsewhere are not compared with theirs."""
        return {slot.machine for slot in self.executor.slots}

    @property
    def terms(self) -> Terms:
        """What proposers are told of the task. The machine's name is not for them."""
        task = self.task
        return Terms(
            command=task.command,
            editable=task.editable,
            protected=task.protected,
            budget_seconds=task.budget_seconds,
            timeout_seconds=task.timeout_seconds,
            kinds=task.taxonomy.kinds,
            taxonomy=task.taxonomy,
            device=" or ".join(sorted({_device(slot) for slot in self.executor.slots})),
            memory_bytes=task.memory_bytes,
        )

    def incumbent(self) -> Experiment | None:
        """The last keep: each keep beat the one before it."""
        return next((e for e in reversed(self.ledger.closed()) if is_keep(e)), None)

    def base(self) -> str:
        """The commit to build on: the head, or the incumbent's own where a person's code on the head did not run."""
        head, incumbent = self.workspace.head(), self.incumbent()
        measured = incumbent is None or self.stands(head) == self.stands(incumbent.commit)
        return head if measured or incumbent is None else incumbent.commit

    def stands(self, commit: str) -> tuple[str, Mapping[str, str]]:
        """What the metric depends on at a commit: what its editable files do, and the protected ones."""
        return fingerprint(self.workspace.files(commit)), self.workspace.protected(commit)

    def comparable(self, experiment: Experiment) -> bool:
        """Whether a candidate is measured by the same protected files as the incumbent."""
        return self.workspace.protected(experiment.commit) == self.workspace.protected(self.to_beat().commit)

    def to_beat(self) -> Experiment:
        """The incumbent, which there is wherever something is proposed."""
        incumbent = self.incumbent()
        assert incumbent is not None
        return incumbent

    def anchor(self) -> Experiment | None:
        """The best incumbent that is no simplification: each keep beat the one before it, but for those."""
        kept = ((e, e.decision) for e in reversed(self.ledger.closed()))
        return next((e for e, keep in kept if isinstance(keep, Keep) and not keep.simplification), None)

    def doubter(self, experiment: Experiment, seed: int) -> Callable[[str], str | None] | None:
        """What tells from a log why a run of `experiment` is hopeless by now, in any thread; None for a baseline.

        It is held against the incumbent's run on the same seed where there is one, else against its first.
        """
        margin, rival = self.task.prune_margin, self.incumbent()
        if margin is None or rival is None or experiment.proposal.parent is None:
            return None
        runs = sorted(finished(rival), key=lambda run: run.seed != seed)
        reference = next((run.outcome.curve for run in runs if isinstance(run.outcome, Measured)), ())
        return lambda log: hopeless(curve(log, self.task.patterns.progress), reference, margin)

    def estimate(self) -> float:
        """Seconds that a run takes: the median of the latest good ones, else the task's own budget."""
        latest = [o.seconds for e in self.ledger.closed()[-RECENT:] for o in outcomes(e) if isinstance(o, Measured)]
        return statistics.median(latest) if latest else self.task.budget_seconds


def _device(slot: Slot) -> str:
    """What a slot runs on, without the name of the host."""
    device = slot.machine.partition(", ")[2]
    cores = len(slot.cpus)
    return f"{device}, {cores} core{'s' if cores > 1 else ''}" if device and cores else device
