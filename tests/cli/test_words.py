"""Numbers and times in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.interfaces.cli import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.84, "0.8 s"),
        (42.4, "42 s"),
        (59.9, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (86400, "24 h 00 min"),
        (273_600, "3 d 04 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration is told in its two largest units."""
    assert words.duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_is_always_short(seconds: float) -> None:
    """It fits the place that is kept for it."""
    assert 3 < len(words.duration(seconds)) <= 12


def test_gains_say_their_direction_in_words() -> None:
    """A sign is not needed to tell better from worse, and nothing is said where nothing is known."""
    assert words.gain(0.0123, 0.0041) == "better by 0.012300 (0.41 %)"
    assert words.gain(-0.0123, -0.0041) == "worse by 0.012300 (0.41 %)"
    assert words.gain(0.0, 0.0) == "no change"
    assert words.gain(None, None) == words.percent(None) == words.value(None) == "–"
    assert words.percent(0.0041) == "+0.41 %"


@given(st.text(), st.integers(min_value=1, max_value=80))
def test_clip_keeps_within_the_width(text: str, width: int) -> None:
    """Text that fits stays as it is; other text ends in an ellipsis."""
    clipped = words.clip(text, width)
    assert len(clipped) <= width
    assert clipped == text if len(text) <= width else clipped.endswith("…")
