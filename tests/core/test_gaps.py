"""Single runs held against one commit."""

from __future__ import annotations

import random

import pytest

from deep_loop.core.gaps import Reference
from deep_loop.core.noise import Noise, Series, difference


@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("step", [0.0, 0.01, 0.16])
@pytest.mark.parametrize("alike", [0.0, 0.6, 0.97])
def test_it_says_what_generalised_least_squares_says(count: int, step: float, alike: float) -> None:
    """The mean and the variance of `noise.difference`, wherever the runs lie and whatever seeds they share."""
    rng = random.Random(count)
    places = sorted(rng.sample(range(200), count + 1))
    mine = places.pop(rng.randrange(count + 1))
    other = Series(
        tuple(rng.gauss(2, 0.1) for _ in places),
        tuple(places),
        tuple(rng.randrange(3) if alike == 0 else n for n in range(count)),
    )
    noise = Noise(0.1, 5, step, alike)
    for seed in (0, 99):
        wanted = difference(Series((1.9,), (mine,), (seed,)), other, noise)
        found = Reference(other, noise).gap(1.9, mine, seed)
        assert (found.mean, found.variance) == pytest.approx((wanted.mean, wanted.variance), rel=1e-6)
