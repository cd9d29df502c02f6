"""Runs of the incumbent that no proposal asked for: its references, controls and final ones."""

from __future__ import annotations

from deep_loop.core.event import Confirmed, Warned
from deep_loop.core.experiment import (
    AFTER,
    Disturbed,
    Experiment,
    Interrupted,
    Role,
    claimed,
    finished,
    is_baseline,
    is_keep,
    judged,
    measured,
    value,
)
from deep_loop.loop import evidence
from deep_loop.loop.lab import Lab


def due(lab: Lab, *, final: bool) -> tuple[Experiment, Role, str] | None:
    """The next such run: of which experiment, what for, and that in words; None where none is due.

    A new incumbent is measured again at once, since the runs that won flatter it. Every so often it is run as a
    control, so that a machine that drifts is seen. `final` says that the study has come to its end. A metric that
    repeats exactly needs none of this.
    """
    incumbent = lab.incumbent()
    if incumbent is None:
        return None
    noise = evidence.noise(lab)
    if noise is not None and noise.sigma == 0:
        return None
    rules = lab.task.rules
    made = _count(lab, incumbent, *AFTER)
    if not is_baseline(incumbent) and made < rules.reference_runs:
        return incumbent, "reference", f"what it is worth, run {made + 1} of {rules.reference_runs}"
    closed = lab.ledger.closed()
    experiments = sum(e.counted for e in closed)
    controls = sum(
        m.role == "control" for e in closed for m in e.measurements if not isinstance(m.outcome, Interrupted)
    )
    if controls < experiments // rules.control_interval and not final:
        return incumbent, "control", "control: has the machine changed?"
    ended = _count(lab, incumbent, "final")
    if final and ended < rules.final_runs:
        return incumbent, "final", f"final value, run {ended + 1} of {rules.final_runs}"
    return None


def tell(lab: Lab, incumbent: Experiment, role: str) -> None:
    """Let everybody hear what a run of upkeep has brought: a value that stands now, or a machine that drifts."""
    rules, found = lab.task.rules, claimed(incumbent, lab.task.rules)
    after = len(finished(incumbent, *AFTER))
    if found is not None and role == "final" and len(measured(incumbent, "final")) == rules.final_runs:
        earlier = measured(incumbent, "reference", "control") or judged(incumbent)
        lab.tell(Confirmed(incumbent, found, sum(earlier) / len(earlier)))
    elif found is not None and after == rules.reference_runs and not is_baseline(incumbent):
        lab.tell(Confirmed(incumbent, found, before(lab, incumbent)))
    if role == "control" and (words := evidence.drifted(lab, incumbent)) is not None:
        lab.tell(Warned(words))


def tell_exact(lab: Lab, closed: Experiment) -> None:
    """A keep whose metric repeats exactly stands at once."""
    found = claimed(closed, lab.task.rules) if is_keep(closed) and not is_baseline(closed) else None
    if found is not None and found.label == "confirmed":
        lab.tell(Confirmed(closed, found, before(lab, closed)))


def before(lab: Lab, experiment: Experiment) -> float | None:
    """What was claimed of the incumbent before this one; None for the first."""
    earlier = [e for e in lab.ledger.closed() if is_keep(e) and (e.order or 0) < (experiment.order or 0)]
    return value(earlier[-1]) if earlier else None


def _count(lab: Lab, experiment: Experiment, *roles: Role) -> int:
    """Its runs in these roles on this machine, those that go on now included."""
    machines = {slot.machine for slot in lab.executor.slots}
    return sum(
        m.role in roles and m.machine in machines and not isinstance(m.outcome, Interrupted | Disturbed)
        for m in experiment.measurements
    )
