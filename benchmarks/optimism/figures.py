"""What the entries come to: gains, optimism, and how sure we are of them.

Gains of different tasks are made comparable by the scale of each: the largest mean true gain that any method has on
it. A method's score is its true gain on that scale, averaged over repeats and tasks; the best other method is the one
with the highest score, and its score is what the figures on gains are per cents of. The repeats of a task are
independent, so the standard error of a score is that of a stratified mean: sqrt(sum over tasks of s^2 / n) / tasks
(Cochran, Sampling Techniques, 3rd ed., section 5.3).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean, variance

from scipy import stats

from benchmarks.optimism.methods import METHODS
from benchmarks.optimism.repeat import OURS, Entry
from benchmarks.result import Figure, Result

CONFIDENCE = 0.95  # one-sided
LEAST = 0.01  # of the shipped value, as a task's scale, and of a scale, as a score: nothing is a share of no gain
TARGETS = {
    "optimism_percent": "<= 3",
    "bound_of_best_percent": ">= 95",
    "over_greedy_percent": "> 0",
}
HEADER = ("task, method", "claimed", "true", "test", "gain %", "test gain %", "optimism %", "runs")

Value = Callable[[Entry], float]


class Entries:
    """All entries, by method and task; every method has as many in a task as every other, in the same order."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.tasks = list(dict.fromkeys(entry.task for entry in entries))
        self._found = {
            (method, task): [entry for entry in entries if entry.method == method and entry.task == task]
            for method in (OURS, *METHODS)
            for task in self.tasks
        }
        self.scales = {
            task: max(
                LEAST * fmean(entry.baseline.value for entry in self.of(OURS, task)),
                *(fmean(entry.gain for entry in self.of(method, task)) for method in (OURS, *METHODS)),
            )
            for task in self.tasks
        }

    def of(self, method: str, task: str) -> list[Entry]:
        return self._found[method, task]

    def mean(self, method: str, value: Value) -> float:
        """Over repeats, then tasks."""
        return fmean(fmean(map(value, self.of(method, task))) for task in self.tasks)

    def score(self, entry: Entry) -> float:
        return entry.gain / self.scales[entry.task]

    def scored(self, method: str, task: str) -> list[float]:
        return [self.score(entry) for entry in self.of(method, task)]


def result(found: Sequence[Entry], targets: Mapping[str, str]) -> Result:
    """The figures over all entries, and one row for each method on each task and on all."""
    entries = Entries(found)
    scores = {method: entries.mean(method, entries.score) for method in (OURS, *METHODS)}
    best = max(METHODS, key=scores.__getitem__)
    whole = max(scores[best], LEAST)
    ours = [entries.scored(OURS, task) for task in entries.tasks]
    ahead = [
        [mine - theirs for mine, theirs in zip(scored, entries.scored(best, task), strict=True)]
        for scored, task in zip(ours, entries.tasks, strict=True)
    ]
    optimism = {task: fmean(map(_optimism, entries.of(OURS, task))) for task in entries.tasks}
    by_gain = entries.mean(OURS, lambda entry: entry.optimism / entries.scales[entry.task])
    held = [i.low <= e.true.value <= i.high for e in found if (i := e.interval) is not None]
    figures: dict[str, Figure] = {
        "studies": len(entries.of(OURS, entries.tasks[0])) * len(entries.tasks),
        "optimism_percent": abs(fmean(optimism.values())),
        "optimism_worst_task_percent": max(map(abs, optimism.values())),
        "optimism_of_gain_percent": 100 * by_gain / whole,
        "gain_of_best_percent": 100 * scores[OURS] / whole,
        "bound_of_best_percent": 100 * bound(ours) / whole,
        "bound_of_lead_percent": 100 * bound(ahead) / whole,
        "over_greedy_percent": 100 * (scores[OURS] - scores["greedy"]) / whole,
        "interval_holds_percent": 100 * fmean(held),
        "mean_runs": fmean(entry.runs for entry in found),
        "crashed_fresh_runs": sum(entry.true.crashed for entry in found),
    }
    for method in (OURS, *METHODS):
        figures[f"gain_percent_{method}"] = entries.mean(method, _gain)
        figures[f"test_gain_percent_{method}"] = entries.mean(method, _test_gain)
        figures[f"claimed_too_good_percent_{method}"] = entries.mean(method, _optimism)
    rounded = {name: figure if isinstance(figure, int) else round(figure, 2) for name, figure in figures.items()}
    return Result(rounded, targets, [HEADER, *_rows(entries)])


def bound(strata: Sequence[Sequence[float]]) -> float:
    """The lower one-sided confidence bound on the mean of the strata's means; each holds two values or more."""
    error = math.sqrt(math.fsum(variance(values) / len(values) for values in strata)) / len(strata)
    freedom = sum(len(values) - 1 for values in strata)
    return fmean(map(fmean, strata)) - float(stats.t.ppf(CONFIDENCE, freedom)) * error


def _gain(entry: Entry) -> float:
    """In per cent of the shipped setting's value, as the two that follow."""
    return 100 * entry.gain / entry.baseline.value


def _test_gain(entry: Entry) -> float:
    return 100 * (entry.baseline.test - entry.true.test) / entry.baseline.test


def _optimism(entry: Entry) -> float:
    return 100 * entry.optimism / entry.baseline.value


def _rows(entries: Entries) -> list[tuple[str, ...]]:
    """Means over repeats; on all tasks, of what tasks have in common."""
    rows: list[tuple[str, ...]] = []
    for task in entries.tasks:
        rows += [_row(f"{task}, {method}", entries.of(method, task)) for method in (OURS, *METHODS)]
    for method in (OURS, *METHODS):
        shares = [f"{entries.mean(method, value):+.2f}" for value in (_gain, _test_gain, _optimism)]
        rows.append((f"all, {method}", "", "", "", *shares, ""))
    return rows


def _row(title: str, found: Sequence[Entry]) -> tuple[str, ...]:
    values = [f"{fmean(value):.4f}" for value in _values(found)]
    shares = [f"{fmean(map(value, found)):+.2f}" for value in (_gain, _test_gain, _optimism)]
    return (title, *values, *shares, f"{fmean(entry.runs for entry in found):.0f}")


def _values(found: Sequence[Entry]) -> Iterator[Sequence[float]]:
    yield [entry.claimed for entry in found]
    yield [entry.true.value for entry in found]
    yield [entry.true.test for entry in found]
