"""A crash handed back to its proposer, for another attempt at the same experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deep_loop.core.experiment import Breached, Experiment, Idea, outcomes
from deep_loop.loop.baseline import tail
from deep_loop.loop.brief import brief
from deep_loop.loop.lab import Lab
from deep_loop.loop.proposals import Thought, repaired
from deep_loop.ports import Files


def hand_back(lab: Lab, experiment: Experiment, checkout: Path) -> Callable[[], Thought]:
    """Give the proposer the failed code, in `checkout`, and the end of its log; a worker does the mending."""
    told = brief(lab, experiment.ask)
    failure = tail(experiment)

    def mend() -> Thought:
        idea: Idea | None = experiment.proposal.idea if lab.proposer.repair(told, checkout, failure) else None
        return Thought(idea, checkout, experiment.commit, told.parent)

    return mend


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
