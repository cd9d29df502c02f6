"""The baseline: the code as a person left it, measured before anything is proposed."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.core.experiment import (
    BASELINE,
    Breached,
    Crashed,
    Experiment,
    Idea,
    Proposal,
    TimedOut,
    is_baseline,
    is_keep,
    outcomes,
)
from deep_loop.core.record import Ask
from deep_loop.core.seed import derive
from deep_loop.core.syntax import fingerprint
from deep_loop.errors import TaskError
from deep_loop.loop.lab import Lab
from deep_loop.ports import Job, Slot

ASKER = "baseline"  # who asks for one, in the ledger
TAIL = 20  # lines of a log that a person is shown
PREPARE_SECONDS = 3600.0


def due(lab: Lab) -> Experiment | None:
    """Open a baseline's line where the head is not what the incumbent is, else None.

    That is so at a study's start, and after a person committed a change of an editable or protected file, or took a
    keep off the branch. What failed as a baseline is not tried again.
    """
    head, incumbent = lab.workspace.head(), lab.incumbent()
    known = [incumbent, *_failed_last(lab)] if incumbent else []
    if lab.stands(head) in [lab.stands(e.commit) for e in known]:
        return None
    if incumbent is None:
        _prepare(lab, head)
    idea = Idea(
        title="baseline" if incumbent is None else "baseline after a person's change",
        kind=BASELINE,
        rationale="the code as it stands, before anything is proposed",
    )
    proposal = Proposal(
        idea, ASKER, base=head, parent=None, commit=head, fingerprint=fingerprint(lab.workspace.files(head))
    )
    ask = _ask(lab)
    lab.ledger.propose(ask, proposal)
    return lab.ledger.open(ask, proposal, counted=False)


def failed(lab: Lab, experiment: Experiment) -> TaskError:
    """What a person is told when there is nothing to improve on, with the end of the log."""
    shown = "\n".join(tail(experiment).splitlines()[-TAIL:])
    return TaskError(
        f"the baseline failed: {why(experiment)}" + (f"\n\nthe last lines of its log:\n{shown}" if shown else ""),
        hint=f"run `{lab.task.command}` by hand, mend it, commit, and start again; "
        f"{lab.task.metric.name} is read with the pattern {lab.task.patterns.metric}",
    )


def why(experiment: Experiment) -> str:
    """Why its last run failed, in one line."""
    match outcomes(experiment)[-1]:
        case Crashed(reason=reason):
            return reason
        case Breached(reason=reason):
            return f"breach: {reason}"
        case TimedOut(limit_seconds=limit):
            return f"timed out after {limit:g} s"
        case _:
            return "it did not run"


def tail(experiment: Experiment) -> str:
    """The end of its last run's log, where that crashed."""
    last = outcomes(experiment)[-1]
    return last.tail if isinstance(last, Crashed) else ""


def _failed_last(lab: Lab) -> Sequence[Experiment]:
    """The latest baseline that closed, if it failed."""
    latest = next((e for e in reversed(lab.ledger.closed()) if is_baseline(e)), None)
    return [latest] if latest and not is_keep(latest) else []


def _ask(lab: Lab) -> Ask:
    """The baseline's place in the order: the one that a dead harness took already, or a new one."""
    taken = (w.ask for w in lab.ledger.waiting() if w.ask.proposer == ASKER)
    return next(taken, None) or lab.ledger.ask(ASKER, revision(lab))


def revision(lab: Lab) -> int:
    """The version of the strategy that is in force."""
    revisions = lab.ledger.revisions()
    return revisions[-1].version if revisions else 0


def prepare_id(lab: Lab) -> str:
    """Marks every process of the task's preparation; see `recovery.job_id`."""
    return f"{lab.uid}-prepare"


def _prepare(lab: Lab, commit: str) -> None:
    """Run the task's own preparation in a folder of the commit; raises TaskError where it fails."""
    if lab.task.prepare is None:
        return
    folder = lab.workspace.folder(commit, "prepare")
    log = lab.workspace.root / ".deep-loop" / "logs" / lab.tag / "prepare.log"
    env = {**lab.task.prepare_env, "DEEP_LOOP_SEED": str(derive(lab.seed, "prepare"))}
    job = Job(
        id=prepare_id(lab),
        command=lab.task.prepare,
        folder=folder,
        log=log,
        env=env,
        timeout_seconds=PREPARE_SECONDS,
        network=True,  # it is the person's own program, and fetches what runs find there
        writes=tuple(lab.task.prepare_writes),
    )
    ended = lab.executor.start(job, Slot("prepare")).result()
    lab.workspace.discard(folder)
    if ended.interrupted:
        raise TaskError(f"`{lab.task.prepare}` was interrupted", hint="start again: it runs again")
    if ended.code != 0:
        tail = "\n".join(ended.text.splitlines()[-TAIL:])
        raise TaskError(
            f"`{lab.task.prepare}` failed ({ended.problem or f'exit {ended.code}'})\n\n{tail}",
            hint="run it by hand in the workspace, mend it, and start again",
        )
