"""All moves of constants, read once: each with its numbers and its places on the constant's scale."""

from __future__ import annotations

from dataclasses import dataclass, field

from deep_loop.adapters.analysts.evidence import Evidence, Trial
from deep_loop.adapters.analysts.scales import Scale, number, scale_of
from deep_loop.core.experiment import Change

Step = tuple[Trial, Change, float | None, float | None]  # its value before and after, where they are numbers


@dataclass(frozen=True, slots=True)
class Moved:
    """The moves of one constant, in the order of closing, and the scale of its numbers."""

    scale: Scale
    steps: list[Step] = field(default_factory=list)


def read(evidence: Evidence) -> dict[str, Moved]:
    """Every constant that was ever moved, by name. Linear in the number of moves."""
    found: dict[str, list[Step]] = {}
    for trial in evidence.trials:
        for change in trial.changes:
            step = (trial, change, number(change.before), number(change.after))
            steps = found.get(change.name)
            if steps is None:
                found[change.name] = [step]
            else:
                steps.append(step)
    return {name: Moved(scale_of(name, _values(steps)), steps) for name, steps in found.items()}


def _values(steps: list[Step]) -> set[float]:
    return {value for _, _, before, after in steps for value in (before, after) if value is not None}
