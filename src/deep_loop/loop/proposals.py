"""From what a proposer left in its checkout to a proposal that waits, or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from deep_loop.core.event import Refused
from deep_loop.core.experiment import Experiment, Idea, Proposal
from deep_loop.core.guard import Accepted, Rejected, review
from deep_loop.core.record import Ask
from deep_loop.loop.baseline import revision
from deep_loop.loop.lab import Lab

HARNESS = "harness"  # proposes combinations


def collect(lab: Lab, checkout: Path, base: str) -> Accepted | Rejected:
    """Let the guard look at what changed in a checkout of `base`; the folder is removed."""
    changed = lab.workspace.collect(checkout)
    lab.workspace.discard(checkout)
    return check(lab, base, changed)


def check(lab: Lab, base: str, changed: Mapping[str, str | None]) -> Accepted | Rejected:
    """The guard's answer to a change on `base`."""
    return review(
        lab.workspace.files(base),
        changed,
        editable=lab.task.editable,
        protected=lab.task.protected,
        seen=_fingerprints(lab),
    )


def wait(lab: Lab, ask: Ask, idea: Idea, base: str, parent: int | None, accepted: Accepted) -> Proposal:
    """Commit an accepted change and answer the ask with it; a later answer replaces an earlier one."""
    commit = lab.workspace.commit(base, accepted.files, message(idea, ask.proposer))
    lab.workspace.keep_reachable(_name(ask), commit)
    proposal = Proposal(idea, ask.proposer, base, parent, commit, accepted.fingerprint)
    lab.ledger.propose(ask, proposal)
    return proposal


def refuse(lab: Lab, ask: Ask, reason: str, proposal: Proposal | None = None) -> None:
    """End an ask without an experiment: logged with its reason, not numbered, not run."""
    lab.ledger.refuse(ask, reason, proposal)
    lab.workspace.keep_reachable(_name(ask), None)
    lab.tell(Refused(ask.id, ask.proposer, reason))


def follow(lab: Lab, ask: Ask, proposal: Proposal) -> Proposal | None:
    """The proposal on the incumbent of now: itself, or re-applied where the head moved; None where it was refused."""
    incumbent = lab.incumbent()
    if incumbent is None or proposal.parent == incumbent.number:
        return proposal
    head = lab.workspace.head()
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


def combine(lab: Lab, winner: Experiment, rival: Experiment) -> None:
    """Queue what the new incumbent lacks: the rival's change, which was kept while the winner ran.

    Nothing is merged unmeasured: the combination is a proposal like any other.
    """
    head = lab.workspace.head()
    files = lab.workspace.reapply(rival.commit, head)
    accepted = check(lab, head, files) if files is not None else Rejected("conflict")
    if isinstance(accepted, Rejected):
        return
    idea = replace(
        rival.proposal.idea,
        title=f"{rival.proposal.idea.title}, on top of experiment {winner.number}",
        rationale=f"experiments {rival.number} and {winner.number} both won on the same base; do their changes add up?",
    )
    wait(lab, lab.ledger.ask(HARNESS, revision(lab)), idea, head, winner.number, accepted)


def message(idea: Idea, proposer: str) -> str:
    """The message of an experiment's commit: what was said before it ran."""
    return f"{idea.title}\n\n{idea.rationale}\n\nKind: {idea.kind}\nProposed-by: {proposer}\n"


def _name(ask: Ask) -> str:
    """The ref that keeps a waiting proposal's commit from being collected."""
    return f"ask-{ask.id}"


def _fingerprints(lab: Lab) -> dict[str, int]:
    """What was tried already. What waits has no number yet; its base may still move."""
    return {e.proposal.fingerprint: e.number for e in [*lab.ledger.closed(), *lab.ledger.opened()]}
