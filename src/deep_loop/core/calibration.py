"""How good predicted probabilities were, held against the base rate.

The scores are proper, so that nobody does better than by saying what they believe: log-loss (Good, Rational decisions,
JRSS B 14 (1952) 107-114) and Brier's (Monthly Weather Review 78 (1950) 1-3), the latter taken apart into reliability,
resolution and uncertainty (Murphy, A new vector partition of the probability score, Journal of Applied Meteorology 12
(1973) 595-600), of forecasts in bins (Stephenson, Coelho and Jolliffe, Weather and Forecasting 23 (2008) 752-757).

The base rate is what was known when the prediction was made: with a rate from hindsight nobody who predicts early could
compete. Whether an author beats it is told from the differences of the log-losses, prediction by prediction (Diebold
and Mariano, Journal of Business & Economic Statistics 13 (1995) 253-263), by Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from deep_loop.core.experiment import Experiment, is_baseline, is_keep
from deep_loop.core.fate import Fate

LEVEL = 0.95  # of the interval of the lead
ENOUGH = 8  # predictions before anybody is called better or worse
BINS = 5  # of equal width
CERTAIN = 0.01  # a probability nearer to 0 or 1 counts as this far from it: one mistake must not be infinitely bad
# The base rate before a study has any experiments, and how many of its own weigh as much: one in five is kept in public
# logs of such studies.
USUAL, WEIGHT = 0.2, 10


@dataclass(frozen=True, slots=True)
class Forecast:
    """One predicted probability, and what came of it."""

    author: str
    probability: float
    base: float  # the keep rate that was known when it was made
    came: bool  # whether it was kept


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about the same probability."""

    count: int
    said: float  # mean probability
    came: float  # share that came true


@dataclass(frozen=True, slots=True)
class Score:
    """How good one author's predictions were. Losses: lower is better."""

    author: str
    count: int
    log_loss: float  # mean, in nats
    base_log_loss: float  # of the base rate
    brier: float  # mean squared error
    base_brier: float
    reliability: float  # how far bins lie from what came true; 0 is perfect
    resolution: float  # how far what came true in a bin lies from the overall share; large is good
    uncertainty: float  # variance of what came true: whoever always says the overall share scores this
    lead: float  # nats a prediction by which it beats the base rate
    low: float  # of the lead's interval; infinite where it cannot be told
    high: float
    bins: tuple[Bin, ...]  # lowest probability first

    @property
    def call(self) -> Literal["better", "worse", "undetermined"]:
        """Than the base rate, where that is clear."""
        if self.count < ENOUGH:
            return "undetermined"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "undetermined"

    @property
    def losses(self) -> str:
        """`12 scored: log-loss 0.48, Brier 0.15 (reliability 0.02, resolution 0.03)`."""
        return (
            f"{self.count} scored: log-loss {self.log_loss:.2f}, Brier {self.brier:.2f} "
            f"(reliability {self.reliability:.2f}, resolution {self.resolution:.2f})"
        )

    @property
    def skill(self) -> str:
        """`worse than the base rate by 0.21 nats each (95 %: 0.05 to 0.37)`."""
        size, low, high = self.lead, self.low, self.high
        if self.call == "worse":
            size, low, high = -size, -high, -low
        span = f" (95 %: {low:+.2f} to {high:+.2f})" if math.isfinite(low) else ""
        if self.call == "undetermined":
            return f"no better and no worse than the base rate, as far as can be told: {size:+.2f} nats each{span}"
        return f"{self.call} than the base rate by {abs(size):.2f} nats each{span}"


def forecasts(fates: Iterable[Fate], closed: Sequence[Experiment]) -> tuple[Forecast, ...]:
    """The predictions that can be scored: hypotheses whose move was made, and experiments that state a probability.

    `closed` are in the order of closing. A hypothesis that expired says nothing.
    """
    rates = _rates(closed)
    found = [
        Forecast(fate.offer.author, fate.offer.hypothesis.probability, rates[fate.offer.seen], fate.kept)
        for fate in fates
        if fate.kept is not None and fate.offer.hypothesis.probability is not None and fate.offer.seen < len(rates)
    ]
    stated = [
        Forecast(e.proposal.proposer, e.proposal.idea.probability, rates[min(e.ask.seen, len(closed))], is_keep(e))
        for e in closed
        if e.proposal.idea.probability is not None and not is_baseline(e)
    ]
    return (*found, *stated)


def scores(given: Iterable[Forecast]) -> tuple[Score, ...]:
    """One score for each author, by name."""
    groups: dict[str, list[Forecast]] = {}
    for forecast in given:
        groups.setdefault(forecast.author, []).append(forecast)
    return tuple(score(author, groups[author]) for author in sorted(groups))


def score(author: str, given: Sequence[Forecast]) -> Score:
    """The score of these forecasts, of which there is at least one."""
    count = len(given)
    bins = _bins(given)
    share = fmean(one.came for one in given)
    leads = [_log_loss(one.base, one.came) - _log_loss(one.probability, one.came) for one in given]
    lead, half = fmean(leads), _half(leads)
    return Score(
        author=author,
        count=count,
        log_loss=fmean(_log_loss(one.probability, one.came) for one in given),
        base_log_loss=fmean(_log_loss(one.base, one.came) for one in given),
        brier=fmean((one.probability - one.came) ** 2 for one in given),
        base_brier=fmean((one.base - one.came) ** 2 for one in given),
        reliability=math.fsum(each.count * (each.said - each.came) ** 2 for each in bins) / count,
        resolution=math.fsum(each.count * (each.came - share) ** 2 for each in bins) / count,
        uncertainty=share * (1 - share),
        lead=lead,
        low=lead - half,
        high=lead + half,
        bins=bins,
    )


def _rates(closed: Sequence[Experiment]) -> list[float]:
    """The keep rate when 0, 1, 2, … experiments were closed."""
    kept = tried = 0
    rates = [USUAL]
    for experiment in closed:
        tried += not is_baseline(experiment)
        kept += is_keep(experiment) and not is_baseline(experiment)
        rates.append((kept + USUAL * WEIGHT) / (tried + WEIGHT))
    return rates


def _log_loss(probability: float, came: bool) -> float:
    bounded = min(max(probability, CERTAIN), 1 - CERTAIN)
    return -math.log(bounded if came else 1 - bounded)


def _bins(given: Sequence[Forecast]) -> tuple[Bin, ...]:
    groups: dict[int, list[Forecast]] = {}
    for one in given:
        groups.setdefault(min(int(one.probability * BINS), BINS - 1), []).append(one)
    return tuple(
        Bin(len(those), fmean(one.probability for one in those), fmean(one.came for one in those))
        for _, those in sorted(groups.items())
    )


def _half(leads: Sequence[float]) -> float:
    """Half the width of the mean's interval."""
    from scipy.special import stdtrit  # imported here: it takes longer than the rest of a command

    if len(leads) < 2:
        return math.inf
    return float(stdtrit(len(leads) - 1, 0.5 + LEVEL / 2)) * stdev(leads) / math.sqrt(len(leads))
