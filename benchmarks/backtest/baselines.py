"""The predictors of the table that the back-test is held against, on the same blocks.

Each is given the blocks that it may learn from (those of other repositories) and those that it predicts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchmarks.backtest.blocks import Block
from benchmarks.backtest.logistic import Vector, expit, fit
from deep_loop.core.prospect import log_odds

RECENT = 10  # experiments
RIDGE = 1.0  # on coefficients of the state
TEXT_RIDGE = 100.0  # on those of words; the best of 10, 30, 100 and 300 in hindsight
SEEN = 10  # descriptions that a word must stand in


def base_rate(known: Sequence[Block], asked: Sequence[Block]) -> list[Vector]:
    """The rate of keeps in the blocks that are known."""
    rate = float(_kept(known).mean())
    return [np.full(len(block.ahead), rate) for block in asked]


def running_rate(known: Sequence[Block], asked: Sequence[Block]) -> list[Vector]:
    """The rate of keeps in the log so far, half a keep and half a discard added."""
    return [np.full(len(block.ahead), _rate([tried.kept for tried in block.past])) for block in asked]


def state(known: Sequence[Block], asked: Sequence[Block]) -> list[Vector]:
    """Logistic regression on the rate so far, the recent rate, the experiments since the last keep, and k."""
    return _regressed(known, asked, [_state(block) for block in known], [_state(block) for block in asked], RIDGE)


def text(known: Sequence[Block], asked: Sequence[Block]) -> list[Vector]:
    """The same with a coefficient for each word of the descriptions."""
    count = Counter(word for block in known for row in block.ahead for word in row.tried.prospect.words)
    vocabulary = sorted(word for word, seen in count.items() if seen >= SEEN)

    def inputs(block: Block) -> Vector:
        words = [[word in row.tried.prospect.words for word in vocabulary] for row in block.ahead]
        return np.hstack([_state(block), np.array(words, float)])

    return _regressed(known, asked, [inputs(block) for block in known], [inputs(block) for block in asked], TEXT_RIDGE)


def _regressed(
    known: Sequence[Block], asked: Sequence[Block], learnt: Sequence[Vector], given: Sequence[Vector], ridge: float
) -> list[Vector]:
    x = np.concatenate(learnt)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    penalty = np.r_[0.0, np.full(x.shape[1], ridge)]
    found = fit(_with_one((x - mean) / scale), _kept(known), penalty)
    return [expit(_with_one((inputs - mean) / scale) @ found) for inputs in given]


def _with_one(x: Vector) -> Vector:
    return np.hstack([np.ones((len(x), 1)), x])


def _state(block: Block) -> Vector:
    """A row for each experiment ahead, all alike."""
    kept = [tried.kept for tried in block.past]
    since = next((place for place, was_kept in enumerate(reversed(kept)) if was_kept), len(kept))
    row = [log_odds(_rate(kept)), log_odds(_rate(kept[-RECENT:])), math.log1p(since), math.log(block.seen)]
    return np.tile(np.array(row), (len(block.ahead), 1))


def _rate(kept: Sequence[bool]) -> float:
    return (sum(kept) + 0.5) / (len(kept) + 1)


def _kept(blocks: Sequence[Block]) -> Vector:
    return np.concatenate([np.array(block.kept, float) for block in blocks])
