"""The strategy on probation: which one a proposal follows, and what its experiments brought."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterator, Sequence

from deep_loop.core import probation
from deep_loop.core.cohort import HUMAN, Revision
from deep_loop.core.experiment import IMPORTED, Experiment, as_of, is_baseline, is_keep, value
from deep_loop.core.history import History
from deep_loop.core.noise import Noise, estimate
from deep_loop.core.probation import Lineage, Turn, Verdict
from deep_loop.core.screening import is_screening
from deep_loop.core.seed import derive
from deep_loop.loop import screens
from deep_loop.loop.lab import Lab
from deep_loop.loop.proposals import HARNESS

UNKNOWN = Noise(0.0, 0)  # nothing was repeated: every run counts as much as any other
A_GAIN = 0.01  # relative; a usual keep's, where nothing was kept yet and nothing measured


def version(lab: Lab, number: int, seen: int, judged: bool) -> int:
    """The strategy that proposal `number` follows, by what is known when `seen` experiments are closed.

    What a person wrote is known at once. Where strategies are not `judged`, all follow the latest.
    """
    revisions = lab.ledger.revisions()
    by_hand = max((revision.version for revision in revisions if revision.analyst == HUMAN), default=0)
    known = [revision for revision in revisions if revision.seen <= seen or revision.version <= by_hand]
    lineage = probation.lineage(known) if judged else None
    if lineage is None:
        return known[-1].version if known else 0
    if number - known[-1].asked <= screens.left(lab, known[-1]):
        return lineage.heirs[-1]  # its screening comes first
    share = verdict(lab, known, lineage, seen).share
    drawn = (derive(lab.seed, "probation", number) + 0.5) / 2**31
    return lineage.heirs[-1] if drawn < share else lineage.control


def verdict(lab: Lab, revisions: Sequence[Revision], lineage: Lineage, seen: int) -> Verdict:
    """What is known of a lineage when `seen` experiments are closed."""
    closed = as_of(lab.ledger.closed(), seen)
    turns = list(_turns(lab, closed))
    usual = _usual(turns, {experiment.ask.id for experiment in closed if is_keep(experiment)})
    record = [
        found
        for earlier in probation.lineages(revisions)
        if earlier.analyst == lineage.analyst and earlier.heirs[-1] < lineage.heirs[0]
        if (found := probation.difference(earlier, turns, usual)) is not None
    ]
    return probation.judge(lineage, turns, usual, record)


def _turns(lab: Lab, closed: Sequence[Experiment]) -> Iterator[Turn]:
    """What proposers brought, whoever proposes now.

    The harness's combinations and imports follow no strategy, and a screening gains nothing.
    """
    history = History(closed, lab.machines)
    noise = estimate(history.groups()) or UNKNOWN
    numbered = {experiment.number: experiment for experiment in closed}
    for experiment in closed:
        proposal = experiment.proposal
        if is_baseline(experiment) or is_screening(proposal.idea) or proposal.proposer in (HARNESS, IMPORTED):
            continue
        base = numbered.get(experiment.proposal.parent or 0)
        size = abs(value(base) or 0.0) if base else 0.0
        step = history.step(experiment, noise)
        gain = lab.task.metric.gain(step.mean, 0.0) / (size or 1.0) if step else None
        yield Turn(experiment.ask.id, experiment.ask.revision, gain)


def _usual(turns: Sequence[Turn], kept: Collection[int]) -> float:
    """The relative gain of a usual keep; where nothing was kept yet half of what a change usually does."""
    found = [turn.gain for turn in turns if turn.gain]
    gains = [turn.gain for turn in turns if turn.gain and turn.gain > 0 and turn.ask in kept]
    if gains:
        return statistics.median(gains)
    return statistics.median(map(abs, found)) / 2 if found else A_GAIN
