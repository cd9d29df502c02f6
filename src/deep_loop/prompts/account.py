"""What a history comes to: results beside what they were held against, counted in several ways; values, no text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from deep_loop.core.cause import cause
from deep_loop.core.experiment import (
    Change,
    Crash,
    Experiment,
    Measured,
    Pruned,
    finished,
    is_baseline,
    is_keep,
    kind,
    value,
)
from deep_loop.ports import Brief

NEAR = 0.5  # sigma that a near miss gained at least, where the noise is known
INCUMBENTS = 5  # the latest ones; what came near an earlier one has mostly been overtaken


@dataclass(frozen=True, slots=True)
class Result:
    """One experiment beside the incumbent that it was built on."""

    experiment: Experiment
    value: float | None  # in the metric's unit; None where no run was measured well
    share: float | None  # gain as a fraction of the incumbent's value; positive is better
    sigmas: float | None  # gain in standard deviations of one run

    @property
    def number(self) -> int:
        """The experiment's number."""
        return self.experiment.number

    @property
    def pruned(self) -> bool:
        """Whether it was stopped early."""
        return any(isinstance(run.outcome, Pruned) for run in finished(self.experiment))


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of one kind of change."""

    kind: str
    tried: int
    kept: int
    crashed: int
    best: Result | None
    worst: Result | None


@dataclass(frozen=True, slots=True)
class Move:
    """A constant's move in one experiment."""

    change: Change
    result: Result
    alone: bool  # whether nothing else that we know of changed with it


class Account:
    """One reading of a brief's history, in time linear in it."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        worth = {e.number: value(e) for e in brief.history}
        self.results = tuple(self._result(e, worth) for e in brief.history)
        self.tried = tuple(result for result in self.results if not is_baseline(result.experiment))
        self._numbered = {result.number: result for result in self.results}

    def _result(self, experiment: Experiment, worth: dict[int, float | None]) -> Result:
        parent, noise = experiment.proposal.parent, self._brief.noise
        own, other = worth[experiment.number], worth.get(parent) if parent is not None else None
        if own is None or other is None:
            return Result(experiment, own, None, None)
        metric = self._brief.metric
        sigmas = metric.gain(own, other) / noise if noise else None
        return Result(experiment, own, metric.relative_gain(own, other), sigmas)

    def of(self, number: int | None) -> Result | None:
        """The result of one experiment, or None where the history lacks it."""
        return self._numbered.get(number) if number is not None else None

    @cached_property
    def keeps(self) -> Sequence[Result]:
        """What was kept, baselines too, oldest first."""
        return [result for result in self.results if is_keep(result.experiment)]

    @cached_property
    def baseline(self) -> Result | None:
        """The latest one: what came before was measured on other code of the person's."""
        return next((result for result in reversed(self.keeps) if is_baseline(result.experiment)), None)

    @cached_property
    def tallies(self) -> Sequence[Tally]:
        """Kinds that were tried, in the taxonomy's order, then others by name."""
        groups: dict[str, list[Result]] = {}
        for result in self.tried:
            groups.setdefault(kind(result.experiment), []).append(result)
        known = list(self._brief.terms.kinds)
        order = [kind for kind in known if kind in groups] + sorted(groups.keys() - set(known))
        return [_tally(kind, groups[kind]) for kind in order]

    @cached_property
    def untried(self) -> Sequence[str]:
        """Kinds of the taxonomy that nothing was tried of."""
        tried = {tally.kind for tally in self.tallies}
        return [kind for kind in self._brief.terms.kinds if kind not in tried and kind != "other"]

    @cached_property
    def constants(self) -> Sequence[tuple[str, Sequence[Move]]]:
        """Constants that proposers said they moved, each with its latest move to every value; the latest first."""
        found: dict[str, dict[str, Move]] = {}
        for result in reversed(self.tried):
            changes = result.experiment.proposal.idea.changes
            for change in changes:
                found.setdefault(change.name, {}).setdefault(change.after, Move(change, result, len(changes) == 1))
        return [(name, list(moves.values())) for name, moves in found.items()]

    @cached_property
    def crashes(self) -> Sequence[Sequence[Result]]:
        """Crashes with one cause together, as far as their reasons tell; the latest cause first, latest crash first."""
        causes: dict[str, list[Result]] = {}
        for result in reversed(self.tried):
            if isinstance(result.experiment.decision, Crash):
                causes.setdefault(cause(result.experiment), []).append(result)
        return list(causes.values())

    @cached_property
    def near(self) -> Sequence[Result]:
        """Changes that measured better than one of the latest incumbents and were not kept all the same, best first."""
        recent = {result.number for result in self._since_baseline(self.keeps)[-INCUMBENTS:]}
        held = [r for r in self.tried if r.experiment.proposal.parent in recent and r.share is not None]
        hopeful = [r for r in held if (r.share or 0) > 0 and (r.sigmas is None or r.sigmas >= NEAR)]
        return sorted((r for r in hopeful if not is_keep(r.experiment)), key=lambda r: (-(r.share or 0), -r.number))

    def _since_baseline(self, results: Sequence[Result]) -> Sequence[Result]:
        return results[results.index(self.baseline) :] if self.baseline else results

    @cached_property
    def since_keep(self) -> Sequence[Result]:
        """What came after the last keep, oldest first."""
        last = self.results.index(self.keeps[-1]) if self.keeps else -1
        return [result for result in self.results[last + 1 :] if not is_baseline(result.experiment)]

    def taken_up(self, hypothesis: str) -> Sequence[Result]:
        """Experiments that took up an entry of next-hypotheses.md."""
        return self._takers.get(hypothesis, [])

    @cached_property
    def _takers(self) -> dict[str, list[Result]]:
        takers: dict[str, list[Result]] = {}
        for result in self.tried:
            if name := result.experiment.proposal.idea.hypothesis:
                takers.setdefault(name, []).append(result)
        return takers

    @cached_property
    def most_memory(self) -> float | None:
        """Megabytes, of all runs that ended well."""
        return max((memory for result in self.results for memory in _memory(result.experiment)), default=None)


def good_runs(experiment: Experiment) -> Sequence[Measured]:
    """Its measured runs, oldest first; none on held-out data."""
    return [run.outcome for run in finished(experiment) if isinstance(run.outcome, Measured)]


def _memory(experiment: Experiment) -> Iterable[float]:
    return (run.memory_mb for run in good_runs(experiment) if run.memory_mb is not None)


def _tally(kind: str, results: Sequence[Result]) -> Tally:
    valued = sorted((r for r in results if r.share is not None), key=lambda r: r.share or 0.0)
    return Tally(
        kind,
        tried=len(results),
        kept=sum(is_keep(r.experiment) for r in results),
        crashed=sum(isinstance(r.experiment.decision, Crash) for r in results),
        best=valued[-1] if valued else None,
        worst=valued[0] if valued else None,
    )
