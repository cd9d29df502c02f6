"""The noise of one run where nothing was repeated."""

from __future__ import annotations

import random

import pytest

from deep_loop.core.floor import LEAST, Setting, floor


def test_the_noise_of_a_smooth_response_is_found() -> None:
    """Neighbours on a gentle slope differ by noise: 200 pairs give its standard deviation to a tenth."""
    draw = random.Random(1)
    settings = [Setting(0, "LR", 1.0 + 0.01 * i, 0.001 * i + draw.gauss(0, 0.1)) for i in range(200)]
    found = floor(settings)
    assert found is not None and found[0] == pytest.approx(0.1, rel=0.15) and found[1] == 199


def test_a_cliff_does_not_count() -> None:
    """One step into ruin among many leaves the estimate where it was."""
    calm = [Setting(0, "LR", 1.0 + 0.01 * i, (-1) ** i * 0.1) for i in range(50)]
    cliff = [*calm[:-1], Setting(0, "LR", calm[-1].set_to, 1000.0)]
    assert floor(cliff) == floor(calm)


def test_far_values_and_other_bases_say_nothing() -> None:
    """Without pairs of close values of one constant on one base nothing is said."""
    assert floor([]) is None
    assert floor([Setting(0, "LR", 2.0**i, 0.1 * i) for i in range(20)]) is None
    assert floor([Setting(i, "LR", 1.0, 0.1 * i) for i in range(20)]) is None
    assert floor([Setting(0, "LR", 1.0, 0.1 * i) for i in range(LEAST)]) is None
    assert floor([Setting(0, "LR", 1.0, 0.1 * i) for i in range(LEAST + 1)]) is not None
