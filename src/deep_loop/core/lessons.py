"""What other studies of a workspace teach: which kinds of change helped there, by how much, and where constants ended.

Less than `core.earlier` has: a study that was not asked to learn from another is told this of it, in a few words, and
nothing follows from them by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from deep_loop.core.earlier import Earlier, Finding
from deep_loop.core.experiment import Change

LEAST = 3  # changes of a kind before anything is said of it
CONSTANTS = 3  # of one kind, those whose keeps gained most
SURE = 1.96  # standard errors: the interval holds about 95 %


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one study found of one kind of change. Gains are fractions of what was to be beaten there."""

    tag: str  # of the study
    kind: str
    tried: int
    kept: int
    gain: float | None  # mean of all that were measured, kept or not
    low: float | None  # of its interval; None for fewer than two
    high: float | None
    moves: tuple[Change, ...]  # of constants, that were kept
    experiments: tuple[int, ...]  # those that were kept


def lessons(earlier: Sequence[Earlier]) -> tuple[Lesson, ...]:
    """For each study, in their order: the kinds that were tried often enough, those kept most often first."""
    return tuple(lesson for source in earlier for lesson in _lessons(source))


def _lessons(source: Earlier) -> list[Lesson]:
    groups: dict[str, list[Finding]] = {}
    for finding in source.findings:
        groups.setdefault(finding.kind, []).append(finding)
    found = [_lesson(source.tag, kind, those) for kind, those in groups.items() if len(those) >= LEAST]
    return sorted(found, key=lambda lesson: (-lesson.kept / lesson.tried, lesson.kind))


def _lesson(tag: str, kind: str, those: Sequence[Finding]) -> Lesson:
    gains = [finding.gain for finding in those if finding.gain is not None]
    kept = [finding for finding in those if finding.kept]
    best = sorted((f for f in kept if f.changes), key=lambda finding: -(finding.gain or 0.0))
    moves = {change.name: change for finding in reversed(best) for change in finding.changes}
    mean = fmean(gains) if gains else None
    half = SURE * stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else None
    return Lesson(
        tag=tag,
        kind=kind,
        tried=len(those),
        kept=len(kept),
        gain=mean,
        low=mean - half if mean is not None and half is not None else None,
        high=mean + half if mean is not None and half is not None else None,
        moves=tuple(reversed(moves.values()))[:CONSTANTS],
        experiments=tuple(finding.number for finding in kept),
    )
