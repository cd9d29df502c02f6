"""Runs that wait for a slot: whose they are, whom they are for, and on which seed."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.core.experiment import (
    AFTER,
    JUDGED,
    Disturbed,
    Experiment,
    Interrupted,
    Measure,
    Measured,
    Outcome,
    Role,
    finished,
    is_baseline,
)
from deep_loop.core.record import Measurement
from deep_loop.core.seed import derive, places
from deep_loop.loop.lab import Lab
from deep_loop.loop.unit import Run

SILENT = (Interrupted, Disturbed)  # outcomes that say nothing


def own(experiment: Experiment, role: Role, purpose: str) -> Run:
    """A run of an experiment's last attempt, for itself."""
    return _run(experiment, experiment.number, role, purpose)


def asked_for(lab: Lab, experiment: Experiment, decision: Measure) -> Run:
    """The run that a decision about an experiment asks for: its own, or one of what it is held against."""
    match decision.target:
        case "candidate":
            return own(experiment, "fresh" if _begun(lab, experiment) else "first", decision.reason)
        case "audit":
            return own(experiment, "audit", decision.reason)
        case "incumbent" | "anchor":
            rival = lab.to_beat() if decision.target == "incumbent" else lab.anchor()
            assert rival is not None  # a baseline is no simplification
            return _run(rival, experiment.number, "reference", decision.reason)


def seed(lab: Lab, run: Run) -> int:
    """The seed of a run: one that the incumbent has had, for what is held against it.

    What a seed brings to both is then not taken for a difference. An incumbent has a row of seeds of its own, begun
    when it was kept, so that it never meets again one that it was chosen by. A run that says nothing is made again
    with the same seed.
    """
    experiment = lab.ledger.record(run.unit)
    number = experiment.number
    if run.role == "holdout":
        return derive(lab.seed, "holdout", number)
    if experiment.decision is not None or is_baseline(experiment):
        return derive(lab.seed, "run", number, len(_row(experiment)))
    last = len(experiment.attempts) - 1
    made = [m for m in experiment.measurements if m.attempt == last and m.role in JUDGED]
    if made and isinstance(made[-1].outcome, SILENT):
        return made[-1].seed
    incumbent, had = lab.to_beat(), {m.seed for m in made}
    row = (derive(lab.seed, "run", incumbent.number, at) for at in places(number, len(_row(incumbent))))
    return next(seed for seed in row if seed not in had)


def _begun(lab: Lab, experiment: Experiment) -> bool:
    """Whether it has a first run; one that was made on another machine says nothing on this one."""
    return any(isinstance(m.outcome, Measured) and m.machine in lab.machines for m in finished(experiment, "first"))


def _row(incumbent: Experiment) -> Sequence[Measurement[Outcome]]:
    """The runs that have a seed of the incumbent's own row."""
    roles = (*JUDGED, *AFTER) if is_baseline(incumbent) else AFTER
    last = len(incumbent.attempts) - 1
    own = [m for m in incumbent.measurements if m.attempt == last and m.role in roles]
    return [m for m in own if not isinstance(m.outcome, SILENT)]


def _run(experiment: Experiment, sought_by: int, role: Role, purpose: str) -> Run:
    # Nothing is proposed while a baseline is open.
    foundation = not experiment.counted and experiment.decision is None
    return Run(experiment.number, sought_by, role, experiment.proposal.idea.title, purpose, foundation)
