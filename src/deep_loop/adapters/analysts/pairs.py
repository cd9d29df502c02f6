"""Ideas out of two near misses: each alone was lost in the noise, together they may not be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from deep_loop.adapters.analysts.bench import Bench, Idea, propose
from deep_loop.adapters.analysts.estimates import Interval
from deep_loop.adapters.analysts.evidence import Evidence, Trial
from deep_loop.adapters.analysts.scales import meaning
from deep_loop.adapters.analysts.words import percent, span
from deep_loop.core.hypothesis import Target

MOST = 8  # near misses that pairs are made of, the best ones
ADDS_UP = 0.35  # rough odds that two near misses together are a gain, from the simulations that `steps` names


def near_misses(evidence: Evidence) -> list[Trial]:
    """Discarded experiments whose loss, if any, is within noise, best first: each may yet be worth something."""
    found = [
        trial
        for trial in evidence.measured
        if not trial.kept and trial.changes and trial.gain is not None and trial.gain > -evidence.clear(trial)
    ]
    return sorted(found, key=lambda trial: (-evidence.trusted(trial), trial.number))


def together(bench: Bench) -> Iterator[Idea]:
    """Pairs of near misses that moved different constants, to values where the incumbent does not stand."""
    evidence = bench.evidence
    useful = [trial for trial in near_misses(evidence) if _still_new(bench, trial)]
    for pair in combinations(useful[:MOST], 2):
        first, second = sorted(pair, key=lambda trial: trial.number)
        changes = (*first.changes, *second.changes)
        names = [change.name for change in changes]
        hoped = evidence.trusted(first) + evidence.trusted(second)
        if len(set(names)) < len(names) or hoped <= 0:
            continue
        error = math.hypot(evidence.clear(first), evidence.clear(second))
        entry = propose(
            title=f"Combine experiments {first.number} and {second.number} ({', '.join(names)})",
            kind=first.kind,
            targets=tuple(Target(change.name, value=change.after) for change in changes),
            why=f"Experiment {first.number} came to {percent(first.gain or 0.0)} and experiment {second.number} to "
            f"{percent(second.gain or 0.0)}; both were discarded, neither clearly lost, and they move different "
            "constants.",
            expected=span(Interval(hoped, hoped - error, hoped + error)),
            numbers=(first.number, second.number),
        )
        yield Idea(entry, hoped * ADDS_UP, "pairs", (first.number, second.number))


def _still_new(bench: Bench, trial: Trial) -> bool:
    """Whether every constant that it moved is still there, and none stands where it moved it."""
    for change in trial.changes:
        present = bench.present(change.name)
        if present is None or meaning(present) == meaning(change.after):
            return False
    return True
