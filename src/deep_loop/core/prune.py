"""When a run is hopeless, from what it prints while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from deep_loop.core.readout import Point

EARLIEST = 25.0  # per cent of a run before which nothing is concluded


def hopeless(curve: Sequence[Point], reference: Sequence[Point], margin: float) -> str | None:
    """Why a run should be stopped, or None while it may still win.

    At the first point from `EARLIEST` per cent on where the loss is not finite, or above the incumbent's at the
    same point by more than `margin` of its size, the run is given up. The incumbent's loss is interpolated. This is
    the median stopping rule (Golovin et al. 2017, Google Vizier, section 3.1) with the incumbent's own curve for the
    median, and a margin, as an edited program may learn along another curve than the one that it is compared with.

    Both curves hold (per cent, loss), by rising per cent. A longer curve never takes a verdict back.
    """
    for percent, loss in curve:
        if percent < EARLIEST:
            continue
        if loss == float("inf"):
            return f"stopped early: the loss is not finite at {percent:.0f} %"
        expected = _at(reference, percent)
        if expected is not None and loss > expected + margin * abs(expected):
            return f"stopped early: loss {loss:.4g} at {percent:.0f} %, where the incumbent had {expected:.4g}"
    return None


def _at(curve: Sequence[Point], percent: float) -> float | None:
    """The loss at a point, interpolated linearly; None outside of the curve."""
    for (left, before), (right, after) in pairwise(curve):
        if left <= percent <= right:
            return before if right == left else before + (after - before) * (percent - left) / (right - left)
    return None
