"""Studies that are killed and resumed, and what is found afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.torture import study
from deep_loop.errors import DeepLoopError
from deep_loop.testing.audit import Problem, audit, story

LONGEST = 0.8  # seconds from a harness's first words to its death; an undisturbed study takes several
RECOVERY = 40  # steps, among which a second death comes
SCRATCH = re.compile(r"\.deep-loop/(tmp|proposals|runs)/[^/]+|its own index|git (?=add|commit|init|hash|write|check)")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one study."""

    how: str  # it was killed, in words
    kills: int
    resumes: int
    unfinished: str | None  # why it did not come to its end
    differs: bool  # from the undisturbed one, in what it decided
    problems: tuple[Problem, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.unfinished or self.differs or self.problems)

    def __str__(self) -> str:
        """How it was killed, and all that is wrong."""
        wrong = [self.unfinished or "", "it decided otherwise" if self.differs else "", *map(str, self.problems)]
        return f"{self.how}: {'; '.join(filter(None, wrong)) or 'nothing is wrong'}"


def undisturbed(folder: Path, labels: Path) -> tuple[Mapping[str, Any], Sequence[str]]:
    """The story of a study that nobody kills, and the labels of its steps."""
    study.make(folder)
    study.kill_at(folder, 0, labels)
    return story(folder, study.TAG), labels.read_text(encoding="utf-8").splitlines()


def at_moments(
    folder: Path, random: Random, kills: int, expected: Mapping[str, Any] | None, flags: Sequence[str] = ()
) -> Fate:
    """Kill one study at up to so many random moments, the harness alone or with its whole group; then let it end.

    `expected` is the undisturbed story; None where it is not promised, as with two slots.
    """
    study.make(folder)
    died: list[str] = []
    while len(died) < kills:
        after, whole_group = random.uniform(0, LONGEST), random.random() < 0.5
        if not study.kill_after(folder, after, *flags, whole_group=whole_group):
            break
        died.append(f"{after:.3f} s{' (group)' if whole_group else ''}")
    return _conclude(folder, f"killed after {', '.join(died)}", len(died), expected, flags)


def at_steps(folder: Path, steps: Sequence[int], expected: Mapping[str, Any] | None, flags: Sequence[str] = ()) -> Fate:
    """Kill one study at these steps, each counted from the start of a life of its own; then let it end."""
    study.make(folder)
    labels = folder.with_name("labels")
    died = [f"{label}, step {step}" for step in steps if (label := study.kill_at(folder, step, labels, *flags))]
    return _conclude(folder, f"killed before {'; then before '.join(died)}", len(died), expected, flags)


def boundaries(labels: Sequence[str]) -> list[int]:
    """The steps worth dying at: each that changes something lasting, and the first of each kind within scratch folders.

    What happens in those folders is taken away whole when a study resumes, and objects that git does not reach count
    for nothing: one death of a kind tells all.
    """
    chosen, known = [], set()
    for step, label in enumerate(labels, start=1):
        kind, scratch = SCRATCH.subn(r"\1", label)
        if not scratch or kind not in known:
            chosen.append(step)
        known.add(kind)
    return chosen


def _conclude(folder: Path, how: str, kills: int, expected: Mapping[str, Any] | None, flags: Sequence[str]) -> Fate:
    """Resume for the last time, and look at what there is."""
    unfinished = study.finish(folder, *flags)
    try:
        problems = tuple(audit(folder, study.TAG))
        differs = expected is not None and story(folder, study.TAG) != expected
    except DeepLoopError as error:  # there is nothing that could be looked at
        return Fate(how, kills, kills, f"{unfinished or 'it ended'}, and then {error}", False, ())
    return Fate(how, kills, kills, unfinished, differs, problems)
