"""The screening that a strategy orders: how much of it was still to be made."""

from __future__ import annotations

from deep_loop.core import screening
from deep_loop.core.cohort import Revision
from deep_loop.core.experiment import as_of
from deep_loop.loop.brief import strategy_of
from deep_loop.loop.control import PROGRAM
from deep_loop.loop.lab import Lab


def left(lab: Lab, revision: Revision) -> int:
    """Runs that were not closed yet when the revision's evidence was taken; it stays the same for ever."""
    levels = strategy_of(lab.workspace.read(revision.commit, PROGRAM) or "").screen
    if not levels:
        return 0
    closed = as_of(lab.ledger.closed(), revision.seen)
    made = screening.done(levels, [experiment.proposal.idea for experiment in closed])
    return max(0, screening.runs(len(levels)) - len(set(made)))
