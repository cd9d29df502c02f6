"""Crashes for one cause are known as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.cause import LONGEST, last_error, masked


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RuntimeError: size 64 must match 1_024", "RuntimeError: size 8 must match 16"),
        ("torch.OutOfMemoryError: tried 2.50 GiB", "torch.OutOfMemoryError: tried 12.1e3 GiB"),
        ("ValueError: <object at 0x7f3a>", "ValueError: <object at 0xFFFF01>"),
        ("FileNotFoundError: '/home/ada/a/train.py'", "FileNotFoundError: '/tmp/x-1/run/train.py'"),
    ],
)
def test_numbers_addresses_and_paths_do_not_count(one: str, other: str) -> None:
    """Two lines for one cause read alike."""
    assert masked(one) == masked(other)


def test_causes_that_differ_stay_apart() -> None:
    """By what they name."""
    assert masked("NameError: name 'heads' is not defined") != masked("NameError: name 'depth' is not defined")


def test_the_last_error_of_a_log_is_its_cause() -> None:
    """The line that ends a traceback, whatever was printed after it."""
    log = 'Traceback (most recent call last):\n  File "a.py", line 3\nKeyError: 1\n\nValueError: no width 7\nbye\n'
    assert last_error(log) == "ValueError: no width 7"
    assert last_error("killed\n") == ""


@given(st.text())
def test_any_text_is_masked(text: str) -> None:
    """It becomes one bounded line."""
    assert len(masked(text)) <= LONGEST and "\n" not in masked(text)
