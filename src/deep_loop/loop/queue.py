"""next-hypotheses.md as a queue: what is open on top, what became of the others below. The ledger remembers all."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.core import fate, hypothesis
from deep_loop.core.calibration import forecasts, scores
from deep_loop.core.experiment import Closing, Experiment, Outcome, Proposal
from deep_loop.core.fate import Fate, Offer
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.metric import Metric
from deep_loop.ports import Ledger


def fates(
    ledger: Ledger[Proposal, Outcome, Closing],
    metric: Metric,
    closed: Sequence[Experiment],
    changed: Sequence[Offer] = (),
) -> tuple[Fate, ...]:
    """What became of all that was ever on it, as far as these experiments tell; `changed` is not in the ledger yet."""
    offered = {offer.hypothesis.id: offer for offer in (*ledger.offers(), *changed)}
    known = {experiment.number for experiment in closed}
    later = [e.proposal for e in (*ledger.closed(), *ledger.opened()) if e.number not in known]
    waiting = [w.proposal for w in ledger.waiting() if w.proposal is not None]
    named = {proposal.idea.hypothesis for proposal in (*later, *waiting)}
    return fate.fates(tuple(offered.values()), closed, metric, {name for name in named if name})


def text(entries: Sequence[Hypothesis], known: Sequence[Fate]) -> str:
    """The file with these entries, ranked."""
    over = fate.section(known)
    return hypothesis.render(entries) + (f"\n{over}" if over else "")


def figures(known: Sequence[Fate], closed: Sequence[Experiment]) -> tuple[tuple[str, str, str], ...]:
    """Rows of process_log.md's table: what became of hypotheses, and how good each author's predictions were."""
    if not known:
        return ()
    count = {ending: sum(fate.ending == ending for fate in known) for ending in ("taken", "refuted", "expired", "open")}
    kept = sum(fate.ending == "taken" and fate.kept is True for fate in known)
    said = f"{count['taken']} taken, {kept} of them kept; {count['refuted']} refuted, {count['expired']} expired"
    rows = [("hypotheses", said, f"{count['open']} open")]
    rows += [(f"predictions of {one.author}", one.losses, one.skill) for one in scores(forecasts(known, closed))]
    return tuple(rows)
