"""Numbers in the style of the source text that they replace, so that a change reads as a person would make it."""

from __future__ import annotations

import math
import re

_POWER = re.compile(r"\s*2\s*\*\*\s*\d+\s*")


def is_power(source: str) -> bool:
    """Whether a source text is a power of two, written so: `2**19`."""
    return _POWER.fullmatch(source) is not None


def spell(value: int | float, source: str, *, beta: bool = False) -> str:
    """A number in the style of the source text that it replaces, with three significant digits.

    `2**19` stays a power, `3e-4` keeps its exponent, integers stay exact; a beta keeps the digits of 1 - b.
    """
    if isinstance(value, int):
        if is_power(source) and value > 0 and value.bit_count() == 1:
            return f"2**{value.bit_length() - 1}"
        return str(value)
    if beta:
        digits = max(3, 1 - math.floor(math.log10(1 - value)))
        return _decimal(value, digits)
    if value == 0:
        return "0.0"
    exponent = math.floor(math.log10(abs(value)))
    if "e" in source.lower() or not -4 <= exponent < 6:
        mantissa, power = f"{value:.2e}".split("e")
        return f"{_decimal(float(mantissa), 2).removesuffix('.0')}e{int(power)}"
    return _decimal(float(f"{value:.2e}"), max(2 - exponent, 1))


def _decimal(value: float, digits: int) -> str:
    """Fixed notation without trailing zeros, but always with a digit behind the point."""
    text = f"{value:.{digits}f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
