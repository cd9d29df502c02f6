"""The values that a constant is swept over: from a half to the double of what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deep_loop.knobs import Knob

FACTORS = (0.5, 0.7, 1.4, 2.0)
FROM_ZERO = (0.05, 0.1, 0.2)  # a share of zero has no half and no double


def candidates(knob: Knob) -> tuple[str, ...]:
    """Other values for a knob, as source text, within its declared range; all of its declared choices.

    Numbers times FACTORS; a power spelled `2**k` with k one down and up; a beta with 1 - beta times FACTORS; shares
    at most 1; the elements of a tuple one at a time.
    """
    found = dict.fromkeys(knob.choices or _numbers(knob))
    return tuple(source for source in found if source != knob.source)


def _numbers(knob: Knob) -> Iterator[str]:
    if isinstance(knob.value, tuple):
        for place, element in enumerate(knob.value):
            for scaled in _scaled(knob, element):
                yield f"({', '.join(f'{v:g}' for v in (*knob.value[:place], scaled, *knob.value[place + 1 :]))})"
    elif power := re.fullmatch(r"2\s*\*\*\s*(\d+)", knob.source):
        yield from (f"2**{int(power[1]) + step}" for step in (-1, 1))
    else:
        yield from (f"{scaled:g}" for scaled in _scaled(knob, knob.value))


def _scaled(knob: Knob, value: object) -> Iterator[int | float]:
    """A number's candidates; none for text and booleans."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high = knob.range or (-float("inf"), float("inf"))
    share = re.search(r"_(FRAC|FRACTION|RATIO)$", knob.name) is not None
    for factor in FACTORS:
        if isinstance(value, int):
            scaled: int | float = round(value * factor)
        elif "BETA" in knob.name:
            scaled = float(f"{1 - (1 - value) * factor:.6g}")
        else:
            scaled = float(f"{value * factor:.3g}")
        if value and scaled != value and low <= scaled <= (min(high, 1) if share else high):
            yield scaled
    if value == 0:
        yield from FROM_ZERO
