"""Keeps that later runs put in doubt."""

from __future__ import annotations

from deep_loop.adapters.analysts.estimates import Interval
from deep_loop.adapters.analysts.evidence import Evidence
from deep_loop.adapters.analysts.words import span
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.experiment import AFTER, Keep, measured

MOST = 4  # keeps that are told, the latest
SURE = 1.96  # standard deviations: the interval holds 95 %


def found(dossier: Dossier, evidence: Evidence) -> tuple[Finding, ...]:
    """Keeps whose gain, now that they and their bases were measured again, is no longer clear of zero.

    Where the noise is not known nothing can be doubted, nor where nobody has measured since; simplifications never
    claimed a gain.
    """
    decided = {experiment.number: experiment for experiment in dossier.experiments}
    doubted = []
    for trial in evidence.trials:
        if not trial.kept or trial.gain is None or trial.error is None:
            continue
        keep = decided[trial.number]
        claimed = isinstance(keep.decision, Keep) and not keep.decision.simplification
        if claimed and measured(keep, *AFTER) and trial.gain < SURE * trial.error:
            gain = Interval(trial.gain, trial.gain - SURE * trial.error, trial.gain + SURE * trial.error)
            runs = len(measured(keep, *AFTER))
            text = f"{trial.title}: kept, but {runs} runs since put it at {span(gain)} (experiment {trial.number})"
            doubted.append(Finding(text, (trial.number,), "kept"))
    return tuple(doubted[-MOST:])
