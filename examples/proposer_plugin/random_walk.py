"""A proposer in forty lines: it moves one constant of the program, at random."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deep_loop import knobs
from deep_loop.adapters.proposers.client import Station
from deep_loop.core.experiment import Change, Idea
from deep_loop.core.taxonomy import kind_of
from deep_loop.errors import ConfigError
from deep_loop.ports import Answer, Brief, Objection


def make(station: Station, settings: Mapping[str, Any]) -> RandomWalk:
    """What the entry point names. This proposer starts no process, so it has no use for the station."""
    if unknown := settings.keys() - {"step"}:
        raise ConfigError(f"random-walk has no setting {min(unknown)!r}", hint="its only setting is `step`")
    return RandomWalk(float(settings.get("step", 2.0)))


class RandomWalk:
    """Implements `deep_loop.ports.Proposer`."""

    name = "random-walk"
    anywhere = True

    def __init__(self, step: float) -> None:
        self._step = step  # the largest factor that a constant is moved by

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Multiply one number by a random factor. All of the randomness comes from the brief's seed."""
        chance = random.Random(brief.seed)
        for path in chance.sample(sorted(brief.files), len(brief.files)):
            file = checkout / path
            text = file.read_bytes().decode()
            numbers = [knob for knob in _constants(text) if isinstance(knob.value, int | float) and knob.value]
            if not numbers:
                continue
            knob = chance.choice([each for each in numbers if not isinstance(each.value, bool)] or numbers)
            after = _moved(knob.value, self._step ** chance.choice((-1, 1)))
            file.write_bytes(knobs.rewrite(text, {knob.name: after}).encode())
            move = Change(knob.name, knob.source, after)
            title = f"{move.name} {move.before} -> {move.after}"
            return Answer(Idea(title, kind_of(knob.name), "It was drawn at random.", changes=(move,)))
        return Answer()  # there is nothing to move

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Never: the next draw is as good."""
        return Answer()

    def stop(self) -> None:
        """It is never at it for long."""


def _constants(text: str) -> tuple[knobs.Knob, ...]:
    try:
        return knobs.read(text)
    except knobs.KnobError:
        return ()


def _moved(value: Any, factor: float) -> str:
    """The new value as source text; whole numbers stay whole, and at least 1."""
    return str(max(round(value * factor), 1)) if isinstance(value, int) else f"{value * factor:.4g}"
