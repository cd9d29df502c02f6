"""What the command line asks for, and what would come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks for; None and empty leave it to the settings."""

    tag: str
    agents: tuple[str, ...] = ()
    analysts: tuple[str, ...] = ()
    max_experiments: int | None = None
    max_hours: float | None = None
    until: float | None = None  # seconds since the epoch
    meta_interval: int | None = None
    slots: int | None = None
    seed: int | None = None
    start: str | None = None  # commit that a new study starts from
    max_cost_usd: float | None = None
    mixture: Mapping[str, float] | None = None  # starting weights by proposer
    learn_from: tuple[str, ...] = ()  # tags of studies whose experiments a new study knows as earlier evidence


@dataclass(frozen=True, slots=True)
class Plan:
    """What `run` would do."""

    workspace: Path
    study: str  # "exp1, new" or "exp1, goes on after 12 experiments"
    branch: str
    command: str
    editable: tuple[str, ...]
    protected: tuple[str, ...]
    metric: str
    proposers: tuple[str, ...]
    analysts: tuple[str, ...]
    slots: tuple[str, ...]
    max_experiments: int
    ends_by: str | None
    meta_interval: int
    seed: int
    learns_from: tuple[str, ...]  # "imported-tag, 80 experiments"
