"""Whether a mixture of proposers finds out by itself which of them is the better one.

On three tasks of the benchmark `optimism`, scripted agents of known quality are mixed with the tuner, half and half at
the start: one that knows in four proposals of five where a constant should go, and one that never does. The mixture
is held against each of the two alone, on the same seeds of studies. What an incumbent is truly worth is the mean of
runs on fresh seeds beside the shipped program on the same seeds; gains are in per cent of the shipped value.

Results are kept under `.bench`, each as soon as it is there: a benchmark that was killed goes on.

    expert_share_percent   the mean gain of the mixture with the expert, in per cent of the better one of its two alone
    novice_share_percent   the same with the novice
    expert_asked_percent   how often the expert was asked in its mixture
    novice_asked_percent   how often the novice was asked in its
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import deep_loop
from benchmarks.mixture.agents import KNOWN, Scripted
from benchmarks.optimism import fork
from benchmarks.optimism.ours import TAG, ForkedRuns, incumbent
from benchmarks.optimism.store import Store, digest
from benchmarks.optimism.task import TASKS, Task
from benchmarks.optimism.trainer import Setting, Trainer
from benchmarks.result import Result
from deep_loop import views, wiring
from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.core.seed import derive
from deep_loop.ports import Proposer

KNOWLEDGE = {"expert": 0.8, "novice": 0.0}
TUNER = "tuner"
ALONE = ((TUNER,), ("expert",), ("novice",))
MIXED = (("expert", TUNER), ("novice", TUNER))
REPEATS = 10
STORE = Path(__file__).resolve().parents[2] / ".bench" / "mixture"
TARGETS = {"expert_share_percent": ">= 90", "novice_share_percent": ">= 90"}
QUICK_TARGETS = {"studies": "== 5"}  # that it runs from end to end
HEADER = ("task", "tuner", "expert", "novice", "expert + tuner", "novice + tuner")


@dataclass(frozen=True, slots=True)
class Order:
    """One study."""

    task: Task
    crew: tuple[str, ...]
    number: int  # of the repeat: its seeds come from it


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of it."""

    order: Order
    gain: float  # true, in per cent of the shipped value
    asked: Mapping[str, int]  # experiments by proposer


def run(quick: bool) -> Result:
    """All crews on all tasks; on one, with few experiments, where `quick`."""
    tasks = [task for task in TASKS if task.name in KNOWN]
    if quick:
        tasks = [replace(task, experiments=6, fresh=3) for task in tasks if task.name == "wine"]
    orders = [
        Order(task, crew, number)
        for number in range(1, 2 if quick else REPEATS + 1)
        for task in tasks
        for crew in (*ALONE, *MIXED)
    ]
    return result(list(_entries(orders)), QUICK_TARGETS if quick else TARGETS)


def _entries(orders: Sequence[Order]) -> Iterator[Entry]:
    fork.prepare()
    workers = min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), fork.prepare) as pool:
        for order, entry in zip(orders, pool.map(study, orders), strict=True):
            name = f"{order.task.name} {order.number} {' + '.join(order.crew)}"
            print(f"{name}: {entry.gain:+.2f} %, {dict(entry.asked)}", file=sys.stderr, flush=True)
            yield entry


def study(order: Order) -> Entry:
    """One study, and what its incumbent is worth; the stored one, where it was made before."""
    depends = (order.task.experiments, order.task.fresh, order.number, _digest())
    name = "-".join((order.task.name, *order.crew))
    return Store(STORE).get(name, depends, Entry, lambda: _study(order))


@cache
def _digest() -> str:
    """Of the code that a study depends on."""
    here = Path(__file__).resolve()
    return digest(Path(deep_loop.__file__).parent, here.with_name("agents.py"), here.parents[1] / "optimism")


def _study(order: Order) -> Entry:
    task = order.task
    crew: list[Proposer] = [Tuner() if name == TUNER else Scripted(task, KNOWLEDGE[name], name) for name in order.crew]
    with TemporaryDirectory() as scratch:
        root = Path(scratch, "workspace")
        task.workspace(root)
        mixture = dict.fromkeys(order.crew, 1.0) if len(crew) > 1 else None
        options = wiring.RunOptions(TAG, max_experiments=task.experiments, seed=order.number, slots=1, mixture=mixture)
        with wiring.study(root, options, (), executor=ForkedRuns(), proposers=crew) as running:
            running.run()
        with views.look(root, TAG) as lens:
            asked = {agent.name: agent.experiments for agent in lens.overview(None).agents}
        trainer = Trainer(task, Path(scratch, "task"))
        return Entry(order, _gain(trainer, task, incumbent(task, root), order.number), asked)


def _gain(trainer: Trainer, task: Task, setting: Setting, number: int) -> float:
    """The mean of paired differences from the shipped program, in per cent of its value; crashes are left out."""
    pairs = []
    for place in range(task.fresh):
        seed = derive(number, "fresh", place)
        shipped, found = trainer.run({}, seed).value, trainer.run(setting, seed).value
        if shipped is not None and found is not None:
            pairs.append((shipped, found))
    return 100 * fmean(shipped - found for shipped, found in pairs) / fmean(shipped for shipped, _ in pairs)


def result(entries: Sequence[Entry], targets: Mapping[str, str]) -> Result:
    """The figures, and one row a task."""
    tasks = list(dict.fromkeys(entry.order.task.name for entry in entries))

    def gain(crew: tuple[str, ...], task: str) -> float:
        return fmean(e.gain for e in entries if e.order.crew == crew and e.order.task.name == task)

    figures: dict[str, float] = {"studies": len(entries)}
    for agent, tuner in MIXED:
        best = {task: max(gain((agent,), task), gain((tuner,), task)) for task in tasks}
        shares = [gain((agent, tuner), task) / best[task] for task in tasks if best[task] > 0]
        figures[f"{agent}_share_percent"] = round(100 * fmean(shares), 1) if shares else 0.0
        mixed = [e for e in entries if e.order.crew == (agent, tuner)]
        asked = sum(e.asked.get(agent, 0) for e in mixed) / max(sum(sum(e.asked.values()) for e in mixed), 1)
        figures[f"{agent}_asked_percent"] = round(100 * asked, 1)
    rows = [(task, *(f"{gain(crew, task):+.2f}" for crew in (*ALONE, *MIXED))) for task in tasks]
    return Result(figures, targets, [HEADER, *rows])
