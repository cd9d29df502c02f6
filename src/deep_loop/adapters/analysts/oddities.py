"""What a person should look at: odd results, and ideas that were tried before, in words."""

from __future__ import annotations

from deep_loop.adapters.analysts.evidence import Evidence
from deep_loop.core.anomaly import Anomaly, anomalies, results
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.repeats import Requests, request

MOST = 6  # odd results, and repeats, that one account names


def odd(dossier: Dossier, evidence: Evidence) -> tuple[Finding, ...]:
    """Odd results of the cohort, the latest first; each cites its experiment."""
    found = anomalies(results(dossier.experiments), dossier.metric)
    recent = [one for one in found if one.number in evidence.cohort]
    return tuple(_finding(one) for one in reversed(recent[-MOST:]))


def again(evidence: Evidence) -> tuple[Finding, ...]:
    """Experiments of the cohort that were not kept and whose descriptions ask for what an earlier one asked for."""
    asked = Requests()
    found: list[Finding] = []
    for trial in evidence.trials:
        wanted = request(trial.title)
        before = asked.like(wanted) if trial.number in evidence.cohort and not trial.kept else None
        asked.add(wanted)
        if before is not None:
            old = evidence.trials[before].number
            text = f"Experiment {trial.number} asks for what experiment {old} asked for, and was not kept."
            found.append(Finding(text, (trial.number, old)))
    return tuple(reversed(found[-MOST:]))


def _finding(one: Anomaly) -> Finding:
    text = f"To look at: experiment {one.number}, {one.text}."
    return Finding(text, (one.number,), "tried" if one.oddity == "collapse" else "kept")
