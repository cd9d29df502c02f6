"""The strategy: the one section of `program.md` that the outer tier may rewrite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Strategy:
    """Typed fields that a program can follow, beside prose that an agent reads."""

    version: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)  # kind of change -> relative weight, 1 is neutral
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # constant -> promising range
    combinations: tuple[tuple[int, ...], ...] = ()  # experiments whose changes are worth trying together
    prose: str = ""
