"""What a dead harness left, brought into order again. Doing it twice changes nothing."""

from __future__ import annotations

from deep_loop.core.experiment import Experiment, Interrupted, Keep
from deep_loop.loop import baseline, proposals
from deep_loop.loop.lab import Lab


def tidy(lab: Lab) -> None:
    """End runs that were cut off, kill their leftovers, settle what was decided, project the table anew."""
    cut_off = [
        measurement
        for experiment in [*lab.ledger.opened(), *lab.ledger.closed()]
        for measurement in experiment.measurements
        if measurement.outcome is None
    ]
    lab.executor.sweep([baseline.prepare_id(lab), *(job_id(lab, measurement.id) for measurement in cut_off)])
    lab.workspace.recover()  # before anything is written: what the runs left may fill the disk
    for measurement in cut_off:
        lab.ledger.end(measurement.id, Interrupted("the harness stopped while it ran"))
    for experiment in lab.ledger.unsettled():
        settle(lab, experiment)
    proposals.forget_ended(lab)
    lab.results.rewrite(lab.ledger.closed())


def settle(lab: Lab, experiment: Experiment) -> None:
    """Let git follow a closed line: a keep extends the branch, and what it lacks is queued. Idempotent."""
    if isinstance(experiment.decision, Keep):
        idea = experiment.proposal.idea
        lab.workspace.settle(experiment.number, experiment.commit, f"{idea.title}\n\n{idea.rationale}\n")
        proposals.combine(lab, experiment)
    lab.ledger.settled(experiment.number)


def job_id(lab: Lab, measurement: int) -> str:
    """Marks every process of one run; `lab.uid` makes it unique on the machine."""
    return f"{lab.uid}-{measurement}"
