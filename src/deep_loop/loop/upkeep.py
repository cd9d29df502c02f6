"""Runs of what was kept that no proposal asked for: references, controls, final ones, those on held-out data."""

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

    What was kept is measured on held-out data, where there are any. A new incumbent is measured again at once, since
    the runs that won flatter it. Every so often it is run as a control, so that a machine that drifts is seen. `final`
    says that the study has come to its end. A metric that repeats exactly needs no more than the first of these.
    """
    incumbent = lab.incumbent()
    if incumbent is None:
        return None
    closed = lab.ledger.closed()
    if lab.task.holdout is not None:
        unseen = next((e for e in closed if is_keep(e) and not _count(lab, e, "holdout")), None)
        if unseen is not None:
            return unseen, "holdout", "on held-out data"
    noise = evidence.noise(lab)
    if noise is not None and noise.sigma == 0:
        return None
    rules = lab.task.rules
    made = _count(lab, incumbent, *AFTER)
    if not is_baseline(incumbent) and made < rules.reference_runs:
        return incumbent, "reference", f"what it is worth, run {made + 1} of {rules.reference_runs}"
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


def tell(lab: Lab, kept: Experiment, role: str) -> None:
    """Let everybody hear what such a run has brought: a value that stands now, or a machine that drifts."""
    rules, found = lab.task.rules, claimed(kept, lab.task.rules)
    if found is None:
        return
    match role:
        case "final" if len(measured(kept, "final")) == rules.final_runs:
            earlier = measured(kept, "reference", "control") or judged(kept)
            lab.tell(Confirmed(kept, found, sum(earlier) / len(earlier)))
        case "reference" | "control" if not is_baseline(kept) and len(finished(kept, *AFTER)) == rules.reference_runs:
            lab.tell(Confirmed(kept, found, before(lab, kept)))
    if role == "control" and (words := evidence.drifted(lab, kept)) is not None:
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
    return sum(
        m.role in roles and m.machine in lab.machines and not isinstance(m.outcome, Interrupted | Disturbed)
        for m in experiment.measurements
    )
