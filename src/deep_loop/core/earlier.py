"""Earlier evidence: what another study found, as far as a new one may know it.

The other study was run on other hardware and other code, often by another system, for another metric. So nothing here
is a value of the metric: a finding's gain is a fraction of what it was held against *there*, and cannot be compared
with an incumbent of ours. Findings are hints about which changes pay. No decision rests on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deep_loop.core.experiment import Change, Crash, Experiment, is_baseline, is_keep, kind, moves, value
from deep_loop.core.metric import Metric

FARTHEST = 1.0  # a gain or loss beyond this fraction says no more than that it was large


@dataclass(frozen=True, slots=True)
class Finding:
    """One experiment of another study."""

    number: int  # there
    title: str
    kind: str
    changes: tuple[Change, ...]
    kept: bool
    crashed: bool
    gain: float | None  # over what it was held against there, as a fraction of that, within ±`FARTHEST`; + is better


@dataclass(frozen=True, slots=True)
class Earlier:
    """What one other study found, in its order."""

    tag: str
    source: str  # in words: where it comes from
    metric: str  # the name of what it improved
    findings: tuple[Finding, ...]

    @property
    def kept(self) -> int:
        """How many were kept there."""
        return sum(finding.kept for finding in self.findings)


def earlier(tag: str, source: str, metric: Metric, experiments: Sequence[Experiment]) -> Earlier:
    """The findings of another study's closed experiments; baselines found nothing, and are left out."""
    return Earlier(tag, source, metric.name, tuple(_findings(metric, experiments)))


def _findings(metric: Metric, experiments: Sequence[Experiment]) -> Iterator[Finding]:
    worth = {experiment.number: value(experiment) for experiment in experiments}
    for experiment in experiments:
        parent, idea = experiment.proposal.parent, experiment.proposal.idea
        crashed = isinstance(experiment.decision, Crash)
        if is_baseline(experiment) and not crashed:
            continue
        yield Finding(
            number=experiment.number,
            title=" ".join(idea.title.split()),
            kind=kind(experiment),
            changes=moves(experiment),
            kept=is_keep(experiment),
            crashed=crashed,
            gain=_gain(metric, worth[experiment.number], worth.get(parent) if parent is not None else None),
        )


def _gain(metric: Metric, own: float | None, other: float | None) -> float | None:
    """A fraction; None where either is unknown, or the other is zero, of which nothing is a fraction."""
    if own is None or not other:
        return None
    found = metric.relative_gain(own, other)
    return max(-FARTHEST, min(FARTHEST, found)) if math.isfinite(found) else None
