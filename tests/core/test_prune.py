"""When a run is hopeless, and how its curve is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.experiment import Measured, Pruned
from deep_loop.core.metric import Metric
from deep_loop.core.prune import hopeless
from deep_loop.core.readout import MAX_POINTS, Exit, Patterns, curve, readout

REFERENCE = ((0.0, 5.0), (50.0, 3.0), (100.0, 2.0))


def lines(*points: tuple[float, object]) -> str:
    """Progress lines in autoresearch's form."""
    return "".join(f"step {n:05d} ({percent:.1f}%) | loss: {loss}\n" for n, (percent, loss) in enumerate(points))


@pytest.mark.parametrize(
    ("points", "stopped"),
    [
        ([(10.0, 50.0)], False),  # too early to tell
        ([(50.0, 4.4)], False),  # within the margin of 50 %
        ([(50.0, 4.6)], True),
        ([(75.0, 3.7)], False),  # 2.5 is interpolated: 3.75 is the limit
        ([(75.0, 3.8)], True),
        ([(30.0, math.inf)], True),
        ([(50.0, 4.6), (60.0, 2.0)], True),  # a verdict stands
    ],
)
def test_a_run_is_hopeless_beyond_the_margin(points: list[tuple[float, float]], stopped: bool) -> None:
    """Above the incumbent's loss at the same point by more than the margin, or not finite, from 25 % on."""
    assert (hopeless(points, REFERENCE, 0.5) is not None) is stopped


def test_without_a_reference_only_infinity_stops_a_run() -> None:
    """Where the incumbent printed no curve, a finite loss proves nothing."""
    assert hopeless([(50.0, 1e9)], (), 0.5) is None
    assert hopeless([(50.0, math.inf)], (), 0.5)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.integers(0, 30))
def test_a_longer_curve_never_takes_a_verdict_back(losses: list[float], cut: int) -> None:
    """Whenever one looks, the first verdict is the one that stands."""
    points = [(100 * n / len(losses), loss) for n, loss in enumerate(losses)]
    early = hopeless(points[:cut], REFERENCE, 0.1)
    assert early is None or early == hopeless(points, REFERENCE, 0.1)


def test_a_curve_is_read_from_a_log() -> None:
    """Points by rising per cent; what goes back or names no number is left out; nan is infinite."""
    log = "hello\n" + lines((0.0, 5), (10.0, "4.5"), (5.0, 9), (20.0, "what"), (30.0, "nan"))
    assert curve(log) == ((0.0, 5.0), (10.0, 4.5), (30.0, math.inf))
    assert len(curve(lines(*((n / 10, 1.0) for n in range(1000))))) <= MAX_POINTS


def test_the_outcome_does_not_depend_on_when_somebody_looked() -> None:
    """A hopeless run that ended by itself counts as pruned like one that was stopped; others keep their curve."""
    log = lines((0.0, 5.0), (50.0, 9.0)) + "val_bpb: 1.5\n"
    patterns, metric = Patterns(r"^val_bpb:\s+(\S+)"), Metric("val_bpb")

    def doubt(text: str) -> str | None:
        return hopeless(curve(text), REFERENCE, 0.5)

    for exit in (Exit(0, 3.0, log), Exit(None, 3.0, log, pruned=True)):
        outcome = readout(exit, metric, patterns, timeout_seconds=9, hopeless=doubt)
        assert isinstance(outcome, Pruned)
        assert "loss 9 at 50 %" in outcome.reason
    kept = readout(Exit(0, 3.0, log), metric, patterns, timeout_seconds=9)
    assert kept == Measured(1.5, 3.0, curve=((0.0, 5.0), (50.0, 9.0)))
