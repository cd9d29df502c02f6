"""Where a bold change begins."""

from __future__ import annotations

from collections import Counter

from deep_loop.core.experiment import Discard, Experiment, Idea, Keep, Measured, Proposal
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record
from deep_loop.core.start import start

METRIC = Metric("val_bpb")


def line(number: int, value: float, kind: str, parent: int | None = 1, *, kept: bool = False) -> Experiment:
    """A closed experiment with one run of this value."""
    run = Measurement(number, number, 0, 1, number, "first", "", "gpu0", "log", 0.0, 1.0, Measured(value, 1.0))
    proposal = Proposal(Idea(f"idea {number}", kind, ""), "codex", "base", parent, f"c{number}", f"f{number}")
    decision = Keep("better", 0.1) if kept else Discard("worse")
    return Record(
        number, Ask(number, "codex", 0, 0), proposal, True, 0.0, (Attempt(0, "c", 0.0),), (run,), decision, 1.0, number
    )


INCUMBENT = line(1, 1.0, "depth-width", 0, kept=True)


def test_half_of_them_begin_at_the_incumbent_and_the_others_at_the_best_of_each_kind() -> None:
    """What was tried on another incumbent, what is worse of its kind, and what comes after the third are left out."""
    tried = [
        line(2, 1.1, "optimizer"),
        line(3, 1.05, "optimizer"),
        line(4, 1.2, "schedule"),
        line(5, 1.3, "attention"),
        line(6, 1.4, "init"),
        line(7, 0.9, "batch", parent=0),
    ]
    found = Counter(
        begun.number if (begun := start([INCUMBENT, *tried], INCUMBENT, METRIC, seed)) else 0 for seed in range(600)
    )
    assert set(found) == {0, 3, 4, 5}
    assert 250 < found[0] < 350
    assert min(found.values()) > 60


def test_with_nothing_else_they_begin_at_the_incumbent() -> None:
    """Nothing was tried on it yet."""
    assert {start([INCUMBENT], INCUMBENT, METRIC, seed) for seed in range(20)} == {None}
