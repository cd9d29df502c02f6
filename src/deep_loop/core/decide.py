"""What the evidence about one experiment asks for.

The rule is pure: the same evidence always gets the same answer. This first rule keeps a change
that beats the incumbent by more than `min_gain` twice: once when it is tried, and once more on a
fresh seed. One confirmation does not control false keeps over a whole study; the shape
(evidence in, Keep, Discard, Crash or Measure out) is made for rules that do.
"""

from __future__ import annotations

from dataclasses import dataclass

from deep_loop.core.experiment import (
    Breached,
    Crash,
    Crashed,
    Decision,
    Discard,
    Disturbed,
    Interrupted,
    Keep,
    Measure,
    Measured,
    Outcome,
    Pruned,
    TimedOut,
)
from deep_loop.core.metric import Metric

RUNS = 2  # good runs before a keep: the first, and one confirmation


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one candidate, and of what it must beat."""

    metric: Metric
    min_gain: float  # in the metric's unit; a smaller gain is none
    candidate: tuple[Outcome, ...]  # finished runs of the last attempt, oldest first
    incumbent: tuple[float, ...]  # its good runs; empty where the candidate is a baseline


def decide(evidence: Evidence) -> Decision:
    """Keep, discard, call it a crash, or ask for one more run.

    A baseline (nothing to beat) is kept after `RUNS` good runs, so that the noise has a first
    estimate. Any run that crashes, times out or is pruned closes the experiment.
    """
    metric = evidence.metric
    found: list[float] = []
    for outcome in evidence.candidate:
        match outcome:
            case Measured(value=value):
                found.append(value)
            case Crashed(reason=reason):
                return Crash(reason)
            case TimedOut(limit_seconds=limit):
                return Crash(f"timed out after {limit:g} s")
            case Pruned(reason=reason):
                return Discard(reason)
            case Breached(reason=reason):
                return Crash(f"breach: {reason}")
            case Interrupted() | Disturbed():
                continue
    if not found:
        return Measure("candidate", "not measured yet")
    if not evidence.incumbent:
        if len(found) < RUNS:
            return Measure("candidate", "a baseline is measured twice, to see the noise")
        return Keep(f"baseline {metric.name} {_mean(found):.6f}", gain=0.0)
    reference = _mean(evidence.incumbent)
    gains = [metric.gain(value, reference) for value in found]
    for place, gain in enumerate(gains):
        if gain <= evidence.min_gain:
            again = " when measured again" if place else ""
            return Discard(f"{_signed(gain, reference)} against the incumbent{again}")
    if len(gains) < RUNS:
        return Measure("candidate", f"{_signed(gains[0], reference)}: to be confirmed on a fresh seed")
    return Keep(f"{_signed(_mean(gains), reference)}, confirmed on {len(gains)} seeds", gain=_mean(gains))


def _mean(numbers: tuple[float, ...] | list[float]) -> float:
    return sum(numbers) / len(numbers)


def _signed(gain: float, reference: float) -> str:
    """A gain in words: `better by 0.0123 (0.41 %)`."""
    share = f" ({abs(gain / reference):.2%})".replace("%", " %") if reference else ""
    return f"{'better' if gain > 0 else 'worse'} by {abs(gain):.6f}{share}"
