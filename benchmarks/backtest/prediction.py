"""Who will be kept: all predictors on all blocks, each block by what other repositories teach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.backtest import baselines
from benchmarks.backtest.blocks import Block
from benchmarks.backtest.fitting import Case, case, fitted
from benchmarks.backtest.logistic import Vector
from benchmarks.backtest.scores import Predicted
from deep_loop.core.prospect import FIELD, Field, chances

OURS = "deep-loop, fitted without the repository"
RATE = "deep-loop, its rate alone"
SHIPPED = "deep-loop as shipped (fitted to these logs if they are the public ones)"
Baseline = Callable[[Sequence[Block], Sequence[Block]], list[Vector]]
BASELINES: Mapping[str, Baseline] = {
    "base rate": baselines.base_rate,
    "running rate": baselines.running_rate,
    "logistic regression on the state": baselines.state,
    "logistic regression on state and text": baselines.text,
}


def predictions(blocks: Sequence[Block]) -> dict[str, list[Predicted]]:
    """Name of a predictor -> what it says of each block, in their order; fitted without the block's repository."""
    cases = [case(block) for block in blocks]
    found: dict[str, dict[int, Vector]] = {name: {} for name in (*BASELINES, RATE, OURS, SHIPPED)}
    for repository in sorted({block.log.repository for block in blocks}):
        asked = [place for place, block in enumerate(blocks) if block.log.repository == repository]
        known = [place for place, block in enumerate(blocks) if block.log.repository != repository]
        if not known:
            raise ValueError("logs of at least two repositories are needed")
        for name, chance in _one(blocks, cases, known, asked):
            found[name].update(zip(asked, chance, strict=True))
    return {
        name: [
            Predicted(block.log.repository, np.array(block.kept, float), by_place[place])
            for place, block in enumerate(blocks)
        ]
        for name, by_place in found.items()
    }


def _one(
    blocks: Sequence[Block], cases: Sequence[Case], known: Sequence[int], asked: Sequence[int]
) -> Iterator[tuple[str, list[Vector]]]:
    """What each predictor says of the blocks of one repository."""
    others, its = [blocks[place] for place in known], [blocks[place] for place in asked]
    for name, predictor in BASELINES.items():
        yield name, predictor(others, its)
    field = fitted([cases[place] for place in known])
    bare = Field(field.rate, field.strength, field.half_life, (0.0, 0.0, 0.0, 0.0))
    for name, numbers in ((RATE, bare), (OURS, field), (SHIPPED, FIELD)):
        yield name, [_chances(block, numbers) for block in its]


def _chances(block: Block, field: Field) -> Vector:
    return np.array(chances(block.past, [row.tried.prospect for row in block.ahead], field))
