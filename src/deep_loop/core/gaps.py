"""Many single runs held against one commit: what `noise.difference` says of each, at a fraction of its price.

Where one side has a single run, its own mean takes up all of it, and generalised least squares is the best linear
unbiased prediction of what the other commit would have measured there (Goldberger 1962, Journal of the American
Statistical Association 57, 369-375). All that depends on the other commit alone is worked out once.
"""

from __future__ import annotations

import math

from deep_loop.core.noise import Difference, Noise, Series


class Reference:
    """A commit's good runs, at least one, ready to be compared with single runs of others."""

    def __init__(self, runs: Series, noise: Noise) -> None:
        from scipy.linalg import inv  # imported here: it takes longer than the rest of a command

        self._places, self._seeds = runs.places, runs.seeds
        self._step, self._alike = noise.step, noise.alike
        span = max(runs.places) - min(runs.places)
        # Whatever constant the covariances have in common cancels in every difference; this one makes them positive.
        self._common = noise.step * span
        count = range(len(runs))
        covariance = [
            [1.0 + self._common if i == j else self._shared(i, runs.places[j], runs.seeds[j]) for j in count]
            for i in count
        ]
        self._inverse = inv(covariance).tolist()
        sums = [math.fsum(row) for row in self._inverse]
        self._sums, self._weight = sums, math.fsum(sums)
        self._level = math.fsum(s * value for s, value in zip(sums, runs.values, strict=True)) / self._weight
        off = [value - self._level for value in runs.values]
        self._pull = [math.fsum(a * b for a, b in zip(row, off, strict=True)) for row in self._inverse]

    def gap(self, value: float, place: int, seed: int) -> Difference:
        """How much more a single run measures, as `noise.difference` of its series and this one."""
        if len(self._places) == 1:  # most are like that, and there are many
            return Difference(value - self._level, 2 + 2 * self._common - 2 * self._shared(0, place, seed))
        towards = [self._shared(i, place, seed) for i in range(len(self._places))]
        expected = self._level + math.fsum(a * b for a, b in zip(towards, self._pull, strict=True))
        known = math.fsum(
            a * math.fsum(b * c for b, c in zip(row, towards, strict=True))
            for a, row in zip(towards, self._inverse, strict=True)
        )
        left = 1 - math.fsum(a * b for a, b in zip(towards, self._sums, strict=True))
        return Difference(value - expected, 1.0 + self._common - known + left**2 / self._weight)

    def _shared(self, index: int, place: int, seed: int) -> float:
        """The covariance of one of its runs and another run, in units of sigma^2."""
        same = self._alike if self._seeds[index] == seed else 0.0
        return same + self._common - self._step * abs(self._places[index] - place) / 2
