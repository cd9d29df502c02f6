"""A model's revision made whole, and looked over before anybody else does."""

from __future__ import annotations

from dataclasses import replace

from deep_loop.adapters.analysts import account
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.ideas import standing
from deep_loop.core import review, strategy
from deep_loop.core.cohort import Advice, Dossier


def finish(advice: Advice, dossier: Dossier) -> Advice:
    """The same revision with the harness's own figures, and with what a person planted on top of its hypotheses.

    A hypothesis that names no experiment rests on the incumbent, whose code it changes.
    """
    evidence = gather(dossier)
    planted = standing(dossier.hypotheses, evidence.taken)
    known = {entry.id for entry in planted}
    base = (evidence.incumbent.number,) if evidence.incumbent else ()
    own = (replace(entry, evidence=entry.evidence or base) for entry in advice.hypotheses if entry.id not in known)
    return replace(advice, hypotheses=(*planted, *own), table=account.table(evidence, dossier))


def objection(advice: Advice, dossier: Dossier) -> str | None:
    """Why the harness would drop it, as far as that can be told now; None where it would not."""
    if (why := review.objection(advice, dossier)) is not None:
        return why
    version = dossier.strategy.version + 1
    try:
        after = strategy.render(dossier.program, replace(advice.strategy, version=version))
    except strategy.StrategyError as error:
        return str(error)
    return strategy.review(dossier.program, dossier.program, after, version=version)
