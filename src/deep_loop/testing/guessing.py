"""A second mode, for tests: guess a hidden number.

It has nothing in common with ML mode but the shape of its three values, so whatever works with both
works with any mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deep_loop.adapters.ledger.codec import Kinds
from deep_loop.core.record import Record


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposal: the number, and how it was arrived at."""

    number: int
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of trying a guess: on which side of the hidden number it lies."""

    side: Literal["below", "above", "equal"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What closes a guess."""

    status: Literal["right", "wrong"]
    reason: str


Round = Record[Guess, Answer, Verdict]

KINDS: Kinds[Guess, Answer, Verdict] = Kinds(Guess, Answer, Verdict)
