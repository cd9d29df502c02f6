"""Whether others used the machine too much while a run was on."""

from __future__ import annotations

import statistics

from deep_loop.core.experiment import Disturbed, Measured, Outcome
from deep_loop.loop.lab import Lab

REPEATS = 2  # times that one run is made again for this; then it counts as it is


def looked_at(lab: Lab, unit: int, seed: int, outcome: Outcome) -> Outcome:
    """The outcome of a run, or that it was disturbed: runs under like load are compared, and no others.

    The usual load is the median over the study's good runs. A machine that is always busy disturbs nothing.
    """
    limit = lab.task.rules.max_load
    if limit is None or not isinstance(outcome, Measured) or outcome.load is None:
        return outcome
    loads = [
        m.outcome.load
        for e in (*lab.ledger.closed(), *lab.ledger.opened())
        for m in e.measurements
        if isinstance(m.outcome, Measured) and m.outcome.load is not None
    ]
    again = sum(m.seed == seed and isinstance(m.outcome, Disturbed) for m in lab.ledger.record(unit).measurements)
    if not loads or outcome.load <= statistics.median(loads) + limit or again >= REPEATS:
        return outcome
    reason = f"others kept {outcome.load:.1f} cores busy, {statistics.median(loads):.1f} are usual"
    return Disturbed(reason, outcome.value, outcome.seconds, outcome.load)
