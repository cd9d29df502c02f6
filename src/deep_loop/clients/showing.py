"""An experiment in words, for whoever looks at one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from deep_loop.core.experiment import Crashed, Experiment, Measured, finished, kind


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The difference of two sets of files, as `git diff` would show it; empty where there is none."""
    rows: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, "").splitlines(), after.get(path, "").splitlines()
        rows += difflib.unified_diff(old, new, path, path, lineterm="")
    return "\n".join(rows)


def account(experiment: Experiment) -> Iterator[str]:
    """What it was for, and what became of it. Runs on held-out data are left out."""
    proposal, decision = experiment.proposal, experiment.decision
    idea = proposal.idea
    yield f"title: {idea.title}"
    yield f"kind: {kind(experiment)}, by {proposal.proposer}" + (
        f", on experiment {proposal.parent}" if proposal.parent is not None else ""
    )
    yield f"rationale: {idea.rationale}"
    yield f"expected: {idea.expected}"
    if decision is not None:
        yield f"decision: {decision.status}: {decision.reason}"
    for run in finished(experiment):
        match run.outcome:
            case Measured(value, seconds, memory):
                used = f", {memory:.0f} MB" if memory is not None else ""
                yield f"run ({run.role}): {value:.6g} in {seconds:.0f} s{used}"
            case Crashed(reason):
                yield f"run ({run.role}): crashed: {reason}"
            case other if other is not None:
                yield f"run ({run.role}): {other.kind.replace('_', ' ')}"
