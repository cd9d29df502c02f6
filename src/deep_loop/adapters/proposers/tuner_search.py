"""One move away from the incumbent: which knobs, and to what.

Few knobs move at a time, because most joint jumps in many dimensions lose whatever they contain. For each dimension
of a pool, and for some pairs, TPE draws candidates inside a trust region around the incumbent; the additive model's
posterior draw picks one; all other constants of which the model expects a gain ride along, so that gains too small to
be told from noise add up to one that is not. The strategy's weights say which kinds of knobs get into the pool, its
ranges narrow the regions.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner_model import Estimate, Model, Point, place
from deep_loop.adapters.proposers.tuner_space import Axis, Dimension, Options, bare, sources, space
from deep_loop.adapters.proposers.tuner_tpe import TOLERANCE, draw
from deep_loop.adapters.proposers.tuner_trials import Memory
from deep_loop.core.seed import derive
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import NEURAL, Taxonomy

SHARE = 1 / 3  # of the dimensions are in a pool
SMALLEST = 4  # dimensions in a pool, where there are as many
DRAWS = 6  # candidates of each subset
PAIRS = 3  # of the pool's dimensions are drawn together,
KNOWN = 2  # once this many trials have moved each: two steps into the dark hide each other's effect
RIDE = 0.5  # standard deviations above zero that a rider's expected gain must lie
FINE = 9  # places in the trust region where a rider may stand
ROUNDS = (1.0, 4.0)  # radii of the trust region; the second round is for when all in the first was tried
GRID = 33  # values of a continuous dimension that the last resort looks at


@dataclass(frozen=True, slots=True)
class Move:
    """New source text for some knobs, by key, and what the model makes of it."""

    sources: Mapping[str, str]  # the leading ones first
    point: Point  # the coordinates that it moves to, by dimension
    estimate: Estimate
    riders: tuple[str, ...] = ()  # dimensions that ride along
    before: int = 0  # earlier trials that moved the leading dimensions


class Search:
    """The space, the model and the trust region of one proposal. Everything random comes from `seed`."""

    def __init__(self, memory: Memory, strategy: Strategy, seed: int, taxonomy: Taxonomy = NEURAL) -> None:
        self.memory, self.strategy, self.seed, self.taxonomy = memory, strategy, seed, taxonomy
        self.dimensions = space(memory.anchors, memory.incumbent.knobs)
        self.model = Model(self.dimensions, memory, derive(seed, "model"))

    def move(self) -> Move | None:
        """The move to propose; None where every setting in the space has been tried."""
        for number, radii in enumerate(ROUNDS):
            if moves := [*self._candidates(number, radii)]:
                best = max(moves, key=lambda move: self.model.sampled(move.point))
                return self._with_riders(best)
        return self._untried()

    def at(self, point: Point) -> Move | None:
        """The move to a point, spelled out; None where it moves nothing, or was tried before."""
        away = {name: at for name, at in point.items() if at != self.model.centre.get(name)}
        return self.to(sources(away, self.dimensions, self.memory.incumbent.knobs))

    def to(self, texts: Mapping[str, str]) -> Move | None:
        """The move that sets these knobs, by key; None where it moves nothing, or was tried before."""
        incumbent = self.memory.incumbent
        there = incumbent.changed({key: knobs.evaluate(text) for key, text in texts.items()})
        if there.identity() in self.memory.tried:
            return None
        # What is spelled is rounded: the model has to judge what will run.
        coordinates = place(there, self.dimensions)
        reached = {name: at for name, at in coordinates.items() if at != self.model.centre.get(name)}
        moved = {key: text for key, text in texts.items() if key in there.moved_from(incumbent)}
        return Move(moved, reached, self.model.estimate(reached), before=self._moved(reached.keys()))

    def inside(self, name: str, low: float, high: float) -> Move | None:
        """A move of one number into a range of values, drawn like any other; None where there is no such move.

        The range may lie outside the space, and may be a single value.
        """
        axis = next((found for found in self.dimensions if found.name == name and isinstance(found, Axis)), None)
        region = axis.stretched(low, high) if axis else None
        if region is None:
            return None
        points = draw([region], self.model, self.memory.trials, DRAWS, derive(self.seed, "inside", name))
        moves = [move for point in points if (move := self.at(point))]
        return max(moves, key=lambda move: self.model.sampled(move.point), default=None)

    def _candidates(self, number: int, radii: float) -> Iterator[Move]:
        """Untried moves of the pool's dimensions, one or two at a time, inside the trust region."""
        pool = self._pool(random.Random(derive(self.seed, "pool", number)))
        known = [dimension for dimension in pool if self._moved([dimension.name]) >= KNOWN]
        pairs = list(zip(known[::2], known[1::2], strict=False))[:PAIRS]
        for subset in [*((dimension,) for dimension in pool), *pairs]:
            region = [self._region(dimension, radii) for dimension in subset]
            seed = derive(self.seed, "draw", number, *(dimension.name for dimension in subset))
            for point in draw(region, self.model, self.memory.trials, DRAWS, seed):
                if move := self.at(point):
                    yield move

    def _pool(self, chance: random.Random) -> list[Dimension]:
        """A random part of the dimensions, drawn without replacement by the weights of their kinds.

        Efraimidis and Spirakis (2006): the largest of u^(1/w) are such a sample.
        """
        size = max(round(SHARE * len(self.dimensions)), SMALLEST)
        kinds = [self.taxonomy.kind_of(bare(dimension.key)) for dimension in self.dimensions]
        weights = [max(self.strategy.weights.get(kind, 1.0), 1e-3) for kind in kinds]
        ranked = sorted(
            zip(self.dimensions, weights, strict=True), key=lambda pair: -(chance.random() ** (1 / pair[1]))
        )
        return [dimension for dimension, _ in ranked[:size]]

    def _region(self, dimension: Dimension, radii: float) -> Dimension:
        """Where candidates of a dimension lie: near the incumbent, and in the strategy's range if there is one."""
        centre = self.model.centre.get(dimension.name)
        if isinstance(dimension, Options) or centre is None:
            return dimension
        bounds = self.strategy.ranges.get(dimension.name) or self.strategy.ranges.get(bare(dimension.key))
        inner = dimension.within(*bounds) if bounds else dimension
        if inner is None or inner.low == inner.high:
            inner = dimension
        return inner.around(centre, radii)

    def _with_riders(self, lead: Move) -> Move:
        """The leading move, with all other constants where the model expects a gain."""
        others = [dimension for dimension in self.dimensions if dimension.name not in lead.point]
        riders = {other.name: at for other in others if (at := self._rider(other)) is not None}
        joint = self.at({**lead.point, **riders}) if riders else None
        if joint is None:
            return lead
        leading_first = {key: joint.sources[key] for key in (*lead.sources, *joint.sources)}
        return replace(joint, sources=leading_first, riders=tuple(riders), before=lead.before)

    def _rider(self, dimension: Dimension) -> float | None:
        """Where near the incumbent this dimension is the most likely to gain; None where the model expects no gain."""
        match self._region(dimension, 1.0):
            case Options(sources=options):
                points = np.arange(0.0, len(options))
            case Axis(grid=True, low=low, high=high):
                points = np.arange(np.ceil(low), high + TOLERANCE)
            case Axis(low=low, high=high):
                points = np.linspace(low, high, FINE)
        found = {at: self.model.estimate({dimension.name: at}) for at in map(float, points)}
        best = max(found, key=lambda at: found[at].gain - RIDE * found[at].deviation)
        return best if found[best].gain > RIDE * found[best].deviation else None

    def _moved(self, names: Collection[str]) -> int:
        """How many trials stand elsewhere than the incumbent on one of these dimensions."""
        centre = self.model.centre
        return sum(any(name in at and at[name] != centre.get(name) for name in names) for at in self.model.points)

    def _untried(self) -> Move | None:
        """The last resort: the first untried setting on a grid over the whole space, in random order."""
        chance = random.Random(derive(self.seed, "grid"))
        grids = [[(dimension.name, at) for at in self._grid(dimension, chance)] for dimension in self.dimensions]
        for settings in itertools.product(*grids):
            if move := self.at(dict(settings)):
                return move
        return None

    def _grid(self, dimension: Dimension, chance: random.Random) -> list[float]:
        """Coordinates of a dimension, the incumbent's first."""
        match dimension:
            case Options(sources=options):
                grid = [float(option) for option in range(len(options))]
            case Axis(grid=True, low=low, high=high):
                grid = [float(step) for step in range(round(low), round(high) + 1)]
            case Axis(low=low, high=high):
                grid = [low + (high - low) * step / (GRID - 1) for step in range(GRID)]
        chance.shuffle(grid)
        centre = self.model.centre.get(dimension.name)
        return grid if centre is None else [centre, *(at for at in grid if at != centre)]
