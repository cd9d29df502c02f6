"""What the ledger knows, as the rules want it: the evidence about one experiment."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from deep_loop.core.allowance import levels
from deep_loop.core.decide import Evidence
from deep_loop.core.experiment import (
    AFTER,
    Experiment,
    Keep,
    finished,
    is_baseline,
    measured,
    outcomes,
)
from deep_loop.core.history import History
from deep_loop.core.noise import Noise, drift, estimate
from deep_loop.core.size import size
from deep_loop.loop.lab import Lab

SURE = 3.0  # standard errors that a drift must have before anybody is told


def gather(lab: Lab, experiment: Experiment) -> Evidence:
    """All that bears on the decision about an experiment, as of now."""
    known = _known(lab)
    history = _history(lab, known)
    fresh = history.series(experiment, "fresh")
    rules, metric = lab.task.rules, lab.task.metric
    first = history.series(experiment, "first")
    if is_baseline(experiment):
        return Evidence(metric, rules, outcomes(experiment), first, fresh)
    incumbent, anchor = lab.to_beat(), lab.anchor()
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
        beside=history.beside(incumbent, but=experiment),
        repeated=history.groups(but=(incumbent, anchor, experiment)),
        level=_level(lab, known, experiment) if fresh else 1.0,
        simpler=rules.margin is not None and _simpler(lab, experiment, incumbent),
        anchor=history.since_kept(anchor) if anchor.number != incumbent.number else None,
        usual=_usual(lab.ledger.closed()),
    )


def noise(lab: Lab) -> Noise | None:
    """Noise and drift of the whole study on this machine; None where nothing was repeated."""
    return estimate(_history(lab, _known(lab)).groups())


def drifted(lab: Lab, incumbent: Experiment) -> str | None:
    """In words, that the machine has drifted since the incumbent was kept; None where it cannot be told."""
    history = _history(lab, _known(lab))
    found = estimate(history.groups())
    moved = drift(history.since_kept(incumbent), found) if found else None
    if moved is None or abs(moved[0]) <= SURE * moved[1]:
        return None
    return (
        f"the machine has drifted: the later runs of experiment {incumbent.number} lie {moved[0]:+.6f} from its "
        f"earlier ones (standard error {moved[1]:.6f}); comparisons go by its latest runs more than by its old ones"
    )


def _known(lab: Lab) -> Sequence[Experiment]:
    return [*lab.ledger.closed(), *lab.ledger.opened()]


def _history(lab: Lab, known: Sequence[Experiment]) -> History:
    """What was measured on this machine."""
    return History(known, lab.machines)


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
