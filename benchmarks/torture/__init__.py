"""Studies whose harness is killed by SIGKILL: what the next one goes on to, against a study that nobody touched.

Three campaigns on a small task of a fixed number of steps, ten experiments a study, each through real `deep-loop run`
processes: kills at random moments, every other one of them with the git that works for the harness; a death right
before each step that changes something lasting, every other one followed by a second death early in the next life; and
kills with two slots, where the order of closing is free, so that decisions are not compared. Then the ledger, git, the
person's checkout, results.tsv, folders and processes are held against each other (`deep_loop.testing.audit`).
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.result import Result
from benchmarks.torture import kills
from benchmarks.torture.kills import RECOVERY, Fate

KILLS = 200  # at random moments, with one slot
KILLS_TWO_SLOTS = 100
PER_STUDY = 8
QUICK_KILLS = 6
QUICK_STRIDE = 90  # of the steps, one in so many is died at
ZEROS = {
    "unfinished_studies": "== 0",
    "differing_decisions": "== 0",
    "lost": "== 0",
    "doubled": "== 0",
    "repeated_measurements": "== 0",
    "leftovers": "== 0",
    "contradictions": "== 0",
}
TARGETS = {"kills_at_moments": f">= {KILLS}", "steps_not_reached": "<= 5", **ZEROS}


@dataclass(frozen=True, slots=True)
class Campaign:
    """One way of killing, and what became of its studies."""

    name: str
    fates: tuple[Fate, ...]


class Torturer:
    """Puts studies through it, as many at a time as there are cores, in folders below `here`."""

    def __init__(self, here: Path, workers: Executor) -> None:
        self._here = here
        self._workers = workers
        self.expected, self.labels = kills.undisturbed(here / "undisturbed", here / "labels")

    def moments(self, name: str, wanted: int, *flags: str, alike: bool = True) -> Campaign:
        """Studies until that many kills at random moments are reached; `alike` to the undisturbed one."""
        fates: list[Fate] = []
        while (left := wanted - sum(fate.kills for fate in fates)) > 0:
            seeds = range(len(fates), len(fates) + math.ceil(left / PER_STUDY))
            expected = self.expected if alike else None
            tasks = [partial(kills.at_moments, random=Random(s), kills=PER_STUDY, expected=expected) for s in seeds]
            fates += self._put(name, [partial(task, flags=flags) for task in tasks])
        return Campaign(name, tuple(fates))

    def steps(self, name: str, steps: Sequence[int]) -> Campaign:
        """One study for each step; every other one dies a second time, soon after it was resumed."""
        random = Random(len(steps))
        deaths = [(step, random.randint(1, RECOVERY)) if turn % 2 else (step,) for turn, step in enumerate(steps)]
        tasks = [partial(kills.at_steps, steps=died, expected=self.expected) for died in deaths]
        return Campaign(name, tuple(self._put(name, tasks)))

    def _put(self, name: str, tasks: Sequence[Callable[[Path], Fate]]) -> Iterator[Fate]:
        """Carry out tasks, each in a folder of its own that is removed; what is not whole is told on standard error."""

        def carry_out(task: Callable[[Path], Fate]) -> Fate:
            with tempfile.TemporaryDirectory(dir=self._here) as folder:
                return task(Path(folder, "lab"))

        for number, fate in enumerate(self._workers.map(carry_out, tasks), start=1):
            if not fate.whole:
                print(f"{name}: {fate}", file=sys.stderr, flush=True)
            if number % 20 == 0:
                print(f"{name}: {number} of {len(tasks)} studies", file=sys.stderr, flush=True)
            yield fate


def run(quick: bool) -> Result:
    """All three campaigns; a few studies of each where `quick`."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as workers:
        torturer = Torturer(Path(scratch), workers)
        steps = kills.boundaries(torturer.labels)[:: QUICK_STRIDE if quick else 1]
        campaigns = [
            torturer.moments("random moments", QUICK_KILLS if quick else KILLS),
            torturer.steps("every step", steps),
            torturer.moments("two slots", QUICK_KILLS if quick else KILLS_TWO_SLOTS, "--slots", "2", alike=False),
        ]
    return result(campaigns, ZEROS if quick else TARGETS)


def result(campaigns: Sequence[Campaign], targets: Mapping[str, str]) -> Result:
    """The figures over all campaigns, and one row a campaign."""
    moments, stepwise, _ = campaigns
    fates = [fate for campaign in campaigns for fate in campaign.fates]
    wrong = Counter(problem.kind for fate in fates for problem in fate.problems)
    figures = {
        "kills": sum(fate.kills for fate in fates),
        "kills_at_moments": sum(fate.kills for fate in moments.fates),
        "kills_at_steps": sum(fate.kills for fate in stepwise.fates),
        "resumes": sum(fate.resumes for fate in fates),
        "studies": len(fates),
        "steps": len(stepwise.fates),
        "steps_not_reached": sum(not fate.kills for fate in stepwise.fates),
        "unfinished_studies": sum(fate.unfinished is not None for fate in fates),
        "differing_decisions": sum(fate.differs for fate in fates),
        "lost": wrong["lost"],
        "doubled": wrong["doubled"],
        "repeated_measurements": wrong["repeated"],
        "leftovers": wrong["left over"],
        "contradictions": wrong["differs"],
    }
    header = ("campaign", "studies", "kills", "resumes", "not whole")
    rows = [
        (
            campaign.name,
            str(len(campaign.fates)),
            str(sum(fate.kills for fate in campaign.fates)),
            str(sum(fate.resumes for fate in campaign.fates)),
            str(sum(not fate.whole for fate in campaign.fates)),
        )
        for campaign in campaigns
    ]
    return Result(figures, targets, [header, *rows])
