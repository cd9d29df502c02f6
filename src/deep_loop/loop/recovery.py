"""What a dead harness left, brought into order again. Doing it twice changes nothing."""

from __future__ import annotations

from deep_loop.core.experiment import Experiment, Interrupted, Keep
from deep_loop.loop import baseline, proposals
from deep_loop.loop.lab import Lab
from deep_loop.loop.thinking import DIED, call_id


def tidy(lab: Lab) -> None:
    """End runs that were cut off, kill their leftovers, settle what was decided, project the table anew."""
    cut_off = [
        measurement
        for experiment in [*lab.ledger.opened(), *lab.ledger.closed()]
        for measurement in experiment.measurements
        if measurement.outcome is None
    ]
    calls = [call for call in lab.ledger.calls() if call.ended_at is None]
    ids = [*(job_id(lab, measurement.id) for measurement in cut_off), *(call_id(lab, call.id) for call in calls)]
    lab.executor.sweep([baseline.prepare_id(lab), *ids])
    lab.workspace.recover()  # before anything is written: what the runs left may fill the disk
    for measurement in cut_off:
        lab.ledger.end(measurement.id, Interrupted("the harness stopped while it ran"))
    for call in calls:
        lab.ledger.called(call.id, (), None, DIED)
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
