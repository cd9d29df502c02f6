"""A study's runs in their order, as `core.noise` wants them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

from deep_loop.core.experiment import AFTER, Experiment, Measured, Role, finished, is_baseline, is_keep
from deep_loop.core.noise import NONE, Difference, Group, Noise, Series, difference

RECENT = 16  # candidates of an open group that count for the noise, so that its cost does not grow with the study


class History:
    """All runs of these experiments; where `machines` are given, only what was measured on one of them."""

    def __init__(self, known: Sequence[Experiment], machines: Collection[str] | None = None) -> None:
        self._known = known
        self._numbered = {e.number: e for e in known}
        self._held: dict[int | None, list[Experiment]] = {}  # by what they were held against
        for e in known:
            self._held.setdefault(e.proposal.parent, []).append(e)
        self._machines = machines
        # Ranks, not ids: an interrupted run takes an id too, and must not move the others.
        self._ids = sorted(m.id for e in known for m in finished(e))

    def series(self, experiment: Experiment, *roles: Role) -> Series:
        """Good runs of an experiment in these roles."""
        found = [
            (m.outcome.value, bisect_right(self._ids, m.id), m.seed)
            for m in finished(experiment, *roles)
            if isinstance(m.outcome, Measured) and (self._machines is None or m.machine in self._machines)
        ]
        return Series(*(tuple(column) for column in zip(*found, strict=True))) if found else NONE

    def since_kept(self, experiment: Experiment) -> Series:
        """Runs of an incumbent that were not chosen by: all of a baseline's, and where all are equal."""
        everything = self.series(experiment, "first", "fresh", *AFTER)
        exact = len(everything) > 1 and len(set(everything.values)) == 1
        return everything if exact or is_baseline(experiment) else self.series(experiment, *AFTER)

    def worth(self, experiment: Experiment) -> Series:
        """All its runs that tell what it is worth: the first one, which it was chosen by, only where it is alone."""
        if is_baseline(experiment):
            return self.series(experiment, "first", "fresh", *AFTER)
        return self.series(experiment, "fresh", *AFTER) or self.series(experiment, "first")

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
        base = self._numbered.get(experiment.proposal.parent) if experiment.proposal.parent is not None else None
        own, other = self.worth(experiment), self.worth(base) if base else NONE
        return difference(own, other, noise) if own and other else None

    def _candidates(self, incumbent: Experiment, out: Collection[int]) -> Group:
        """First runs and fresh ones apart: the first one was chosen by."""
        held = [e for e in self._held.get(incumbent.number, ()) if e.number not in out]
        firsts = [one for e in held if (one := self.series(e, "first"))][-RECENT:]
        return *firsts, *[one for e in held if (one := self.series(e, "fresh"))][-RECENT:]
