"""The evaluator's own channel: a file that protected code appends to, one JSON object a line.

    {"val_bpb": 1.234}

What a program prints anybody in it can print; the channel is named by an environment variable, and what it says
goes over what is printed. More names beside the metric's become numbers of the run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

VARIABLE = "DEEP_LOOP_RESULT"  # holds the file's path
MAX_BYTES = 64 * 1024  # a longer one is no result


@dataclass(frozen=True, slots=True)
class Reported:
    """What a channel says."""

    value: float | None  # of the metric; may be infinite or no number; None where it names none
    numbers: Mapping[str, float] = field(default_factory=dict)  # the finite rest, by name


class ChannelError(ValueError):
    """A channel that breaks its rules; its text says how, in one line."""


def read(text: str, metric: str) -> Reported:
    """The metric and whatever else a channel reports.

    Raises ChannelError where a line is no JSON object of numbers, where the metric has two different values,
    and where the text is longer than `MAX_BYTES`.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ChannelError(f"the result channel holds more than {MAX_BYTES >> 10} KiB")
    values: list[float] = []
    numbers: dict[str, float] = {}
    for place, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        for name, number in _line(line, place).items():
            if name == metric:
                values.append(number)
            elif math.isfinite(number):
                numbers[name] = number
    first = values[0] if values else None
    other = next((value for value in values if not _same(value, values[0])), None)
    if other is not None:
        raise ChannelError(f"two different values of {metric} in the result channel: {first} and {other}")
    return Reported(first, numbers)


def contradicts(printed: str, value: float) -> bool:
    """Whether a printed metric is another than the channel's finite one: off by more than one in its last digit."""
    try:
        said = Decimal(printed)
    except InvalidOperation:
        return True
    exponent = said.as_tuple().exponent
    if not isinstance(exponent, int) or not math.isfinite(float(said)):  # infinite, no number, or too large
        return True
    # A double has no digits beyond 1e-324, whatever was printed; the last term is the double's own rounding.
    allowed = Decimal(1).scaleb(max(exponent, -400)) + abs(Decimal(value)) * Decimal("1e-15")
    return abs(said - Decimal(value)) > allowed


def _line(line: str, place: int) -> dict[str, float]:
    """The numbers of one line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ChannelError(f"the result channel is unreadable: line {place} is no JSON") from error
    if not isinstance(found, dict):
        raise ChannelError(f"the result channel is unreadable: line {place} is no JSON object")
    numbers: dict[str, float] = {}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ChannelError(f"the result channel is unreadable: {name!r} in line {place} is no number")
        try:
            numbers[name] = float(value)
        except OverflowError as error:
            raise ChannelError(f"the result channel is unreadable: {name!r} in line {place} is too large") from error
    return numbers


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
