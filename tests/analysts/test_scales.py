"""Constants' numbers: read, put on a scale, written back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.adapters.analysts.scales import meaning, number, scale_of, spell


@pytest.mark.parametrize(
    ("source", "value"), [("2**9", 512.0), ("1e-3", 0.001), ("3 * 64", 192.0), ("-2", -2.0), ("True", None)]
)
def test_numbers_are_read(source: str, value: float | None) -> None:
    """Arithmetic on literals is a number; a switch is none."""
    assert number(source) == value


@pytest.mark.parametrize("source", ['"gelu"', "(0.9, 0.95)", "f(x)", "9**9**9", "", "1 +"])
def test_what_is_no_number_is_none(source: str) -> None:
    """Text, tuples, calls and nonsense have no number, and raise nothing."""
    assert number(source) is None


def test_meaning_is_the_same_for_all_spellings() -> None:
    """One value, however written, has one meaning; a switch is not the number 1."""
    assert meaning("2**9") == meaning("512") == meaning("512.0")
    assert meaning("(0.9, 0.95)") == meaning("(0.90,0.95)")
    assert len({meaning("True"), meaning("1"), meaning("'1'"), meaning("f(x)")}) == 4


@pytest.mark.parametrize(
    ("value", "like", "source"),
    [
        (1000.0, "2**9", "2**10"),
        (700.0, "512", "512"),
        (800.0, "512", "1024"),
        (6.6, "6", "7"),
        (0.00412345, "3e-3", "4.12e-3"),
        (0.00412345, "0.003", "0.00412"),
        (2.0, "1.0", "2.0"),
        (1e-05, "1e-4", "1e-5"),
        (123456.0, "1000.0", "123000.0"),
        (3e7, "1000.0", "3e7"),
        (0.0, "2**3", "2**3"),
    ],
)
def test_a_number_takes_the_style_of_the_old_one(value: float, like: str, source: str) -> None:
    """Powers of two stay so, integers stay integers, others get three digits, keep an exponent and stay floats."""
    assert spell(value, like) == source


@pytest.mark.parametrize(
    ("name", "values", "there"),
    [
        ("LEARNING_RATE", (0.1,), 0.2),
        ("MOMENTUM", (0.9,), 0.95),
        ("WARMUP_FRAC", (0.0, 0.2), 0.1),
        ("BIAS", (0.0,), 0.1),
    ],
)
def test_one_step_is_a_sensible_change(name: str, values: tuple[float, ...], there: float) -> None:
    """A step doubles a rate, halves what a moving average forgets, and adds a tenth to a fraction or a zero."""
    scale = scale_of(name, values)
    start = scale.coordinate(values[0])
    assert start is not None
    assert scale.value(start + scale.unit) == pytest.approx(there)


@given(st.sampled_from(["LR", "MOMENTUM", "DROPOUT", "X"]), st.floats(1e-6, 0.999))
def test_scales_go_both_ways(name: str, value: float) -> None:
    """The value at a value's coordinate is that value."""
    scale = scale_of(name, (value,))
    place = scale.coordinate(value)
    assert place is not None
    assert math.isclose(scale.value(place), value, rel_tol=1e-9, abs_tol=1e-12)
