"""The tuner's search space: one dimension for each number, switch or choice that a knob holds.

A numeric dimension is searched in a *coordinate* in which equal steps are about equally bold: the logarithm of
a rate, the logarithm of 1 - b for a beta, the exponent of a power of two, the value itself for a fraction. The
space hangs on the value that a knob had when the study first saw it, so that it stays the same while the
incumbent moves and old trials keep their meaning; only an incumbent that has reached an edge pushes it outwards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from deep_loop import knobs
from deep_loop.core.quantity import is_memory, is_share
from deep_loop.core.spelling import is_power, spell
from deep_loop.knobs import Knob, Scalar, Value

REACH = 8.0  # a positive number is searched from 1/8 to 8 times its first value
EDGE = 0.05  # of the span: an incumbent closer to an edge pushes it outwards by half the span


class Form(Enum):
    """How a value and its coordinate belong together."""

    LINEAR = "linear"  # the value itself
    LOG = "log"  # the logarithm of its size
    BETA = "beta"  # log(1 - b): a memory of 1 / (1 - b) steps
    POWER = "power"  # the exponent of two


@dataclass(frozen=True, slots=True)
class Axis:
    """A number to be moved."""

    name: str  # the knob's key, with `[1]` behind it for an element of a tuple
    key: str
    place: int | None  # the element of a tuple
    form: Form
    whole: bool  # integers stay integers
    low: float  # in coordinates, as all that follows
    high: float
    radius: float  # a bold but sensible step
    floor: float = -math.inf  # the space is never widened beyond these
    ceiling: float = math.inf
    sign: int = 1  # of a value on a logarithmic axis
    grain: int = 1  # integers stay multiples of it

    @property
    def grid(self) -> bool:
        """Whether only whole coordinates stand for values."""
        return self.form is Form.POWER or (self.form is Form.LINEAR and self.whole)

    def coordinate(self, value: Value) -> float | None:
        """Where a value stands; None where it has no place on this axis (a zero on a logarithmic one)."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        match self.form:
            case Form.LINEAR:
                return float(value)
            case Form.LOG:
                return math.log(value * self.sign) if value * self.sign > 0 else None
            case Form.BETA:
                return math.log(1.0 - value) if value < 1 else None
            case Form.POWER:
                return float(round(math.log2(value))) if value >= 1 else None

    def value(self, coordinate: float) -> int | float:
        """The number at a coordinate: an integer on an axis of integers, on the grain."""
        match self.form:
            case Form.LINEAR:
                number = coordinate
            case Form.LOG:
                number = self.sign * math.exp(coordinate)
            case Form.BETA:
                number = 1.0 - math.exp(coordinate)
            case Form.POWER:
                return int(2 ** round(coordinate))
        if not self.whole:
            return number
        near = round(number / self.grain) * self.grain
        return near or (self.sign * self.grain if self.form is Form.LOG else 0)

    def spell(self, coordinate: float, source: str) -> str:
        """The number at a coordinate, in the style of the source text that it replaces."""
        return spell(self.value(coordinate), source, beta=self.form is Form.BETA)

    def within(self, low: float, high: float) -> Axis | None:
        """The part of the axis between two values, in either order of coordinates; None where there is none."""
        bounds = [self._bound(low), self._bound(high)]
        low, high = max(self.low, min(bounds)), min(self.high, max(bounds))
        if self.grid:
            low, high = math.ceil(max(low, -1e9)), math.floor(min(high, 1e9))
        return replace(self, low=low, high=high) if low <= high else None

    def stretched(self, low: float, high: float) -> Axis | None:
        """The axis between two values that may lie outside it; None where no value of its form lies there."""
        found = replace(self, low=self.floor, high=self.ceiling).within(low, high)
        if found is None or found.high == -math.inf:
            return None
        # A bound beyond the form's domain, such as a rate of zero, is where the axis ended before.
        low, high = (at if math.isfinite(at) else end for at, end in ((found.low, self.low), (found.high, self.high)))
        return replace(found, low=low, high=high) if low <= high else None

    def around(self, coordinate: float, radii: float) -> Axis:
        """The part within so many radii of a coordinate, or of the axis's end nearest to it."""
        centre = min(max(coordinate, self.low), self.high)
        step = radii * self.radius
        return replace(self, low=max(self.low, centre - step), high=min(self.high, centre + step))

    def reaching(self, coordinate: float) -> Axis:
        """The axis, pushed outwards where the incumbent stands at an edge or beyond it."""
        span = self.high - self.low
        low = coordinate - span / 2 if coordinate <= self.low + EDGE * span else self.low
        high = coordinate + span / 2 if coordinate >= self.high - EDGE * span else self.high
        return replace(self, low=max(low, self.floor), high=min(high, self.ceiling))

    def _bound(self, value: float) -> float:
        """The coordinate of a bound; one beyond the form's domain lies at the axis's own end."""
        if self.form is Form.POWER:
            return math.log2(value) if value > 0 else -math.inf
        found = self.coordinate(value)
        return found if found is not None else (-math.inf if self.form in (Form.LOG, Form.BETA) else value)


@dataclass(frozen=True, slots=True)
class Options:
    """A switch, or a value out of a declared set. Its coordinate is the place in `sources`."""

    name: str
    key: str
    place: int | None
    sources: tuple[str, ...]  # source text of each option

    def coordinate(self, value: Value) -> float | None:
        """The option's place; None for a value that is none of them."""
        for place, source in enumerate(self.sources):
            option = knobs.evaluate(source)
            if option == value and isinstance(option, bool) == isinstance(value, bool):
                return float(place)
        return None

    def spell(self, coordinate: float, source: str) -> str:
        """The option's source text, whatever the style of the one before."""
        return self.sources[round(coordinate)]


Dimension = Axis | Options


def space(anchors: Mapping[str, Knob], current: Mapping[str, Knob]) -> tuple[Dimension, ...]:
    """The dimensions of the current knobs, each hung on the knob as the study first saw it.

    A knob whose value has left the type or the form of its anchor (it was zero or whole, and is not) is hung on
    itself. Strings without declared choices have no dimension.
    """
    found: list[Dimension] = []
    for key, knob in current.items():
        for first, now in zip(
            _dimensions(key, anchors.get(key, knob), knob), _dimensions(key, knob, knob), strict=True
        ):
            where = first.coordinate(element(knob.value, first.place)) if first else None
            match first:
                case Axis() if where is not None and first.whole == (now.whole if isinstance(now, Axis) else None):
                    found.append(first.reaching(where))
                case Options() if where is not None:
                    found.append(first)
                case _ if now is not None:
                    found.append(now)
                case _:
                    pass  # a string that may be anything: nothing to search
    return tuple(found)


def element(value: Value, place: int | None) -> Value:
    """The element of a tuple, or the value itself."""
    return value[place] if place is not None and isinstance(value, tuple) else value


def bare(key: str) -> str:
    """The constant's name in a knob's key, which may have a path before it."""
    return key.rpartition(":")[2]


def sources(
    points: Mapping[str, float], dimensions: Sequence[Dimension], current: Mapping[str, Knob]
) -> dict[str, str]:
    """Source text for every knob that a move to these coordinates touches, by key, in the style of the present text."""
    elements: dict[str, dict[int, Callable[[str], str]]] = {}
    found: dict[str, str] = {}
    for dimension in dimensions:
        if dimension.name not in points:
            continue
        spelling = partial(dimension.spell, points[dimension.name])
        if dimension.place is None:
            found[dimension.key] = spelling(current[dimension.key].source)
        else:
            elements.setdefault(dimension.key, {})[dimension.place] = spelling
    return found | {key: _with_elements(current[key].source, spellings) for key, spellings in elements.items()}


def _with_elements(source: str, spellings: Mapping[int, Callable[[str], str]]) -> str:
    """The text of a tuple with some elements spelled anew from their old text; the rest stays as it is."""
    import libcst as cst

    whole, blank = cst.parse_expression(source), cst.Module([])
    if not isinstance(whole, cst.Tuple):
        raise ValueError(f"not a tuple: {source}")
    elements = list(whole.elements)
    for place, spelling in spellings.items():
        old = elements[place]
        elements[place] = old.with_changes(value=cst.parse_expression(spelling(blank.code_for_node(old.value))))
    return blank.code_for_node(whole.with_changes(elements=elements))


def _dimensions(key: str, first: Knob, knob: Knob) -> list[Dimension | None]:
    """One for each number or switch in `knob`, by the value that it had in `first`; None where it cannot move."""
    if knob.choices:
        declared = [knobs.evaluate(choice) for choice in knob.choices]
        others = {other.value: other.source for other in (first, knob) if other.value not in declared}
        return [Options(key, key, None, (*others.values(), *knob.choices))]
    if not isinstance(knob.value, tuple):
        anchor = first.value if not isinstance(first.value, tuple) else knob.value
        return [_dimension(key, key, None, anchor, first.source, knob)]
    same = isinstance(first.value, tuple) and len(first.value) == len(knob.value)
    values = first.value if same and isinstance(first.value, tuple) else knob.value
    return [_dimension(f"{key}[{i}]", key, i, value, "", knob) for i, value in enumerate(values)]


def _dimension(name: str, key: str, place: int | None, value: Scalar, source: str, knob: Knob) -> Dimension | None:
    if isinstance(value, bool):
        return Options(name, key, place, ("False", "True"))
    if isinstance(value, str):
        return None
    return _bounded(_axis(name, key, place, value, source), value, knob.range)


# --- which form a number has, by its name and value ----------------------------------------------

_EPSILON = r"EPS|EPSILON"
# How far a zero may be raised, by a word of its name; the last is for all others.
_FROM_ZERO = (
    ("DECAY|WD|L1|L2|PENALTY", 0.2),
    ("LR|LRS|RATE", 0.1),
    (_EPSILON, 1e-3),
    ("CLIP", 2.0),
    (".*", 1.0),
)
_STEPS_FROM_ZERO = (("STEPS|ITERS|ITERATIONS", 200.0), (".*", 4.0))  # the same for integers


def _axis(name: str, key: str, place: int | None, value: int | float, source: str) -> Axis:
    """The axis of a number, without declared bounds."""
    words = bare(key).split("_")

    def named(pattern: str) -> bool:
        return any(re.fullmatch(pattern, word) for word in words)

    axis = partial(Axis, name, key, place)
    whole = isinstance(value, int)
    if 0 <= value <= 1 and is_share(bare(key)):
        step = min(max(0.5 * min(value, 1 - value), 0.1), 0.25)
        return axis(Form.LINEAR, False, 0.0, 1.0, step, floor=0.0, ceiling=1.0)
    if 0 < value < 1 and is_memory(bare(key)):
        centre, shortest = math.log(1 - value), math.log(0.98)
        low, high = centre - math.log(REACH), min(centre + math.log(REACH), shortest)
        return axis(Form.BETA, False, low, high, math.log(2), floor=math.log(1e-6), ceiling=shortest)
    if value == 0:
        high = next(scale for pattern, scale in (_STEPS_FROM_ZERO if whole else _FROM_ZERO) if named(pattern))
        return axis(Form.LINEAR, whole, 0.0, high, max(high / 4, float(whole)), floor=0.0)
    if isinstance(value, int) and (is_power(source) or (value >= 8 and value.bit_count() == 1)):
        exponent = value.bit_length() - 1
        return axis(Form.POWER, True, max(exponent - 3, 0), exponent + 3, 1.0, floor=0.0)
    # Sizes that were multiples of eight stay so: heads, groups and vector units divide them.
    grain = 8 if whole and abs(value) >= 64 and value % 8 == 0 else 1
    floor = math.log(grain) if whole else -math.inf
    centre, reach = math.log(abs(value)), math.log(REACH)
    step = reach if named(_EPSILON) else math.log(2)
    low, sign = max(centre - reach, floor), -1 if value < 0 else 1
    return axis(Form.LOG, whole, low, centre + reach, step, floor=floor, sign=sign, grain=grain)


def _bounded(axis: Axis, value: int | float, bounds: tuple[float, float] | None) -> Axis:
    """The axis with declared bounds in place of its own; one that reaches zero or changes sign becomes linear."""
    if bounds is None:
        return axis
    low, high = bounds
    narrow = axis.whole and axis.form is Form.LOG and low > 0 and high / low < REACH
    if axis.form is Form.LOG and (low * axis.sign <= 0 or high * axis.sign <= 0 or narrow):
        radius = max(min((high - low) / 4, max(abs(value), float(axis.whole))), float(axis.whole))
        axis = replace(axis, form=Form.LINEAR, radius=radius, sign=1)
    wide = replace(axis, low=-math.inf, high=math.inf, grain=1 if axis.form is Form.LINEAR else axis.grain)
    inner = wide.within(low, high) or axis
    if not (math.isfinite(inner.low) and math.isfinite(inner.high)):
        return axis
    return replace(inner, floor=inner.low, ceiling=inner.high)
