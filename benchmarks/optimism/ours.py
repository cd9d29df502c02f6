"""Our own method: whole studies on embedded parts, as `deep-loop run` would run them.

Workspace, ledger, tuner, analyst and decisions are the package's own; only the executor is another, which forks its
runs where `deep-loop` starts an interpreter and a supervisor for each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.optimism import fork
from benchmarks.optimism.task import Task, program
from benchmarks.optimism.trainer import Setting
from deep_loop import views, wiring
from deep_loop.adapters.workspace.plumbing import Git
from deep_loop.core.readout import Exit, progress
from deep_loop.ports import Job, Slot

TAG = "bench"


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a study says that its incumbent's value lies; it holds nine times of ten."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one study."""

    claimed: float  # the incumbent's value, as `deep-loop status` shows it
    interval: Interval  # of that value
    setting: Setting  # the incumbent's
    runs: float  # all that were made: repeats of the baseline, confirmations, controls and final runs included
    experiments: int
    keeps: int


class ForkedRuns:
    """Implements `ports.Executor` with one slot: a job is the train.py in its folder, whatever its command says.

    A run is over too soon to be stopped while it goes on: a hopeless one ends by itself, and costs the share after
    which it was hopeless.
    """

    def __init__(self) -> None:
        self.slots: Sequence[Slot] = (Slot("fork"),)
        self.notices: list[str] = []
        self.cost = 0.0  # of all runs that ended, in whole runs
        self._futures: list[Future[Exit]] = []
        self._waiters = ThreadPoolExecutor(1, thread_name_prefix="run")
        self._stop = threading.Event()

    def start(self, job: Job, slot: Slot) -> Future[Exit]:
        """Start it now; in this one slot, nothing else runs."""
        self._futures.append(self._waiters.submit(self._run, job))
        return self._futures[-1]

    def stop(self) -> None:
        """Kill what runs; its future resolves as interrupted."""
        self._stop.set()
        wait(self._futures)
        self._stop.clear()

    def sweep(self, ids: Sequence[str]) -> int:
        """Nothing outlives this executor's process: there is nothing to clear."""
        return 0

    def _run(self, job: Job) -> Exit:
        job.log.parent.mkdir(parents=True, exist_ok=True)
        if job.channel is not None:
            job.channel.parent.mkdir(parents=True, exist_ok=True)
        try:
            ended = fork.run(job.folder, job.log, job.env, job.timeout_seconds, self._stop)
        except OSError as error:  # a future of this port never raises
            return Exit(None, 0.0, "", problem=f"cannot start the run: {error}")
        self.cost += share(ended.text, job.hopeless)
        if job.channel is not None and job.channel.exists():
            ended = replace(ended, channel=job.channel.read_text(encoding="utf-8"))
        return ended


def share(text: str, hopeless: Callable[[str], str | None] | None) -> float:
    """The share of a run after which its log was hopeless; 1 where it never was."""
    lines = text.splitlines(keepends=True)
    for place, line in enumerate(lines if hopeless else ()):
        found = progress(line)
        if found and found.percent and hopeless and hopeless("".join(lines[: place + 1])) is not None:
            return found.percent / 100
    return 1.0


def study(task: Task, seed: int, experiments: int, folder: Path) -> Outcome:
    """Run one study in a new workspace under `folder`."""
    root = folder / "workspace"
    task.workspace(root)
    runs = ForkedRuns()
    options = wiring.RunOptions(TAG, max_experiments=experiments, seed=seed, slots=1)
    with wiring.study(root, options, (), executor=runs) as running:
        running.run()
    with views.look(root, TAG) as lens:
        seen = lens.overview(None)
    best = seen.incumbent
    if best is None or best.value is None or best.low is None or best.high is None:
        raise RuntimeError(f"the study of {task.name} with seed {seed} does not say what its incumbent is worth")
    interval = Interval(best.low, best.high)
    return Outcome(best.value, interval, incumbent(task, root), runs.cost, seen.experiments, seen.keeps)


def incumbent(task: Task, root: Path) -> Setting:
    """The constants that the incumbent of a study sets otherwise than the shipped program."""
    text = Git(root).raw("show", f"deep-loop/{TAG}:train.py").decode()
    shipped = program(task)
    layout = shipped.layout.fit(text)
    if layout is None:
        raise RuntimeError("the incumbent differs from the shipped program in more than its constants")
    return {knob.name: knob.source for knob in layout.knobs if knob.source != shipped.knobs[knob.name].source}
