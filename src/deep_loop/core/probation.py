"""Whether a new strategy helps: it is tried beside the one before it, and judged by what its experiments bring.

A rewrite of the strategy is an experiment of the outer tier. Results along a study decline by themselves, so a strategy
cannot be judged by the cohort before it: while it is on probation, every proposal is assigned at random to the new
strategy or to its control, to the new one with the probability that it is the better by what is known so far
(Thompson, Biometrika 25 (1933) 285-294), within bounds that keep both alive.

What one experiment brings is its gain over its own base; a loss counts no more than a usual keep brings, since what is
lost is only a turn. The difference of the two means is taken to be normal, with a variance common to both arms and a
normal prior: around zero for an analyst that nobody knows, around the mean of its earlier differences for one that is
known (the normal-normal model with a common mean: Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4).

A strategy that turned out worse is dropped, one that turned out better becomes the control of the next. While nothing
can be told it stays on probation, with later strategies as its heirs: they are held against the same control together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean
from typing import Literal

from deep_loop.core.cohort import Revision

FLOOR = 0.2  # of proposals, that each of the two gets
SURE = 0.9  # probability from which a strategy is called better, or worse, when it is looked at for the first time
WIDTH = 1.0  # of the prior, in usual keeps
DOUBT = 4.0  # experiments that the guess of that standard deviation is worth

Call = Literal["better", "worse", "undetermined"]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Strategies on probation together, each written after the one before, and the one that they are held against."""

    control: int  # version
    heirs: tuple[int, ...]  # versions, oldest first
    analyst: str  # of the latest
    asked: int  # proposals that were asked for before the first of them was there
    until: int | None = None  # proposals that were asked for before it was over; None: it goes on


@dataclass(frozen=True, slots=True)
class Turn:
    """One experiment, as a probation counts it."""

    ask: int
    revision: int  # the strategy that its proposer followed
    gain: float | None  # relative to its base; None where it crashed


@dataclass(frozen=True, slots=True)
class Difference:
    """Of gain per experiment, relative."""

    mean: float
    error: float  # standard deviation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a lineage."""

    lineage: Lineage
    new: int  # experiments that followed it
    held: int  # experiments that followed the control
    effect: float  # posterior mean of gain per experiment, the lineage's less the control's; relative
    error: float  # its standard deviation
    better: float  # probability that the effect is positive

    @property
    def call(self) -> Call:
        """Better or worse, where that is sure enough: the surer, the more often it was looked at.

        Each heir was written at a look that told nothing. What is allowed to be wrong is divided by their number, so
        that a strategy that changes nothing is not called something in the end because it was looked at for so long.
        """
        wrong = (1 - SURE) / len(self.lineage.heirs)
        if self.better >= 1 - wrong:
            return "better"
        return "worse" if self.better <= wrong else "undetermined"

    @property
    def share(self) -> float:
        """Of proposals that should follow the latest heir."""
        return min(max(self.better, FLOOR), 1 - FLOOR)

    @property
    def words(self) -> str:
        """For process_log.md."""
        latest, control = self.lineage.heirs[-1], self.lineage.control
        low, high = self.effect - 1.645 * self.error, self.effect + 1.645 * self.error
        since = f"v{self.lineage.heirs[0]} to v{latest}" if len(self.lineage.heirs) > 1 else f"v{latest}"
        beside = f"{self.new} experiments under {since}, {self.held} under v{control} beside them"
        interval = f"90 %: {100 * low:+.2g} to {100 * high:+.2g} %"
        return (
            f"{self.call}: {beside}; gain per experiment {100 * self.effect:+.2g} % against it ({interval}), "
            f"better with a probability of {self.better:.2f}"
        )


def lineages(revisions: Sequence[Revision]) -> Sequence[Lineage]:
    """All that ever were on probation, oldest first; at most the last of them goes on."""
    found: list[Lineage] = []
    for revision in revisions:
        latest = found[-1] if found and found[-1].until is None else None
        if latest is not None and latest.control == revision.control:
            found[-1] = replace(latest, heirs=(*latest.heirs, revision.version), analyst=revision.analyst)
            continue
        if latest is not None:
            found[-1] = replace(latest, until=revision.asked)
        if revision.control is not None:
            found.append(Lineage(revision.control, (revision.version,), revision.analyst, revision.asked))
    return found


def lineage(revisions: Sequence[Revision]) -> Lineage | None:
    """The strategies on probation now; None where there are none, as after a person's edit or a revert."""
    latest = next(reversed(lineages(revisions)), None)
    return latest if latest is not None and latest.until is None else None


def judge(lineage: Lineage, turns: Sequence[Turn], usual: float, record: Sequence[Difference] = ()) -> Verdict:
    """What the experiments since the probation began say. `usual` is the relative gain of a usual keep, above zero.

    `record` are the differences that earlier lineages of the same analyst came to.
    """
    prior = _prior(record, usual)
    found = difference(lineage, turns, usual)
    weights = [1 / each.error**2 for each in (prior, found) if each is not None]
    effect = sum(w * each.mean for w, each in zip(weights, (prior, found), strict=False) if each) / sum(weights)
    error = sum(weights) ** -0.5
    new, held = _arms(lineage, turns, usual)
    return Verdict(lineage, len(new), len(held), effect, error, NormalDist().cdf(effect / error))


def difference(lineage: Lineage, turns: Sequence[Turn], usual: float) -> Difference | None:
    """Mean gain of the lineage's experiments less that of the control's; None where either has none."""
    new, held = _arms(lineage, turns, usual)
    if not new or not held:
        return None
    squares = sum((gain - fmean(arm)) ** 2 for arm in (new, held) for gain in arm)
    variance = (squares + DOUBT * usual**2) / (len(new) + len(held) - 2 + DOUBT)
    return Difference(fmean(new) - fmean(held), math.sqrt(variance * (1 / len(new) + 1 / len(held))))


def _arms(lineage: Lineage, turns: Sequence[Turn], usual: float) -> tuple[list[float], list[float]]:
    """What the experiments of both arms brought, since the probation began."""
    arms: dict[bool, list[float]] = {True: [], False: []}
    for turn in turns:
        new = turn.revision in lineage.heirs
        meanwhile = lineage.asked < turn.ask <= (math.inf if lineage.until is None else lineage.until)
        if meanwhile and (new or turn.revision == lineage.control):
            arms[new].append(-usual if turn.gain is None else max(turn.gain, -usual))
    return arms[True], arms[False]


def _prior(record: Sequence[Difference], usual: float) -> Difference:
    """What to expect of a lineage: nothing in particular, or what its analyst's earlier ones were worth on average."""
    # Half of the variance is how strategies of one analyst differ, half is how analysts do: a record narrows that.
    half = (WIDTH * usual) ** 2 / 2
    weights = [1 / (each.error**2 + half) for each in record]
    known = sum(weights) + 1 / half
    mean = sum(weight * each.mean for weight, each in zip(weights, record, strict=True)) / known
    return Difference(mean, math.sqrt(half + 1 / known))
