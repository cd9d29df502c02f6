"""Whole studies on a surrogate, with an outer tier or without: everything is the package's own but for the runs."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.outer_tier.surrogates import SIGMA, Surrogate
from deep_loop import wiring
from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.adapters.workspace.plumbing import Git
from deep_loop.adapters.workspace.template import create
from deep_loop.core.cohort import HARNESS
from deep_loop.core.experiment import ML, is_keep
from deep_loop.ports import Analyst, Exit, Job
from deep_loop.testing.doubles import InstantExecutor

TAG = "bench"
SETTINGS = """\
[task]
run = "python train.py"
editable = ["train.py"]
protected = []
budget_seconds = 1
gpus_per_run = 0

[study]
final_runs = 0
sandbox = "off"
keep_awake = false
"""


@dataclass(frozen=True, slots=True)
class Course:
    """How a study went: the true loss of its incumbent after each experiment, the start first."""

    losses: tuple[float, ...]
    revisions: int
    reverts: int


def study(
    surrogate: Surrogate, seed: int, experiments: int, analysts: Sequence[Analyst], *, judged: bool = True
) -> Course:
    """Run one; without analysts there is no outer tier."""
    with TemporaryDirectory() as scratch:
        root = Path(scratch, "workspace")
        _workspace(root, surrogate, judged)
        options = wiring.RunOptions(TAG, max_experiments=experiments, seed=seed, slots=1)
        executor = InstantExecutor(lambda job: _run(surrogate, job))
        with wiring.study(root, options, (), executor, [Tuner()], analysts) as running:
            running.run()
        return _course(root, surrogate)


def _workspace(root: Path, surrogate: Surrogate, judged: bool) -> None:
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, surrogate.name)
        folder.mkdir()
        (folder / "train.py").write_text(surrogate.source)
        (folder / "program.md").write_text("# A surrogate\n")
        (folder / "deep-loop.toml").write_text(SETTINGS + f"probation = {str(judged).lower()}\n")
        create(root, surrogate.name, Path(scratch))


def _run(surrogate: Surrogate, job: Job) -> Exit | str:
    values = _values((job.folder / "train.py").read_text())
    loss = surrogate.loss(values)
    if not math.isfinite(loss):
        return Exit(1, 1.0, "FloatingPointError: the loss is not finite")
    noise = random.Random(f"{job.env['DEEP_LOOP_SEED']} {sorted(values.items())}").gauss(0, SIGMA)
    return f"val_bpb: {loss + noise:.6f}\n"


def _values(source: str) -> dict[str, float | str]:
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def _course(root: Path, surrogate: Surrogate) -> Course:
    """The true losses, from git; the harness knows nothing of them."""
    ledger = SqliteLedger.load(root / LEDGER, TAG, ML, WallClock(), read_only=True)
    try:
        closed, revisions = ledger.closed(), ledger.revisions()
    finally:
        ledger.dispose()
    git, losses = Git(root), list[float]()
    for experiment in closed:
        if is_keep(experiment):
            loss = surrogate.loss(_values(git.raw("show", f"{experiment.commit}:train.py").decode()))
        if experiment.counted or not losses:
            losses.append(loss)
    return Course(tuple(losses), len(revisions), sum(revision.analyst == HARNESS for revision in revisions))
