"""A study's runs in their order, as `core.noise` wants them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from deep_loop.core.experiment import (
    AFTER,
    JUDGED,
    Disturbed,
    Experiment,
    Interrupted,
    Measured,
    Role,
    is_baseline,
    is_keep,
)
from deep_loop.core.gaps import Reference
from deep_loop.core.noise import NONE, Difference, Group, Noise, Series, difference

RECENT = 16  # candidates of an open group that count for the noise, so that its cost does not grow with the study

_OPEN = frozenset((*JUDGED, *AFTER))
_CHOSEN = frozenset(("first",))
_UNCHOSEN = frozenset(("fresh", *AFTER))
_ALL = _CHOSEN | _UNCHOSEN
_SILENT = (Interrupted, Disturbed)

_Run = tuple[str, float, int, int]  # role, value, id, seed of a good run


class History:
    """All runs of these experiments; where `machines` are given, only what was measured on one of them."""

    def __init__(self, known: Sequence[Experiment], machines: Collection[str] | None = None) -> None:
        self._known = known
        self._numbered = {e.number: e for e in known}
        self._held: dict[int | None, list[Experiment]] = {}  # by what they were held against
        self._machines = machines
        self._good: dict[int, list[_Run]] = {}
        self._references: dict[int, Reference] = {}  # for `_noise`
        self._noise: Noise | None = None
        ids: list[int] = []
        for e in known:
            self._held.setdefault(e.proposal.parent, []).append(e)
            self._good[e.number] = self._read(e, ids)
        # Ranks, not ids: an interrupted run takes an id too, and must not move the others.
        self._ids = sorted(ids)
        self._places = {id: place for place, id in enumerate(self._ids, start=1)}

    def series(self, experiment: Experiment, *roles: Role) -> Series:
        """Good runs of an experiment in these roles."""
        return self._series(self._runs(experiment, frozenset(roles)))

    def since_kept(self, experiment: Experiment) -> Series:
        """Runs of an incumbent that were not chosen by: all of a baseline's, and where all are equal."""
        everything = self.series(experiment, "first", "fresh", *AFTER)
        exact = len(everything) > 1 and len(set(everything.values)) == 1
        return everything if exact or is_baseline(experiment) else self.series(experiment, *AFTER)

    def worth(self, experiment: Experiment) -> Series:
        """All its runs that tell what it is worth: the first one, which it was chosen by, only where it is alone."""
        return self._series(self._worth(experiment))

    def beside(self, incumbent: Experiment, but: Experiment) -> Group:
        """Runs of the latest candidates, one left out, that were held against this incumbent."""
        return self._candidates(incumbent, {but.number})

    def groups(self, but: Sequence[Experiment] = ()) -> tuple[Group, ...]:
        """All that tells of the noise: each incumbent, and what was held against it; some experiments left out."""
        out = {e.number for e in but}
        kept = [e for e in self._known if is_keep(e) and e.number not in out]
        return tuple((self.since_kept(e), *self._candidates(e, out)) for e in kept)

    def step(self, experiment: Experiment, noise: Noise) -> Difference | None:
        """How much more it measures than what it was built on; None where either has no value."""
        parent = experiment.proposal.parent
        base = self._numbered.get(parent) if parent is not None else None
        own = self._worth(experiment)
        if base is None or not own:
            return None
        if noise != self._noise:
            self._noise, self._references = noise, {}
        reference = self._references.get(base.number)
        if reference is None:
            other = self.worth(base)
            if not other:
                return None
            reference = self._references[base.number] = Reference(other, noise)
        if len(own) == 1:
            ((_, value, id, seed),) = own
            return reference.gap(value, self._place(id), seed)
        return difference(self._series(own), self.worth(base), noise)

    def _candidates(self, incumbent: Experiment, out: Collection[int]) -> Group:
        """First runs and fresh ones apart: the first one was chosen by."""
        held = self._held.get(incumbent.number, ())
        return *self._latest(held, out, "first"), *self._latest(held, out, "fresh")

    def _latest(self, held: Sequence[Experiment], out: Collection[int], role: Role) -> list[Series]:
        """The series in one role of the latest of these that have any, oldest first."""
        found = (self.series(e, role) for e in reversed(held) if e.number not in out)
        return [*islice(filter(None, found), RECENT)][::-1]

    def _worth(self, experiment: Experiment) -> Sequence[_Run]:
        if is_baseline(experiment):
            return self._runs(experiment, _ALL)
        return self._runs(experiment, _UNCHOSEN) or self._runs(experiment, _CHOSEN)

    def _runs(self, experiment: Experiment, roles: Collection[str]) -> Sequence[_Run]:
        known = self._numbered.get(experiment.number) is experiment
        good = self._good[experiment.number] if known else self._read(experiment, [])
        if len(good) == 1:
            return good if good[0][0] in roles else ()
        return [run for run in good if run[0] in roles]

    def _read(self, experiment: Experiment, ids: list[int]) -> list[_Run]:
        """The good runs of the last attempt; `ids` gets those of all that came to an end of their own."""
        last = len(experiment.attempts) - 1
        good: list[_Run] = []
        for run in experiment.measurements:
            outcome = run.outcome
            if run.attempt != last or run.role not in _OPEN or outcome is None or isinstance(outcome, _SILENT):
                continue
            ids.append(run.id)
            if isinstance(outcome, Measured) and (self._machines is None or run.machine in self._machines):
                good.append((run.role, outcome.value, run.id, run.seed))
        return good

    def _series(self, runs: Sequence[_Run]) -> Series:
        if not runs:
            return NONE
        return Series(*map(tuple, zip(*self._columns(runs), strict=True)))

    def _columns(self, runs: Sequence[_Run]) -> Iterator[tuple[float, int, int]]:
        return ((value, self._place(id), seed) for _, value, id, seed in runs)

    def _place(self, id: int) -> int:
        """The place of a run among all."""
        return self._places.get(id) or bisect_right(self._ids, id)
