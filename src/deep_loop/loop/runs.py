"""Runs that wait for a slot: whose they are, whom they are for, and on which seed."""

from __future__ import annotations

from deep_loop.core.experiment import (
    AFTER,
    JUDGED,
    Disturbed,
    Experiment,
    Interrupted,
    Measure,
    Role,
    is_baseline,
    measured,
)
from deep_loop.core.seed import derive
from deep_loop.loop.lab import Lab
from deep_loop.loop.unit import Run


def own(experiment: Experiment, role: Role, purpose: str) -> Run:
    """A run of an experiment's last attempt, for itself."""
    return _run(experiment, experiment.number, role, purpose)


def asked_for(lab: Lab, experiment: Experiment, decision: Measure) -> Run:
    """The run that a decision about an experiment asks for: its own, or one of what it is held against."""
    match decision.target:
        case "candidate":
            return own(experiment, "fresh" if measured(experiment, "first") else "first", decision.reason)
        case "audit":
            return own(experiment, "audit", decision.reason)
        case "incumbent" | "anchor":
            rival = lab.incumbent() if decision.target == "incumbent" else lab.anchor()
            assert rival is not None  # a baseline has no rival, and asks for none
            return _run(rival, experiment.number, "reference", decision.reason)


def seed(lab: Lab, run: Run) -> int:
    """The next seed of the incumbent's own row, which all that is held against it runs on too.

    What a seed brings to both is then not taken for a difference. An incumbent begins a row of its own when it was
    kept, so it never meets again a seed that it was chosen by.
    """
    experiment = lab.ledger.record(run.unit)
    if run.role == "holdout":
        return derive(lab.seed, "holdout", experiment.number)
    own = experiment.decision is not None or is_baseline(experiment)
    row = experiment.number if own else lab.to_beat().number
    counted = (*JUDGED, *AFTER) if is_baseline(experiment) else AFTER if own else JUDGED
    last = len(experiment.attempts) - 1
    had = sum(
        m.attempt == last and m.role in counted and not isinstance(m.outcome, Interrupted | Disturbed)
        for m in experiment.measurements
    )
    return derive(lab.seed, "run", row, had)


def _run(experiment: Experiment, sought_by: int, role: Role, purpose: str) -> Run:
    # Nothing is proposed while a baseline is open.
    foundation = not experiment.counted and experiment.decision is None
    return Run(experiment.number, sought_by, role, experiment.proposal.idea.title, purpose, foundation)
