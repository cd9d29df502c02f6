"""What proposers of an earlier strategy are told: its own section and hypotheses, amid what a person wrote since."""

from __future__ import annotations

from deep_loop.core import hypothesis, strategy
from deep_loop.core.cohort import HARNESS, HUMAN
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.loop.lab import Lab

PROGRAM = "program.md"
HYPOTHESES = "next-hypotheses.md"


def commit_of(lab: Lab, version: int) -> str:
    """The commit that carries a version of the strategy; the first baseline's, before there was any."""
    before_any = lab.ledger.closed()[0].commit
    return next((r.commit for r in lab.ledger.revisions() if r.version == version), before_any)


def program(lab: Lab, head: str, version: int) -> str:
    """program.md as it is at `head`, with the strategy of a version in it."""
    now = lab.workspace.read(head, PROGRAM) or ""
    try:
        return strategy.graft(now, lab.workspace.read(commit_of(lab, version), PROGRAM) or "")
    except strategy.StrategyError:
        return now  # a person broke the markers: no strategy is followed until they are mended


def hypotheses(lab: Lab, head: str, version: int) -> tuple[Hypothesis, ...]:
    """Those of a version as far as a person left them, behind what a person planted since.

    What strategies after it brought is left out: whatever their commits added.
    """
    own = commit_of(lab, version)
    later = [r.commit for r in lab.ledger.revisions() if r.version > version and r.analyst not in (HUMAN, HARNESS)]
    brought = {id for commit in later for id in _entries(lab, commit).keys() - _entries(lab, _before(lab, commit))}
    now = _entries(lab, head)
    taken_out = _entries(lab, later[-1] if later else own).keys() - now  # by a person
    planted = {id: entry for id, entry in now.items() if id not in brought}
    kept = {id: entry for id, entry in _entries(lab, own).items() if id not in taken_out}
    return tuple((planted | {id: entry for id, entry in kept.items() if id not in planted}).values())


def _before(lab: Lab, commit: str) -> str:
    return lab.workspace.parent(commit) or commit


def _entries(lab: Lab, commit: str) -> dict[str, Hypothesis]:
    found = hypothesis.parse(lab.workspace.read(commit, HYPOTHESES) or "", lab.task.taxonomy)
    return {entry.id: entry for entry in found}
