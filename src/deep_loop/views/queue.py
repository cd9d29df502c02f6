"""Hypotheses with what became of them, and how good the predictions were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deep_loop.core.calibration import forecasts, scores
from deep_loop.core.experiment import Closing, Experiment, Outcome, Proposal
from deep_loop.core.fate import Fate
from deep_loop.core.metric import Metric
from deep_loop.core.readout import plain
from deep_loop.loop.queue import fates
from deep_loop.views.values import Prediction, Queue, Queued

if TYPE_CHECKING:
    from deep_loop.ports import Ledger


def queue(ledger: Ledger[Proposal, Outcome, Closing], metric: Metric) -> Queue:
    """All that next-hypotheses.md ever held: the open ones first, then the ended ones, the latest first."""
    closed = ledger.closed()
    known = fates(ledger, metric, closed)
    over = sorted((fate for fate in known if fate.ending != "open"), key=lambda fate: -fate.at)
    return Queue(
        tuple(map(_queued, [*(fate for fate in known if fate.ending == "open"), *over])), _predictions(known, closed)
    )


def _predictions(known: Sequence[Fate], closed: Sequence[Experiment]) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(
            author=one.author,
            count=one.count,
            log_loss=one.log_loss,
            base_log_loss=one.base_log_loss,
            brier=one.brier,
            base_brier=one.base_brier,
            reliability=one.reliability,
            resolution=one.resolution,
            uncertainty=one.uncertainty,
            call=one.call,
            words=f"{one.losses}; {one.skill}",
        )
        for one in scores(forecasts(known, closed))
    )


def _queued(fate: Fate) -> Queued:
    offer, entry = fate.offer, fate.offer.hypothesis
    return Queued(
        id=entry.id,
        title=_line(entry.title),
        kind=_line(entry.kind),
        author=offer.author,
        strategy=offer.version,
        probability=entry.probability,
        ending=fate.ending,
        experiment=fate.experiment,
        kept=fate.kept,
        words=fate.words,
    )


def _line(text: str) -> str:
    """On one line, without colours and control characters."""
    return " ".join(plain(text).split())
