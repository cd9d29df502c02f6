"""The typed fields of the next strategy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from deep_loop.adapters.analysts.bench import Bench, Idea
from deep_loop.adapters.analysts.elsewhere import PRIOR, TRIES, ratios
from deep_loop.adapters.analysts.estimates import Shrunken, shrink
from deep_loop.adapters.analysts.evidence import Evidence, Trial
from deep_loop.adapters.analysts.profiles import Region, region

BOUNDS = (0.25, 4.0)  # of a weight: no kind is ever given up, none crowds out the others
MOST = 30  # kinds with a weight, those tried most; an agent may name a new kind every time
COMBINATIONS = 3


def gains_by_kind(evidence: Evidence) -> Shrunken:
    """Mean bounded gain of each kind of change, shrunken towards the pooled mean."""
    groups: dict[str, list[float]] = {}
    for trial in evidence.measured:
        groups.setdefault(trial.kind, []).append(evidence.bounded(trial))
    return shrink(groups)


def gains_by_constant(evidence: Evidence) -> Shrunken:
    """The same for constants; of several moved at once each is credited with its share."""
    groups: dict[str, list[float]] = {}
    for trial in evidence.measured:
        for change in trial.changes:
            groups.setdefault(change.name, []).append(evidence.bounded(trial) / len(trial.changes))
    return shrink(groups)


def weights(evidence: Evidence, gains: Shrunken, before: Mapping[str, float]) -> dict[str, float]:
    """A weight for each kind that was tried, 1 being neutral; a kind hardly tried keeps what it had.

    The weight multiplies the ratio of its keeps to those expected at the overall rate, shrunken towards 1 (the
    Poisson-gamma estimate of Clayton and Kaldor, Biometrics 43 (1987) 671-681), and e to the power of its
    shrunken gain's lead, in standard deviations of one gain. Where other studies are known, what the ratio is shrunken
    towards is theirs (`elsewhere.ratios`), and a kind that was hardly tried here begins with it.
    """
    by_kind: dict[str, list[Trial]] = {}
    for trial in evidence.trials:
        by_kind.setdefault(trial.kind, []).append(trial)
    overall = sum(trial.kept for trial in evidence.trials) / max(1, len(evidence.trials))
    deviation = math.hypot(gains.within, gains.spread)  # of one gain, whatever its kind
    priors = ratios(evidence.elsewhere)
    found = {**{kind: _bounded(prior) for kind, prior in priors.items()}, **before}
    often = sorted(by_kind.items(), key=lambda item: -len(item[1]))
    for kind, trials in often[:MOST]:
        if len(trials) < TRIES:
            break
        expected = PRIOR * priors.get(kind, 1.0)
        ratio = (sum(trial.kept for trial in trials) + expected) / (len(trials) * overall + PRIOR)
        lead = (gains.groups[kind].mid - gains.pooled) / deviation if kind in gains.groups and deviation else 0.0
        found[kind] = _bounded(ratio * math.exp(lead))
    return dict(list(found.items())[-MOST:])


def _bounded(weight: float) -> float:
    return float(f"{min(max(weight, BOUNDS[0]), BOUNDS[1]):.2g}")


def regions(bench: Bench) -> tuple[Region, ...]:
    """The clear regions of constants that are still there, by name."""
    found = (region(profile) for name, profile in bench.profiles.items() if bench.present(name) is not None)
    return tuple(sorted((r for r in found if r is not None), key=lambda r: r.name))


def ranges(
    bench: Bench, found: Sequence[Region], before: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The regions as ranges. One from before stays where the constant was never moved: someone knew better."""
    kept = {name: pair for name, pair in before.items() if name not in bench.profiles}
    for r in found:
        low, high = bench.allowed(r.name, r.low), bench.allowed(r.name, r.high)
        if low < high:
            kept[r.name] = (low, high)
    return kept


def combinations(ranked: Sequence[Idea]) -> tuple[tuple[int, ...], ...]:
    """The best pairs of near misses."""
    return tuple(idea.pair for idea in ranked if idea.pair)[:COMBINATIONS]
