"""What most loops do: one run each, and whatever looks better than the best run so far is kept."""

from __future__ import annotations

from benchmarks.null_study.study import EXPERIMENTS
from benchmarks.null_study.world import Commit, Setting, World


def greedy_keeps(setting: Setting, seed: int) -> int:
    """False keeps of one greedy study."""
    world = World(setting, seed, EXPERIMENTS)
    base = Commit(0.0, 1.0)
    best, kept = world.measure(base, 0), 0
    for number in range(1, EXPERIMENTS + 1):
        candidate, gain = world.change(base)
        value = world.measure(candidate, number)
        if value < best:
            best, base = value, candidate
            kept += gain <= 0
    return kept
