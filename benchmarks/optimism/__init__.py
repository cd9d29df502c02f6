"""Whether the improvements of a study are as large as it says: five real training tasks, six methods, equal budgets.

Greedy search on one seed, random search, TPE, TPE with median pruning and CMA-ES each claim the best value that they
saw; ours claims the incumbent's value after its final runs. Every method has as many runs as our study of the same
repeat made in all, baseline repeats, confirmations, controls and final runs included (a run that is stopped early, by
ours or by another, costs the share that it ran), and searches the space that our tuner makes of the same constants,
from the same start. What a winner is truly worth is the mean of runs on fresh seeds, side by side with the shipped
setting on the same seeds.

    optimism_percent          by how much ours claims better than the truth, in per cent of the shipped setting's value,
                              averaged over repeats and tasks (its size: pessimism counts as well)
    optimism_of_gain_percent  the same in per cent of the best other method's mean true gain, as all that follow: the
                              stricter reading, with its sign; `figures` says how tasks are weighed
    gain_of_best_percent      our mean true gain
    bound_of_best_percent     the lower one-sided 95 % bound on it
    bound_of_lead_percent     the same bound on ours less the best other method's, repeat by repeat
    over_greedy_percent       ours less that of greedy search
    interval_holds_percent    how often the interval of our claim, one of 90 %, holds the true value as measured

The task `tiny_lm` has one CPU second a run and is measured while another run has the other core, so its noise is also
the machine's; its studies are shorter (16 experiments, not 40), its true values the mean of fewer runs. Results are
kept under `.bench`, each as soon as it is there: a benchmark that was killed goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.optimism import fork
from benchmarks.optimism.figures import TARGETS, result
from benchmarks.optimism.repeat import Entry, Order, entries
from benchmarks.optimism.task import TASKS, Task
from benchmarks.result import Result

STORE = Path(__file__).resolve().parents[2] / ".bench" / "optimism"
REPEATS = 20
QUICK_REPEATS = 2
QUICK_TASKS = tuple(replace(task, experiments=4, fresh=4) for task in TASKS if task.name in ("wine", "diabetes"))
QUICK_TARGETS = {"studies": "== 4"}  # that it runs from end to end; four short studies promise nothing


def run(quick: bool) -> Result:
    """All tasks with all methods, a process for each core but at most four."""
    if quick:
        with TemporaryDirectory() as scratch:
            return result(list(_entries(QUICK_TASKS, QUICK_REPEATS, Path(scratch))), QUICK_TARGETS)
    return result(list(_entries(TASKS, REPEATS, STORE)), TARGETS)


def _entries(tasks: Sequence[Task], repeats: int, store: Path) -> Iterator[Entry]:
    """Every repeat of every task, a repeat of all tasks before the next."""
    orders = [Order(task, number, store) for number in range(1, repeats + 1) for task in tasks]
    workers = min(os.cpu_count() or 1, 4)
    fork.prepare()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), fork.prepare) as pool:
        for order, found in zip(orders, pool.map(entries, orders), strict=True):
            ours = found[0]
            words = f"claimed {ours.claimed:.4f}, true {ours.true.value:.4f}, shipped {ours.baseline.value:.4f}"
            print(f"{order.task.name} {order.number}: {words}", file=sys.stderr, flush=True)
            yield from found
