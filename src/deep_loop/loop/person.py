"""What a person does to the workspace while a study runs."""

from __future__ import annotations

from deep_loop.core import hypothesis, strategy
from deep_loop.core.cohort import HUMAN, Revision
from deep_loop.core.event import Warned
from deep_loop.loop.baseline import revision
from deep_loop.loop.control import HYPOTHESES, PROGRAM
from deep_loop.loop.lab import Lab


def watch(lab: Lab) -> bool:
    """Take note of edits and commits; True where the editable or protected files changed.

    An edit of program.md is a version of the strategy of its own, and never reverted.
    """
    changes = lab.workspace.sync()
    for change in changes:
        if change.kind == "program":
            _revise(lab, change.commit)
        elif change.kind == "other" and HYPOTHESES in change.paths:
            _complain(lab, change.commit)
    tell_notices(lab)
    return any(change.kind == "code" for change in changes)


def catch_up(lab: Lab) -> None:
    """Record an edit of program.md that git has and the ledger lacks: the harness died between the two."""
    lines, revisions = [*lab.ledger.closed(), *lab.ledger.opened()], lab.ledger.revisions()
    if not lines:
        return
    known = revisions[-1].commit if revisions else min(lines, key=lambda line: line.number).proposal.commit
    head = lab.workspace.head()
    if lab.workspace.read(head, PROGRAM) != lab.workspace.read(known, PROGRAM):
        _revise(lab, head)


def tell_notices(lab: Lab) -> None:
    """Pass on what git and the runs had to say to a person; a run may say something at the same moment."""
    for notices in (lab.workspace.notices, lab.executor.notices):
        while notices:
            lab.tell(Warned(notices.pop(0)))


def _revise(lab: Lab, commit: str) -> None:
    version, seen, asked = revision(lab) + 1, len(lab.ledger.closed()), lab.ledger.asked()
    reason, summary, now = "edited by a person", "program.md edited by a person", lab.clock.time()
    lab.ledger.revise(Revision(version, commit, seen, reason, HUMAN, summary, now, None, asked))
    _complain(lab, commit)


def _complain(lab: Lab, commit: str) -> None:
    """Warn of what cannot be followed; the rest of it is."""
    try:
        strategy.parse(lab.workspace.read(commit, PROGRAM) or "")
    except strategy.StrategyError as error:
        lab.tell(Warned(f"{error} ({error.hint}); until then no strategy is followed"))
    for problem in hypothesis.problems(lab.workspace.read(commit, HYPOTHESES) or ""):
        lab.tell(Warned(f"{HYPOTHESES}: {problem}"))
