"""Where a bold change begins: at the incumbent, or at one of the best experiments that did not win."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.core.experiment import Experiment, is_keep, kind, measured
from deep_loop.core.metric import Metric
from deep_loop.core.seed import derive

OTHERS = 3  # that a change may begin at


def start(history: Sequence[Experiment], incumbent: Experiment, metric: Metric, seed: int) -> Experiment | None:
    """The experiment whose files a bold change begins with; None for the incumbent's, as in half of all cases.

    It is one of the best that were made on the incumbent and did not win, one of each kind of change: a beam, where
    greedy search has come to its end.
    """
    chance = derive(seed, "start")
    if chance % 2:
        return None
    tried = [e for e in history if e.proposal.parent == incumbent.number and not is_keep(e) and measured(e)]
    ranked = sorted(tried, key=lambda e: -metric.gain(sum(measured(e)) / len(measured(e)), 0.0))
    best: dict[str, Experiment] = {}
    for experiment in ranked:
        best.setdefault(kind(experiment), experiment)
    found = list(best.values())[:OTHERS]
    return found[chance // 2 % len(found)] if found else None
