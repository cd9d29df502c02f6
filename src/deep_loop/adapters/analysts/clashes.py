"""Pairs of constants that failed together though neither fails alone."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from deep_loop.adapters.analysts.estimates import wilson
from deep_loop.adapters.analysts.evidence import Evidence, Trial
from deep_loop.adapters.analysts.words import experiments, rate
from deep_loop.core.cohort import Finding

MOST = 3  # pairs that are told
LATEST = 2000  # experiments that are looked at
LEAST = 2  # failures of one pair
WIDEST = 6  # constants of one experiment whose pairs are looked at: of more nothing can be told

Pair = tuple[str, str]


def found(evidence: Evidence) -> tuple[Finding, ...]:
    """Pairs that failed (crashed, or clearly lost) more often together than either did without the other.

    Said where the interval of the pair's rate lies above the rate of the two apart, which were tried as often at least.
    """
    tried: Counter[Pair] = Counter()
    alone: Counter[str] = Counter()
    lost: dict[Pair, list[int]] = {}
    lost_alone: Counter[str] = Counter()
    for trial in evidence.trials[-LATEST:]:
        if not trial.changes:
            continue
        names = sorted({change.name for change in trial.changes})[:WIDEST]
        fell = failed(evidence, trial)
        alone.update(names)
        if fell:
            lost_alone.update(names)
        for pair in combinations(names, 2) if len(names) > 1 else ():
            tried[pair] += 1
            if fell:
                lost.setdefault(pair, []).append(trial.number)
    told = []
    for pair, numbers in lost.items():
        # Of each alone, those of both together are not.
        apart = sum(alone[name] - tried[pair] for name in pair)
        usual = sum(lost_alone[name] - len(numbers) for name in pair) / apart if apart else 1.0
        share = wilson(len(numbers), tried[pair])
        if len(numbers) >= LEAST and apart >= tried[pair] and share.low > usual:
            text = (
                f"{pair[0]} and {pair[1]} failed together in {len(numbers)} of {tried[pair]} experiments, "
                f"{rate(share)}, and apart in {100 * usual:.0f} % ({experiments(numbers)})"
            )
            told.append((usual - share.low, Finding(text, tuple(numbers))))
    told.sort(key=lambda item: (item[0], item[1].experiments))
    return tuple(finding for _, finding in told[:MOST])


def failed(evidence: Evidence, trial: Trial) -> bool:
    """Whether it crashed, or clearly lost."""
    return trial.crashed or (trial.gain is not None and trial.gain < -evidence.clear(trial))
