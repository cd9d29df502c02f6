"""A crash handed back to its proposer, for another attempt at the same experiment."""

from __future__ import annotations

from deep_loop.core.experiment import Breached, Experiment, outcomes
from deep_loop.loop.lab import Lab
from deep_loop.loop.proposals import repaired
from deep_loop.ports import Files


def may_be_tried(lab: Lab, experiment: Experiment) -> bool:
    """Whether a crash goes back to its proposer: not a baseline's, not a breach of the rules, not too often."""
    breached = any(isinstance(outcome, Breached) for outcome in outcomes(experiment))
    return experiment.counted and not breached and len(experiment.attempts) <= lab.task.repairs


def add_attempt(lab: Lab, experiment: Experiment, files: Files) -> Experiment:
    """Commit a repair on the failed attempt and give it its ref; the line with its new attempt."""
    attempt = len(experiment.attempts)
    message = f"{experiment.proposal.idea.title}: repair {attempt}\n"
    commit = lab.workspace.commit(experiment.commit, files, message)
    lab.workspace.keep_reachable(repaired(experiment, attempt), commit)
    lab.ledger.attempt(experiment.number, commit)
    return lab.ledger.record(experiment.number)
