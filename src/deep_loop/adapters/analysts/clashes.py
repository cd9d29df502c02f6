"""Pairs of constants that failed together though neither fails alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from deep_loop.adapters.analysts.estimates import wilson
from deep_loop.adapters.analysts.evidence import Evidence, Trial
from deep_loop.adapters.analysts.words import experiments, rate
from deep_loop.core.cohort import Finding

MOST = 3  # pairs that are told
LEAST = 2  # failures of one pair
WIDEST = 6  # constants of one experiment whose pairs are looked at: of more nothing can be told

Pair = tuple[str, str]


def found(evidence: Evidence) -> tuple[Finding, ...]:
    """Pairs that failed (crashed, or clearly lost) more often together than either did without the other.

    Said where the interval of the pair's rate lies above the rate of the two apart, which were tried as often at least.
    """
    tried: dict[Pair, list[Trial]] = {}
    alone: dict[str, list[Trial]] = {}
    for trial in evidence.trials:
        names = sorted({change.name for change in trial.changes})[:WIDEST]
        for name in names:
            alone.setdefault(name, []).append(trial)
        for pair in combinations(names, 2):
            tried.setdefault(pair, []).append(trial)
    ranked = sorted(_clashes(evidence, tried, alone), key=lambda item: (-item[0], item[1].experiments))
    return tuple(finding for _, finding in ranked[:MOST])


def _clashes(
    evidence: Evidence, tried: dict[Pair, list[Trial]], alone: dict[str, list[Trial]]
) -> Iterator[tuple[float, Finding]]:
    for pair, trials in tried.items():
        lost = [trial.number for trial in trials if failed(evidence, trial)]
        if len(lost) < LEAST:
            continue
        together = {trial.number for trial in trials}
        apart = [t for name in pair for t in alone[name] if t.number not in together]
        share = wilson(len(lost), len(trials))
        usual = sum(failed(evidence, trial) for trial in apart) / len(apart) if apart else 1.0
        if len(apart) >= len(trials) and share.low > usual:
            text = (
                f"{pair[0]} and {pair[1]} failed together in {len(lost)} of {len(trials)} experiments, "
                f"{rate(share)}, and apart in {100 * usual:.0f} % ({experiments(lost)})"
            )
            yield share.low - usual, Finding(text, tuple(lost))


def failed(evidence: Evidence, trial: Trial) -> bool:
    """Whether it crashed, or clearly lost."""
    return trial.crashed or (trial.gain is not None and trial.gain < -evidence.clear(trial))
