"""What the ledger knows, as the rules want it: the evidence about one experiment."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Sequence

from deep_loop.core.allowance import levels
from deep_loop.core.decide import Evidence
from deep_loop.core.experiment import (
    AFTER,
    Experiment,
    Keep,
    Measured,
    Role,
    finished,
    is_baseline,
    is_keep,
    measured,
    outcomes,
)
from deep_loop.core.noise import Noise, Series, drift, estimate
from deep_loop.core.size import size
from deep_loop.loop.lab import Lab

SURE = 3.0  # standard errors that a drift must have before anybody is told


def gather(lab: Lab, experiment: Experiment) -> Evidence:
    """All that bears on the decision about an experiment, as of now."""
    known = [*lab.ledger.closed(), *lab.ledger.opened()]
    history = _History(lab, known)
    fresh = history.series(experiment, "fresh")
    rules, metric = lab.task.rules, lab.task.metric
    first = next(iter(measured(experiment, "first")), None)
    if is_baseline(experiment):
        return Evidence(metric, rules, outcomes(experiment), first, fresh)
    incumbent, anchor = lab.incumbent(), lab.anchor()
    assert incumbent is not None  # nothing is proposed before a baseline is kept
    assert anchor is not None  # a baseline is no simplification
    return Evidence(
        metric=metric,
        rules=rules,
        outcomes=outcomes(experiment),
        first=first,
        fresh=fresh,
        audits=measured(experiment, "audit"),
        reference=history.since_kept(incumbent),
        failed=len(finished(incumbent, *AFTER)) - len(measured(incumbent, *AFTER)),
        repeated=history.repeated([e for e in known if e is not experiment], but=(incumbent, anchor)),
        place=history.now,
        level=_level(lab, known, experiment) if fresh else 1.0,
        simpler=rules.margin is not None and _simpler(lab, experiment, incumbent),
        anchor=history.since_kept(anchor) if anchor.number != incumbent.number else None,
        usual=_usual(lab.ledger.closed()),
    )


class _History:
    """The study's runs in their order, on the machine that it runs on now."""

    def __init__(self, lab: Lab, known: Sequence[Experiment]) -> None:
        self._machines = {slot.machine for slot in lab.executor.slots}
        # Ranks, not ids: an interrupted run takes an id too, and must not move the others.
        self._ids = sorted(m.id for e in known for m in finished(e))

    @property
    def now(self) -> int:
        """The place of the latest run."""
        return len(self._ids)

    def series(self, experiment: Experiment, *roles: Role) -> Series:
        """Good runs of an experiment in these roles, made on this machine."""
        found = [
            (m.outcome.value, bisect_right(self._ids, m.id))
            for m in finished(experiment, *roles)
            if isinstance(m.outcome, Measured) and m.machine in self._machines
        ]
        return Series(tuple(value for value, _ in found), tuple(place for _, place in found))

    def since_kept(self, experiment: Experiment) -> Series:
        """Runs of an incumbent that were not chosen by: all of a baseline's, and where all are equal."""
        everything = self.series(experiment, "first", "fresh", *AFTER)
        exact = len(everything) > 1 and len(set(everything.values)) == 1
        return everything if exact or is_baseline(experiment) else self.series(experiment, *AFTER)

    def repeated(self, known: Sequence[Experiment], but: Sequence[Experiment] = ()) -> tuple[Series, ...]:
        """All that tells of the noise; of `but`, only what `since_kept` leaves out."""
        tested = [self.series(e, "fresh") for e in known if not is_baseline(e)]
        kept = [self.since_kept(e) for e in known if is_keep(e) and e not in but]
        return tuple(part for part in (*tested, *kept) if len(part) > 1)


def noise(lab: Lab) -> Noise | None:
    """Noise and drift of the whole study on this machine; None where nothing was repeated."""
    known = [*lab.ledger.closed(), *lab.ledger.opened()]
    return estimate(_History(lab, known).repeated(known))


def drifted(lab: Lab, incumbent: Experiment) -> str | None:
    """In words, that the machine has drifted since the incumbent was kept; None where it cannot be told."""
    found = noise(lab)
    moved = (
        drift(_History(lab, [*lab.ledger.closed(), *lab.ledger.opened()]).since_kept(incumbent), found)
        if found
        else None
    )
    if moved is None or abs(moved[0]) <= SURE * moved[1]:
        return None
    return (
        f"the machine has drifted: the later runs of experiment {incumbent.number} lie {moved[0]:+.6f} from its "
        f"earlier ones (standard error {moved[1]:.6f}); comparisons go by its latest runs more than by its old ones"
    )


def _level(lab: Lab, known: Sequence[Experiment], experiment: Experiment) -> float:
    """The part of the allowance that the experiment's test may spend."""
    began = {e.number: finished(e, "fresh")[0].id for e in known if not is_baseline(e) and finished(e, "fresh")}
    tested = sorted(began, key=lambda number: began[number])
    rules = lab.task.rules
    return levels(tested, rules.planned, rules.false_keeps)[tested.index(experiment.number)]


def _simpler(lab: Lab, experiment: Experiment, incumbent: Experiment) -> bool:
    """Whether its code is clearly simpler than the incumbent's."""
    files = lab.workspace.files
    return size(files(experiment.commit)).simpler_than(size(files(incumbent.commit)))


def _usual(closed: Sequence[Experiment]) -> float | None:
    """The median gain of the keeps so far; None where there is none."""
    gains = [
        e.decision.gain
        for e in closed
        if isinstance(e.decision, Keep) and not e.decision.simplification and not is_baseline(e)
    ]
    return statistics.median(gains) if gains else None
