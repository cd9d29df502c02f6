"""How good predictions are: log-loss, order within a block, lift, and intervals over repositories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from benchmarks.backtest.logistic import Vector

QUARTER = 0.25
REPEATS = 4000
LEVEL = 95  # per cent, of an interval
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Predicted:
    """One block's predictions beside what came of them."""

    repository: str
    kept: Vector  # 0 and 1
    chance: Vector


@dataclass(frozen=True, slots=True)
class Score:
    """Of all blocks together."""

    log_loss: float  # nats, mean over experiments
    auc: float  # over all experiments
    within: float  # mean AUC of the blocks that have both kept and others
    lift: float  # keep rate of each block's top quarter over the block's own


def score(predicted: Sequence[Predicted]) -> Score:
    """All four; ties count half."""
    kept = np.concatenate([one.kept for one in predicted])
    chance = np.concatenate([one.chance for one in predicted])
    return Score(
        float(losses(kept, chance).mean()),
        auc(kept, chance),
        _ratio(within_shares(predicted)),
        _ratio(lift_shares(predicted)),
    )


def _ratio(shares: Sequence[tuple[float, float]]) -> float:
    """Of the sums above and below the line; not a number where there is nothing below."""
    below = sum(share for _, share in shares)
    return sum(share for share, _ in shares) / below if below else float("nan")


def losses(kept: Vector, chance: Vector) -> Vector:
    """Of each experiment, in nats."""
    bounded = np.clip(chance, LEAST, 1 - LEAST)
    return np.asarray(-np.log(np.where(kept > 0, bounded, 1 - bounded)))


def auc(kept: Vector, chance: Vector) -> float:
    """The chance that a kept one is ranked above another; by ranks (Hanley and McNeil, Radiology 143 (1982) 29-36)."""
    wins = float(kept.sum())
    rest = len(kept) - wins
    if not wins or not rest:
        return float("nan")
    return float((rankdata(chance)[kept > 0].sum() - wins * (wins + 1) / 2) / (wins * rest))


def within(one: Predicted) -> float | None:
    """The AUC of a block; None where all or none were kept."""
    found = auc(one.kept, one.chance)
    return None if np.isnan(found) else found


def top(one: Predicted) -> tuple[float, float]:
    """Keeps among a block's top quarter, and how many a random quarter would have; ties share what is left."""
    size = max(1, round(QUARTER * len(one.kept)))
    bound = np.sort(one.chance)[-size]
    above, tied = one.chance > bound, one.chance == bound
    wins = one.kept[above].sum() + (size - above.sum()) * one.kept[tied].mean()
    return float(wins), float(size * one.kept.mean())


def interval(repositories: Sequence[str], shares: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The 95 % interval of a ratio of sums, by drawing repositories with replacement.

    `shares` has what each block adds above and below the line. Efron, Bootstrap methods, Annals of Statistics 7 (1979)
    1-26; repositories are drawn whole, since logs of one are alike.
    """
    names = sorted(set(repositories))
    place = [names.index(name) for name in repositories]
    sums = np.zeros((len(names), 2))
    np.add.at(sums, place, np.array(shares, float))
    drawn = sums[np.random.default_rng(1).integers(0, len(names), (REPEATS, len(names)))].sum(axis=1)
    ratios = drawn[:, 0][drawn[:, 1] > 0] / drawn[:, 1][drawn[:, 1] > 0]
    low, high = np.percentile(ratios, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def loss_shares(ours: Sequence[Predicted], other: Sequence[Predicted]) -> list[tuple[float, float]]:
    """What each block adds to the difference of log-losses."""
    return [
        (float((losses(a.kept, a.chance) - losses(b.kept, b.chance)).sum()), float(len(a.kept)))
        for a, b in zip(ours, other, strict=True)
    ]


def within_shares(ours: Sequence[Predicted]) -> list[tuple[float, float]]:
    """What each block adds to the mean AUC within a block."""
    inside = [within(one) for one in ours]
    return [(0.0, 0.0) if value is None else (value, 1.0) for value in inside]


def lift_shares(ours: Sequence[Predicted]) -> list[tuple[float, float]]:
    """What each block adds to the lift."""
    return [top(one) for one in ours]
