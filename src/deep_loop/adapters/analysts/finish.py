"""A model's revision made whole, and looked over before anybody else does."""

from __future__ import annotations

from dataclasses import replace

from deep_loop.adapters.analysts import account
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.ideas import standing
from deep_loop.core import review, strategy
from deep_loop.core.cohort import Advice, Dossier
from deep_loop.prompts import revision


def revised(text: str, analyst: str, dossier: Dossier) -> Advice | str:
    """The whole revision in a model's last message, or what is wrong with it. Nothing is raised."""
    try:
        advice = finish(revision.read(text, analyst, dossier.strategy.version + 1), dossier)
        return objection(advice, dossier) or advice
    except revision.Malformed as error:
        return f"no revision: {error}"
    except Exception as error:  # noqa: BLE001  (the edge: what a model says must not lose what it cost)
        return f"it cannot be read: {type(error).__name__}: {error}"


def finish(advice: Advice, dossier: Dossier) -> Advice:
    """The same revision with the harness's own figures, and with what a person planted on top of its hypotheses.

    A hypothesis that names no experiment rests on the incumbent, whose code it changes.
    """
    evidence = gather(dossier)
    planted = standing(dossier.hypotheses, evidence.taken)
    known = {entry.id for entry in planted}
    base = (evidence.incumbent.number,) if evidence.incumbent else ()
    own = (replace(entry, evidence=entry.evidence or base) for entry in advice.hypotheses if entry.id not in known)
    after = replace(advice.strategy, screen=dossier.strategy.screen)  # a screening under way is finished
    return replace(advice, strategy=after, hypotheses=(*planted, *own), table=account.table(evidence, dossier))


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
