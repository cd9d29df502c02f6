"""An entry of `next-hypotheses.md`: a change worth trying, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where one constant should go: to a value, or into a range.

    `value` is source text such as `2**14` or `"gelu"`; `low` and `high` bound a range, both included.
    Exactly one of the two forms is set.
    """

    name: str
    value: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A named change with its evidence. The identity stays the same while it is ranked anew."""

    id: str
    title: str
    kind: str
    targets: tuple[Target, ...]  # empty where only prose says what to change
    rationale: str
    expected: str  # in words, e.g. "+0.4 % (0.1 to 0.7)"
    evidence: tuple[int, ...] = ()  # numbers of the experiments that it rests on
