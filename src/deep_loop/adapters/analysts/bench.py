"""What ideas are drawn from, and what an idea is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deep_loop.adapters.analysts.evidence import Evidence
from deep_loop.adapters.analysts.importance import importance
from deep_loop.adapters.analysts.moved import read as read_moves
from deep_loop.adapters.analysts.profiles import Profile, profiles
from deep_loop.core.hypothesis import Hypothesis, Target, identity
from deep_loop.knobs import Knob, KnobError, read


@dataclass(frozen=True, slots=True)
class Idea:
    """A hypothesis and its worth: the relative gain that it brings on average, the chance of failure included."""

    hypothesis: Hypothesis
    worth: float
    room: Literal["steps", "pairs", "neglected", "elsewhere"]  # the module that it comes from
    pair: tuple[int, int] | None = None  # the experiments that it combines


@dataclass(frozen=True, slots=True)
class Bench:
    """The evidence, with what was made of it, beside the constants as they stand."""

    evidence: Evidence
    profiles: Mapping[str, Profile]
    importance: Mapping[str, float]
    knobs: Mapping[str, Knob]  # of the incumbent's files; empty where they cannot be read

    def present(self, name: str) -> str | None:
        """The source text of a constant in the incumbent; None where it is not there."""
        if name in self.knobs:
            return self.knobs[name].source
        if self.knobs or self.evidence.incumbent is None:
            return None
        return self.evidence.settings[self.evidence.incumbent.number].get(name)

    def allowed(self, name: str, value: float) -> float:
        """The value, moved into the declared range where it lies outside."""
        bounds = self.knobs[name].range if name in self.knobs else None
        return value if bounds is None else min(max(value, bounds[0]), bounds[1])

    def weight(self, name: str) -> float:
        """How much more than an average constant this one matters, from 0.5 to 2; 1 where nothing is known."""
        share = self.importance.get(name)
        return 1.0 if share is None else 0.5 + min(1.5, share * len(self.importance) / 2)


def lay_out(evidence: Evidence, files: Mapping[str, str]) -> Bench:
    """The bench for this evidence and the incumbent's editable files."""
    moved = read_moves(evidence)
    return Bench(evidence, profiles(moved), importance(evidence, moved), constants(files))


def constants(files: Mapping[str, str]) -> dict[str, Knob]:
    """The knobs of all files that can be read as Python, by name; of two with one name the first file's."""
    found: dict[str, Knob] = {}
    for _, text in sorted(files.items()):
        try:
            knobs = read(text)
        except KnobError:
            continue  # a person's or an agent's business; it only means that nothing is known of this file
        for knob in knobs:
            found.setdefault(knob.name, knob)
    return found


def propose(
    *,
    title: str,
    kind: str,
    targets: tuple[Target, ...],
    why: str,
    expected: str,
    numbers: tuple[int, ...],
) -> Hypothesis:
    """A hypothesis with the identity that its content gives it."""
    return Hypothesis(identity(kind, targets, title), title, kind, targets, why, expected, numbers)
