"""One run of a task's program at a setting of its constants, read as the harness would read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.optimism import fork
from benchmarks.optimism.task import Task, program
from deep_loop.core.experiment import Measured
from deep_loop.core.readout import Patterns, readout

Setting = Mapping[str, str]  # the constants that differ from the shipped program's, as source text


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run showed."""

    value: float | None  # of the metric; None where it crashed
    test: float | None  # on the test samples, where they were asked for
    curve: tuple[tuple[float, float], ...]  # per cent of the run, loss there


class Trainer:
    """Runs one task's program in a folder of its own, one run at a time."""

    def __init__(self, task: Task, folder: Path) -> None:
        self._folder = folder
        self._program = program(task)
        task.lay_out(folder)

    def run(self, setting: Setting, seed: int, *, test: bool = False) -> Seen:
        """Train once with this seed."""
        task = self._program.settings.task
        (self._folder / "train.py").write_text(self._program.layout.fill(setting), encoding="utf-8")
        env = {"DEEP_LOOP_SEED": str(seed)} | ({"ALSO_TEST": "1"} if test else {})
        log = self._folder / "run.log"
        ended = fork.run(self._folder, log, env, task.timeout_seconds)
        patterns = Patterns(task.metric.pattern, progress=task.progress.pattern)
        outcome = readout(ended, self._program.settings.metric, patterns, timeout_seconds=task.timeout_seconds)
        if not isinstance(outcome, Measured):
            return Seen(None, None, ())
        found = re.search(r"^test_\w+: (\S+)$", ended.text, re.MULTILINE)
        return Seen(outcome.value, float(found[1]) if found else None, outcome.curve)
