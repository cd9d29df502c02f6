"""Crashes by what caused them."""

from __future__ import annotations

from collections.abc import Mapping

from deep_loop.adapters.analysts.estimates import wilson
from deep_loop.adapters.analysts.words import experiments, rate
from deep_loop.core.cause import cause
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.experiment import Crash, is_baseline

MOST = 3  # causes that are told, the most frequent
LEAST = 2  # crashes for one cause


def causes(dossier: Dossier) -> Mapping[str, tuple[int, ...]]:
    """Each cause with its experiments; the most frequent first, of equal ones the latest."""
    found: dict[str, list[int]] = {}
    for experiment in dossier.experiments:
        if isinstance(experiment.decision, Crash) and not is_baseline(experiment):
            found.setdefault(cause(experiment), []).append(experiment.number)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), -item[1][-1]))
    return {name: tuple(numbers) for name, numbers in ranked}


def found(dossier: Dossier, trials: int) -> tuple[Finding, ...]:
    """The causes that struck more than once, each with its share of all trials."""
    repeated = [(name, numbers) for name, numbers in causes(dossier).items() if len(numbers) >= LEAST]
    return tuple(
        Finding(
            f"One cause of {len(numbers)} crashes, {rate(wilson(len(numbers), trials))} of all experiments: {name} "
            f"({experiments(numbers)})",
            numbers,
            "crashed",
        )
        for name, numbers in repeated[:MOST]
    )
