"""One run of a commit: laid out in a folder of its own before it starts, looked over when it has ended.

Whoever runs anything (an experiment, a reproduction, a kept commit on held-out data) does it by these two, so
that no run escapes the rules: it gets its seed and its evaluator's channel, and has to leave what is protected alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deep_loop.core import channel
from deep_loop.core.experiment import Breached, Interrupted, Outcome
from deep_loop.core.readout import Exit, Patterns, readout
from deep_loop.core.seal import Seals, broken
from deep_loop.core.seeding import VARIABLE, rewrite, with_seed
from deep_loop.loop.lab import Lab
from deep_loop.ports import Job


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that was laid out."""

    job: Job
    commit: str
    patterns: Patterns
    channel: Path  # the evaluator's
    seals: Seals  # of the protected files in its folder, before it started
    edited: frozenset[str]  # in the person's checkout at that moment
    words: str  # "experiment 12"


def lay_out(
    lab: Lab,
    commit: str,
    name: str,
    seed: int,
    *,
    log: str,
    words: str,
    id: str,
    role: str = "first",
    hopeless: Callable[[str], str | None] | None = None,
) -> Trial:
    """Make the run's folder and its job.

    `name` is the folder's, `log` a path relative to the workspace, `id` marks the processes. A run on held-out data
    has the command and the data for that; an audit has clean caches. `role` is a `core.experiment.Role`.
    """
    task, workspace = lab.task, lab.workspace
    held_out = task.holdout if role == "holdout" else None
    seeding = lab.seeding(commit)
    code = workspace.code(commit)
    texts = rewrite({path: code[path] for path in seeding.paths}, seed)
    folder = workspace.folder(commit, name, texts, holdout=held_out is not None)
    seals = workspace.seal(folder, commit)
    reports = folder.with_name(f"{name}.result")
    workspace.discard(reports)
    file = reports / "result.jsonl"
    job = Job(
        id=id,
        command=with_seed(held_out.command if held_out else task.seed_command or task.command, seed),
        folder=folder,
        log=workspace.root / log,
        env={**task.env, VARIABLE: str(seed), channel.VARIABLE: str(file)},
        timeout_seconds=task.timeout_seconds,
        hopeless=hopeless,
        writes=(reports,),
        channel=file,
        holdout=held_out is not None,
        clean=role == "audit",
        protected=tuple(folder / path for path in seals),
    )
    patterns = held_out.patterns if held_out else task.patterns
    return Trial(job, commit, patterns, file, seals, workspace.edited(), words)


def judge(lab: Lab, trial: Trial, ended: Exit) -> Outcome:
    """What the run came to; its folder is removed. One that touched a protected file broke a rule, whatever else."""
    workspace, job = lab.workspace, trial.job
    deed = broken(trial.seals, workspace.seal(job.folder, trial.commit))
    workspace.discard(job.folder)  # before anything is written: it may have filled the disk
    workspace.discard(trial.channel.parent)
    if not ended.confined and (edited := workspace.edited() - trial.edited):
        workspace.put_back(edited, f"while {trial.words} ran")
    outcome = readout(
        ended, lab.task.metric, trial.patterns, timeout_seconds=job.timeout_seconds, hopeless=job.hopeless
    )
    if deed is not None and not isinstance(outcome, Interrupted):
        return Breached(deed, ended.seconds)
    return outcome
