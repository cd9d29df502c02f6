"""A constant's numbers on a scale where equal steps are about equally bold, and back into source text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from deep_loop import knobs
from deep_loop.core import spelling
from deep_loop.core.quantity import is_memory, is_share
from deep_loop.core.spelling import is_power


class _Form(Enum):
    LINEAR = "linear"  # fractions, and whatever is zero or negative somewhere
    LOG = "log"  # positive numbers
    MEMORY = "memory"  # -log(1 - b): a moving average over 1 / (1 - b) steps


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of one constant. Coordinates grow with the value."""

    form: _Form
    unit: float  # a sensible first step, in coordinates

    def coordinate(self, value: float) -> float | None:
        """Where a value stands; None where it has no place on this scale."""
        match self.form:
            case _Form.LINEAR:
                return value
            case _Form.LOG:
                return math.log(value) if value > 0 else None
            case _Form.MEMORY:
                return -math.log(1 - value) if value < 1 else None

    def value(self, coordinate: float) -> float:
        """The value at a coordinate; infinite where it would be too large for a number."""
        if self.form is _Form.LINEAR:
            return coordinate
        try:
            return math.exp(coordinate) if self.form is _Form.LOG else 1 - math.exp(-coordinate)
        except OverflowError:
            return math.inf


_PLAIN = re.compile(r"(?:0|[1-9]\d{0,14})(?:\.\d{0,17})?(?:e[-+]?\d{1,2})?")  # what `float` reads as Python does


@lru_cache(maxsize=65536)
def number(source: str) -> float | None:
    """The number that a source text stands for; None for text, switches, tuples and what is no literal."""
    if _PLAIN.fullmatch(source):
        return float(source)
    try:
        value = knobs.evaluate(source)
        return None if isinstance(value, bool | str | tuple) else float(value)
    except (knobs.KnobError, OverflowError):
        return None


@lru_cache(maxsize=65536)
def meaning(source: str) -> str:
    """A text that is the same for all spellings of one value: `2**9` and `512` mean the same."""
    if _PLAIN.fullmatch(source):
        return repr(float(source))
    try:
        value = knobs.evaluate(source)
        return repr(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    except (knobs.KnobError, OverflowError):
        return source.strip()


def scale_of(name: str, values: Iterable[float]) -> Scale:
    """The scale for a constant of this name that takes these values."""
    seen = tuple(values)
    if is_share(name) and all(0 <= value <= 1 for value in seen):
        return Scale(_Form.LINEAR, 0.1)
    if is_memory(name) and all(0 < value < 1 for value in seen):
        return Scale(_Form.MEMORY, math.log(2))
    if seen and all(value > 0 for value in seen):
        return Scale(_Form.LOG, math.log(2))
    return Scale(_Form.LINEAR, max((abs(value) for value in seen), default=0.0) / 2 or 0.1)


def spell(value: float, like: str) -> str:
    """The number in the style of the source text that it replaces.

    A power of two (written so, or an integer of 8 or more) stays one, an integer stays an integer.
    """
    present = number(like)
    power = is_power(like)
    if not power and (present is None or not re.fullmatch(r"\s*[\d_]+\s*", like)):
        return spelling.spell(float(value), like)
    if power or (present is not None and present >= 8 and math.log2(present).is_integer()):
        return spelling.spell(2 ** max(0, round(math.log2(value))), like) if value > 0 else like.strip()
    return spelling.spell(round(value), like)
