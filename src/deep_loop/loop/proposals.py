"""From what a proposer left in its checkout to a proposal that waits, or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deep_loop.core.event import Refused
from deep_loop.core.experiment import Change, Experiment, Idea, Proposal, is_baseline, is_keep
from deep_loop.core.guard import Accepted, Rejected, review
from deep_loop.core.record import Ask
from deep_loop.core.sort import sort
from deep_loop.core.taxonomy import OTHER
from deep_loop.errors import WorkspaceError
from deep_loop.loop.baseline import revision
from deep_loop.loop.lab import Lab
from deep_loop.ports import Answer

HARNESS = "harness"  # proposes combinations
ASK = "ask-"  # opens the name of a waiting proposal's ref
REPAIR = "-r"  # stands in the name of a repair's ref, between its experiment and its attempt


@dataclass(frozen=True, slots=True)
class Thought:
    """What a proposer left behind: what it said, and the folder that it edited."""

    answer: Answer
    checkout: Path
    base: str
    parent: int | None


def collect(lab: Lab, thought: Thought) -> Accepted | Rejected:
    """Let the guard look at what changed in the checkout."""
    if thought.answer.idea is None:
        return Rejected("nothing to propose")
    try:
        changed = lab.workspace.collect(thought.checkout)
    except WorkspaceError as error:  # a proposer may have done anything to its folder
        return Rejected(f"its folder cannot be read: {error}")
    return check(lab, thought.base, changed)


def check(lab: Lab, base: str, changed: Mapping[str, str | None]) -> Accepted | Rejected:
    """The guard's answer to a change on `base`."""
    return review(
        lab.workspace.files(base),
        changed,
        editable=lab.task.editable,
        protected=lab.task.protected,
        seen=_fingerprints(lab),
        code=lab.workspace.code(base),
        seeding=lab.seeding(base),
    )


def wait(lab: Lab, ask: Ask, idea: Idea, base: str, parent: int | None, accepted: Accepted) -> Proposal:
    """Commit an accepted change and answer the ask with it; a later answer replaces an earlier one."""
    commit = lab.workspace.commit(base, accepted.files, message(idea, ask.proposer))
    lab.workspace.keep_reachable(_name(ask), commit)
    kind, moved = _sorted(lab, idea, base, accepted.files)
    proposal = Proposal(idea, ask.proposer, base, parent, commit, accepted.fingerprint, kind, moved)
    lab.ledger.propose(ask, proposal)
    return proposal


def _sorted(lab: Lab, idea: Idea, base: str, files: Mapping[str, str]) -> tuple[str, tuple[Change, ...]]:
    """The kind of a change, and the constants that it moves: the diff tells, else the words of its proposer."""
    before = lab.workspace.files(base)
    found = sort(before, {**before, **files}, lab.task.taxonomy)
    if found.kind != OTHER:
        return found.kind, found.moved
    told = OTHER if idea.kind not in ("", OTHER) else lab.task.taxonomy.told_by(idea.title)
    return "" if told == OTHER else told, found.moved


def refuse(lab: Lab, ask: Ask, reason: str, proposal: Proposal | None = None) -> None:
    """End an ask without an experiment: logged with its reason, not numbered, not run."""
    lab.ledger.refuse(ask, reason, proposal)
    lab.workspace.keep_reachable(_name(ask), None)
    lab.tell(Refused(ask.id, ask.proposer, reason))


def follow(lab: Lab, ask: Ask, proposal: Proposal) -> Proposal | None:
    """The proposal on the incumbent of now: itself, or re-applied where the head moved; None where it was refused."""
    incumbent = lab.incumbent()
    if incumbent is None or proposal.parent == incumbent.number:
        unmoved = check(lab, proposal.base, lab.workspace.files(proposal.commit))  # it may have waited beside its like
        if isinstance(unmoved, Rejected):
            refuse(lab, ask, unmoved.reason, proposal)
            return None
        return proposal
    head = lab.base()
    files = lab.workspace.reapply(proposal.commit, head)
    if files is None:
        refuse(lab, ask, f"does not apply to the new incumbent, experiment {incumbent.number}", proposal)
        return None
    moved = check(lab, head, files)
    if isinstance(moved, Rejected):
        refuse(lab, ask, moved.reason, proposal)
        return None
    return wait(lab, ask, proposal.idea, head, incumbent.number, moved)


def number(lab: Lab, experiment: Experiment) -> None:
    """Give an opened line its ref instead of the waiting proposal's."""
    lab.workspace.keep_reachable(str(experiment.number), experiment.proposal.commit)
    lab.workspace.keep_reachable(_name(experiment.ask), None)


def forget_ended(lab: Lab) -> None:
    """Remove the refs of proposals and repairs that the ledger lacks: a harness may have died between it and git."""
    due = {_name(w.ask) for w in lab.ledger.waiting() if w.proposal}
    for experiment in (*lab.ledger.closed(), *lab.ledger.opened()):
        due |= {repaired(experiment, attempt.index) for attempt in experiment.attempts[1:]}
    for name in lab.workspace.reachable():
        if (name.startswith(ASK) or REPAIR in name) and name not in due:
            lab.workspace.keep_reachable(name, None)


def repaired(experiment: Experiment, attempt: int) -> str:
    """The name of a repair's ref."""
    return f"{experiment.number}{REPAIR}{attempt}"


def combine(lab: Lab, winner: Experiment) -> None:
    """Queue what the new incumbent lacks: all that was kept while it ran on an older base. Idempotent.

    Nothing is merged unmeasured: the combination is a proposal like any other.
    """
    parent = winner.proposal.parent
    kept = [e for e in lab.ledger.closed() if is_keep(e) and (e.order or 0) < (winner.order or 0)]
    places = [place for place, e in enumerate(kept) if e.number == parent]
    lacked = kept[places[0] + 1 :] if places else []  # a baseline has no parent, and lacks nothing
    if not lacked:
        return
    head = lab.workspace.head()
    # One commit of all their changes, on the base that the winner has.
    rival = lab.workspace.commit(winner.proposal.base, lab.workspace.files(lacked[-1].commit), "kept meanwhile\n")
    files = lab.workspace.reapply(rival, head)
    accepted = check(lab, head, files) if files is not None else Rejected("conflict")
    mine = [w for w in lab.ledger.waiting() if w.ask.proposer == HARNESS]
    if isinstance(accepted, Rejected) or any(w.proposal and w.proposal.parent == winner.number for w in mine):
        return
    ideas = [e.proposal.idea for e in lacked]
    numbers = ", ".join(str(e.number) for e in lacked)
    idea = replace(
        ideas[-1],
        title=f"{', '.join(idea.title for idea in ideas)}, on top of experiment {winner.number}",
        rationale=f"experiments {numbers} and {winner.number} won on the same base; do their changes add up?",
        changes=tuple(change for idea in ideas for change in idea.changes),
        probability=None,  # what was said was said of one of them
    )
    taken = next((w.ask for w in mine if w.proposal is None), None)  # by a harness that died right after
    wait(lab, taken or lab.ledger.ask(HARNESS, revision(lab)), idea, head, winner.number, accepted)


def message(idea: Idea, proposer: str) -> str:
    """The message of an experiment's commit: what was said before it ran."""
    return f"{idea.title}\n\n{idea.rationale}\n\nKind: {idea.kind}\nProposed-by: {proposer}\n"


def _name(ask: Ask) -> str:
    """The ref that keeps a waiting proposal's commit from being collected."""
    return f"{ASK}{ask.id}"


def _fingerprints(lab: Lab) -> dict[str, int]:
    """What was tried already under the protected files of now: under others it may come to something else.

    What waits has no number yet; its base may still move.
    """
    closed, since = lab.ledger.closed(), 0
    now = lab.workspace.protected(lab.base())
    for baseline in (e for e in reversed(closed) if is_baseline(e) and is_keep(e)):
        if lab.workspace.protected(baseline.commit) != now:
            break
        since = baseline.number
    return {e.proposal.fingerprint: e.number for e in [*closed, *lab.ledger.opened()] if e.number >= since}
