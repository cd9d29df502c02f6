"""What the evidence about one experiment asks for.

The rule is pure: the same evidence always gets the same answer. It goes in stages.

1. *Screen.* The first run is compared with the incumbent, whose luck is judged by the other candidates' first runs
   as well (`core.noise.beside`). A gain of less than `SCREEN` standard errors is discarded. What passes was chosen for
   being good, so this run counts no further.
2. *Test.* The change runs on fresh seeds, one run at a time, and the incumbent too where that makes the comparison
   the more certain. The seeds are those of the incumbent's own runs, so that what a seed brings to both is not taken
   for a gain (`core.noise`). After each run the evidence is the likelihood ratio of Student's t for a gain of
   `EFFECT` sigma, of what seeds do not have in common, against no gain: Hajnal's sequential t-test (1961, Biometrika
   48, 65-75; Schnuerch and Erdfelder 2020, Psychological Methods 25, 206-226). It is kept once the ratio reaches 1 /
   level, and discarded once it falls below `FUTILE`. Under no gain the ratio is a martingale of mean 1, as that of a
   maximal invariant, so that by Ville's inequality it ever reaches 1 / level with a probability of at most `level`,
   however often one looks (Perez-Ortiz, Lardy, de Heide and Grunwald 2024, Annals of Statistics 52, 1410-1432).
   `core.allowance` makes the levels of a study add up.
3. *Audit.* A gain beyond the plausible is held until two more runs, with clean caches, show at least half of it.

Assumed: normal noise, of about the same sigma for candidate and incumbent; a level that drifts slowly (`core.noise`);
a first run that says nothing of later ones but through the value itself. How far that may be wrong is measured by
`benchmarks/null_study`, with heavy tails, unequal sigma and drift.

A change that makes the code clearly simpler may also be kept for that. It is tested in the same way for being not
worse, by as much as `margin` sigma, than the best incumbent that is no simplification itself, so that small losses
cannot add up. The level of this test is `NOT_WORSE`, outside of the study's allowance: it claims no gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    Target,
    TimedOut,
)
from deep_loop.core.metric import Metric
from deep_loop.core.noise import NONE, Group, Noise, Series, beside, difference, estimate
from deep_loop.core.rules import Rules

SCREEN = 1.2  # standard errors that a first run must gain
EFFECT = 1.75  # the gain that the test looks for, in sigma of what seeds do not have in common
NOT_WORSE = 0.1  # level of the test of simpler code
FUTILE = 0.4  # likelihood ratio below which a test ends
SUSPICIOUS = 10.0  # times the usual gain, beyond which one is hard to believe
AUDITS = 2  # runs with clean caches for a gain that is hard to believe


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one candidate, and of what it must beat."""

    metric: Metric
    rules: Rules
    outcomes: tuple[Outcome, ...]  # finished runs of the last attempt, oldest first
    first: Series = NONE  # the run that it was chosen by
    fresh: Series = NONE
    audits: tuple[float, ...] = ()
    reference: Series | None = None  # the incumbent's runs since it was kept; None where there is nothing to beat
    failed: int = 0  # runs of the incumbent since it was kept that brought no value
    beside: Group = ()  # runs of other candidates that were held against this incumbent
    repeated: tuple[Group, ...] = ()  # of all that came before, for the noise
    level: float = 1.0  # probability of a false keep that its test may spend
    simpler: bool = False  # whether its code is clearly simpler than the incumbent's
    anchor: Series | None = None  # of the best incumbent that is no simplification, where the incumbent is one
    usual: float | None = None  # the median gain of the keeps so far


def decide(evidence: Evidence) -> Decision:
    """Keep, discard, call it a crash, or ask for one more run.

    A baseline (nothing to beat) is kept after `baseline_runs` good runs, or two that are equal to the last digit.
    Any run that crashes, times out or is pruned closes the experiment.
    """
    if (failure := _failure(evidence)) is not None:
        return failure
    if not evidence.first:
        return Measure("candidate", "first run")
    if evidence.reference is None:
        return _baseline(evidence)
    if (missing := _unknown_incumbent(evidence)) is not None:
        return missing
    noise = estimate(_groups(evidence))
    if noise is None:
        return Measure("incumbent", "the noise is not known yet")
    if noise.sigma == 0:
        return _exact(evidence)
    return _noisy(evidence, noise)


def likelihood_ratio(t: float, freedom: int, effect: float) -> float:
    """How much more likely Student's t is under a noncentrality of `effect` than under none.

    The ratio of the noncentral to the central t density in confluent hypergeometric functions (Johnson, Kotz and
    Balakrishnan 1995, Continuous Univariate Distributions 2, 2nd ed., section 31.4).
    """
    from scipy.special import gammaln, hyp1f1  # imported here: it takes longer than the rest of a command

    x = effect * t / math.sqrt(freedom + t * t)
    ratio = math.exp(gammaln((freedom + 2) / 2) - gammaln((freedom + 1) / 2))
    even = float(hyp1f1((freedom + 1) / 2, 0.5, x * x / 2))
    odd = math.sqrt(2) * x * ratio * float(hyp1f1((freedom + 2) / 2, 1.5, x * x / 2))
    # For a t far below zero the two nearly cancel: what is left is small, and rounding must not make it negative.
    return max(math.exp(-effect * effect / 2) * (even + odd), 0.0)


# --- what goes before a comparison ---------------------------------------------------------------


def _failure(evidence: Evidence) -> Decision | None:
    """What a run that failed makes of the experiment."""
    for outcome in evidence.outcomes:
        match outcome:
            case Crashed(reason=reason):
                return Crash(reason)
            case Breached(reason=reason):
                return Crash(f"breach: {reason}")
            case TimedOut(limit_seconds=limit):
                return Crash(f"timed out after {limit:g} s")
            case Pruned(reason=reason):
                return Discard(reason)
            case Measured() | Interrupted() | Disturbed():
                continue
    return None


def _baseline(evidence: Evidence) -> Decision:
    """Repeat the code as it stands, until the noise can be told."""
    found = (*evidence.first.values, *evidence.fresh.values)
    exact = len(found) > 1 and len(set(found)) == 1
    if len(found) < evidence.rules.baseline_runs and not exact:
        return Measure("candidate", "the baseline is repeated, to see the noise")
    mean = math.fsum(found) / len(found)
    return Keep(f"baseline {evidence.metric.name} {mean:.6f}" + (", repeats exactly" if exact else ""), gain=0.0)


def _unknown_incumbent(evidence: Evidence) -> Decision | None:
    """What to do where the incumbent has no value here yet: it was kept just now, or on another machine."""
    if evidence.reference:
        return None
    if evidence.failed >= evidence.rules.reference_runs:
        return Discard("the incumbent does not run any more: there is nothing to compare with")
    return Measure("incumbent", "the incumbent has no run since it was kept")


def _groups(evidence: Evidence) -> tuple[Group, ...]:
    assert evidence.reference is not None
    anchor = ((evidence.anchor,),) if evidence.anchor is not None else ()
    return (*evidence.repeated, *anchor, (evidence.reference, *evidence.beside, evidence.first, evidence.fresh))


# --- a metric that repeats exactly ---------------------------------------------------------------


def _exact(evidence: Evidence) -> Decision:
    """Where nothing has ever varied, one confirmation is enough."""
    assert evidence.reference is not None
    reference = evidence.reference.values[-1]
    gain = evidence.metric.gain(evidence.first.values[0], reference)
    simpler = evidence.simpler and evidence.rules.margin is not None and gain == 0
    if gain <= evidence.rules.min_gain and not simpler:
        return Discard(f"{_signed(gain, reference)} against the incumbent")
    if not evidence.fresh:
        return Measure("candidate", f"{_signed(gain, reference)}: to be confirmed on a fresh seed")
    again = evidence.metric.gain(evidence.fresh.values[-1], reference)
    if simpler:
        return Keep("simpler code, the same metric", again, simplification=True) if again == 0 else _worse(evidence)
    if again <= evidence.rules.min_gain:
        return Discard(f"{_signed(again, reference)} against the incumbent when measured again")
    found = Keep(f"{_signed(again, reference)}, the metric repeats exactly", gain=again)
    return _audited(evidence, found, reference, 0.0)


def _worse(evidence: Evidence) -> Discard:
    assert evidence.reference is not None
    reference = evidence.reference.values[-1]
    return Discard(f"{_signed(evidence.metric.gain(evidence.fresh.values[-1], reference), reference)} when run again")


# --- a metric with noise -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Contest:
    """A gain over something, and how it is to be judged."""

    gain: float  # in the metric's unit
    spare: float  # what the gain is more than what counts as none, in the metric's unit
    error: float  # standard error of it, in the metric's unit
    noise: Noise

    def ratio(self, effect: float) -> float:
        """The likelihood ratio for a gain of `effect`, in the metric's unit, against none."""
        return likelihood_ratio(self.spare / self.error, self.noise.freedom, effect / self.error)


def _contest(evidence: Evidence, one: Series, other: Series, noise: Noise, least: float) -> _Contest:
    """What `one` gains over `other`, of which a gain of `least` or less is none."""
    found = difference(one, other, noise)
    gain = evidence.metric.gain(found.mean, 0.0)
    return _Contest(gain, gain - least, math.sqrt(found.variance) * noise.sigma, noise)


def _noisy(evidence: Evidence, noise: Noise) -> Decision:
    """Screen, test, audit."""
    assert evidence.reference
    margin = evidence.rules.margin if evidence.simpler else None
    if not evidence.fresh:
        return _screened(evidence, noise, margin)
    mean = math.fsum(evidence.reference.values) / len(evidence.reference)
    better = _contest(evidence, evidence.fresh, evidence.reference, noise, evidence.rules.min_gain)
    words = f"{_signed(better.gain, mean)} on {len(evidence.fresh)} fresh seed(s), noise {noise.sigma:.2g}"
    if better.ratio(EFFECT * noise.own) * evidence.level >= 1:
        return _audited(evidence, Keep(words, better.gain), mean, noise.sigma)
    hopeful = better.ratio(EFFECT * noise.own) >= FUTILE
    if margin is not None:
        anchor = evidence.anchor or evidence.reference
        equal = _contest(evidence, evidence.fresh, anchor, noise, -margin * noise.sigma)
        if equal.ratio(margin * noise.sigma) * NOT_WORSE >= 1:
            return Keep(f"simpler code, {words}", better.gain, simplification=True)
        hopeful |= equal.ratio(margin * noise.sigma) >= FUTILE
    if not hopeful or len(evidence.fresh) >= evidence.rules.most_runs:
        return Discard(f"{words}: not sure enough")
    return Measure(_next(evidence, noise, margin), f"{words}: not settled yet")


def _screened(evidence: Evidence, noise: Noise, margin: float | None) -> Decision:
    """Whether the first run is worth a test."""
    assert evidence.reference
    mean = math.fsum(evidence.reference.values) / len(evidence.reference)
    better = _contest(evidence, evidence.first, evidence.reference, noise, evidence.rules.min_gain)
    found = beside(evidence.reference, evidence.beside, evidence.first, noise)
    spare = evidence.metric.gain(found.mean, 0.0) - evidence.rules.min_gain
    promising = spare > SCREEN * math.sqrt(found.variance) * noise.sigma
    words = _signed(better.gain, mean) + (", yet better than its like" if promising and better.spare <= 0 else "")
    if not promising and margin is not None:
        anchor = evidence.anchor or evidence.reference
        promising = _contest(evidence, evidence.first, anchor, noise, -margin / 2 * noise.sigma).spare > 0
    if not promising:
        return Discard(f"{words} against the incumbent" + (", within the noise" if better.gain > 0 else ""))
    if len(evidence.reference) + evidence.failed < evidence.rules.reference_runs:
        return Measure("incumbent", f"experiment is {words}; the incumbent is measured again first")
    return Measure("candidate", f"{words}: to be confirmed on a fresh seed")


def _next(evidence: Evidence, noise: Noise, margin: float | None) -> Target:
    """One more run of whichever makes the comparison the more certain; not of an incumbent that fails too often."""
    if evidence.failed >= evidence.rules.reference_runs:
        return "candidate"
    reference = evidence.reference
    target: Target = "incumbent"
    if margin is not None and evidence.anchor is not None:
        reference, target = evidence.anchor, "anchor"
    assert reference
    had = (*evidence.first.seeds, *evidence.fresh.seeds)
    now = max(evidence.fresh.places[-1], reference.places[-1]) + 1
    own = difference(_longer(evidence.fresh, now, had, reference.seeds), reference, noise)
    other = difference(evidence.fresh, _longer(reference, now, reference.seeds, had), noise)
    return "candidate" if own.variance <= other.variance else target


def _longer(series: Series, place: int, had: Sequence[int], row: Sequence[int]) -> Series:
    """A commit's runs and its next one, on a seed that its rival had before it, or one that neither had."""
    seed = next((seed for seed in row if seed not in had), -1)  # no seed is negative
    return Series((*series.values, 0.0), (*series.places, place), (*series.seeds, seed))


# --- a gain that is hard to believe --------------------------------------------------------------


def _audited(evidence: Evidence, keep: Keep, reference: float, sigma: float) -> Decision:
    """The keep itself, or held until runs with clean caches confirm a gain beyond the plausible.

    Beyond the plausible is a value past the task's own bound, or a gain of more than `SUSPICIOUS` times the usual
    one: the median of the keeps so far, and never less than 3 sigma.
    """
    fresh = evidence.fresh.values
    bound = evidence.rules.bound
    past = bound is not None and any(evidence.metric.gain(value, bound) > 0 for value in fresh)
    usual = max(evidence.usual or 0.0, 3 * sigma)
    if not past and (usual == 0 or keep.gain <= SUSPICIOUS * usual):
        return keep
    why = "past the task's bound" if past else f"{keep.gain / usual:.0f} times the usual gain"
    if len(evidence.audits) < AUDITS:
        return Measure("audit", f"{why}: held until confirmed with clean caches")
    found = [evidence.metric.gain(value, reference) for value in evidence.audits]
    if min(found) < keep.gain / 2:
        return Discard(f"{why}, and not confirmed with clean caches: {_signed(min(found), reference)}")
    return replace(keep, reason=f"{keep.reason}; {why}, confirmed with clean caches", suspicious=True)


def _signed(gain: float, reference: float) -> str:
    """A gain in words: `better by 0.0123 (0.41 %)`."""
    share = f" ({abs(gain / reference):.2%})".replace("%", " %") if reference else ""
    return f"{'better' if gain > 0 else 'worse'} by {abs(gain):.6f}{share}"
