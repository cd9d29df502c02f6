"""Studies that were read from logs of other systems, beside those that were run here."""

from __future__ import annotations

import json
from pathlib import Path

from deep_loop.adapters.ledger.studies import IMPORTED, LEDGER, StudyInfo
from deep_loop.config import Settings
from deep_loop.core.metric import Metric
from deep_loop.errors import WorkspaceError


def is_imported(info: StudyInfo) -> bool:
    """Whether it was never run here."""
    return info.mode == IMPORTED


def described(metric: Metric, experiments: int) -> str:
    """What `StudyInfo.settings` says of an imported study."""
    measured = {"name": metric.name, "direction": metric.direction.value}
    return json.dumps({"task": {"metric": measured}, "study": {"max_experiments": max(experiments, 1)}})


def measured_by(settings: Settings, info: StudyInfo) -> Settings:
    """The workspace's settings, with the metric of the log where a study was imported."""
    if not is_imported(info):
        return settings
    metric = settings.task.metric.model_copy(update=json.loads(info.settings)["task"]["metric"])
    return settings.model_copy(update={"task": settings.task.model_copy(update={"metric": metric})})


def source(root: Path, info: StudyInfo) -> str:
    """Where an imported study comes from, in words: the names of its logs; "" for one that was run here."""
    if not is_imported(info):
        return ""
    from deep_loop.adapters.ledger.imports import logs  # most studies were run here, and `status` is quick

    names = [log.name for log in logs(root / LEDGER, info.tag)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def refuse(info: StudyInfo, what: str) -> None:
    """Raise WorkspaceError where an imported study is asked to do what only one that runs here can."""
    if is_imported(info):
        raise WorkspaceError(
            f"{info.tag} was imported: {what}",
            hint=f"begin a study that knows its experiments: `deep-loop run --tag NAME --learn-from {info.tag}`",
        )
