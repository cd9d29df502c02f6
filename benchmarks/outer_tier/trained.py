"""The same on a real program: the template tiny-lm, trained for a CPU second a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from benchmarks.optimism.ours import TAG, ForkedRuns, incumbent
from benchmarks.optimism.task import TINY_LM, Task
from benchmarks.optimism.trainer import Trainer
from deep_loop import wiring
from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.core.seed import derive
from deep_loop.ports import Analyst


def gain(seed: int, experiments: int, fresh: int, analysts: Sequence[Analyst]) -> float:
    """A study's true gain, in per cent: its incumbent beside the shipped program, `fresh` runs on the same seeds."""
    task = Task(TINY_LM)
    with TemporaryDirectory() as scratch:
        root = Path(scratch, "workspace")
        task.workspace(root)
        options = wiring.RunOptions(TAG, max_experiments=experiments, seed=seed, slots=1)
        with wiring.study(root, options, (), ForkedRuns(), [Tuner()], analysts) as running:
            running.run()
        found, trainer = incumbent(task, root), Trainer(task, Path(scratch, "task"))
        pairs = []
        for place in range(fresh):
            drawn = derive(seed, "fresh", place)
            before, after = trainer.run({}, drawn).value, trainer.run(found, drawn).value
            if before is not None and after is not None:
                pairs.append((before, after))
        return 100 * fmean(b - a for b, a in pairs) / fmean(b for b, _ in pairs)
