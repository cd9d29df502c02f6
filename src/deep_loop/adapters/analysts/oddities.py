"""What a person should look at: odd results, and ideas that were tried before, in words."""

from __future__ import annotations

from deep_loop.adapters.analysts.evidence import Evidence
from deep_loop.adapters.analysts.words import experiments
from deep_loop.core.anomaly import Anomaly, anomalies, results
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.repeats import Requests, request

MOST = 6  # odd results, and repeats, that one account names
LATEST = 1000  # experiments that are looked at, so that an analysis costs no more in a long study
FEW = 2  # keeps without a gain that have a line each


def odd(dossier: Dossier, evidence: Evidence) -> tuple[Finding, ...]:
    """Odd results of the cohort, the latest first; each cites its experiments. Keeps that are no gain share a line."""
    found = anomalies(results(dossier.experiments[-LATEST:]), dossier.metric)
    recent = [one for one in reversed(found) if one.number in evidence.cohort]
    useless = [one for one in recent if one.oddity == "no gain"]
    single = [one for one in recent if one.oddity != "no gain" or len(useless) <= FEW]
    lines = [_finding(one) for one in single[:MOST]]
    if len(useless) > FEW:
        named = tuple(sorted(one.number for one in useless))
        lines.append(Finding(f"To look at: kept, and no better than their bases: {experiments(named)}.", named, "kept"))
    return tuple(lines)


def again(evidence: Evidence) -> tuple[Finding, ...]:
    """Experiments of the cohort that were not kept and whose descriptions ask for what an earlier one asked for."""
    asked = Requests()
    found: list[Finding] = []
    trials = evidence.trials[-LATEST:]
    for trial in trials:
        wanted = request(trial.title)
        before = asked.like(wanted) if trial.number in evidence.cohort and not trial.kept else None
        asked.add(wanted)
        if before is not None:
            old = trials[before].number
            text = f"Experiment {trial.number} asks for what experiment {old} asked for, and was not kept."
            found.append(Finding(text, (trial.number, old)))
    return tuple(reversed(found[-MOST:]))


def _finding(one: Anomaly) -> Finding:
    text = f"To look at: experiment {one.number}, {one.text}."
    return Finding(text, (one.number,), "tried" if one.oddity == "collapse" else "kept")
