"""The settings as what the loop knows of a task: commands, patterns, rules, limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop import machine

if TYPE_CHECKING:
    from deep_loop.config import Settings
    from deep_loop.core.rules import Rules
    from deep_loop.loop.lab import Task


def task_of(root: Path, settings: Settings, planned: int) -> Task:
    from deep_loop.core.readout import Patterns
    from deep_loop.core.taxonomy import own
    from deep_loop.loop.lab import Holdout, Task

    task = settings.task
    patterns = Patterns(
        task.metric.pattern, task.memory.pattern, task.memory.unit, task.progress.pattern, task.result == "channel"
    )
    held_out = replace(patterns, metric=task.holdout.pattern or patterns.metric)
    # A task that prepares its environment by uv keeps it in one place; runs only read it.
    env = {"UV_PROJECT_ENVIRONMENT": str(root.resolve() / ".deep-loop" / "env")} if task.prepare else {}
    return Task(
        command=task.run,
        editable=task.editable,
        protected=task.protected,
        metric=settings.metric,
        patterns=patterns,
        budget_seconds=task.budget_seconds,
        timeout_seconds=task.timeout_seconds,
        rules=_rules(settings, planned),
        repairs=settings.study.repairs,
        prune_margin=None if settings.study.prune_margin == "off" else settings.study.prune_margin,
        prepare=task.prepare,
        env={**env, "UV_NO_SYNC": "1", "UV_OFFLINE": "1"} if env else {},
        prepare_env=env,
        prepare_writes=machine.prepared(root, settings),
        seed_command=task.seed_cmd,
        holdout=Holdout(task.holdout.run, held_out) if task.holdout.run else None,
        pivot_after=settings.study.pivot_after,
        memory_bytes=machine.limits(root, settings).memory_bytes,
        taxonomy=own(task.kinds),
    )


def _rules(settings: Settings, planned: int) -> Rules:
    from deep_loop.core.rules import Rules

    study = settings.study
    return Rules(
        min_gain=study.min_gain,
        false_keeps=study.false_keeps,
        planned=planned,
        baseline_runs=study.baseline_runs,
        reference_runs=study.reference_runs,
        control_interval=study.control_interval,
        final_runs=study.final_runs,
        margin=None if study.simpler == "off" else study.simpler,
        bound=settings.task.metric.bound,
        max_load=None if study.max_load == "off" else study.max_load,
    )
