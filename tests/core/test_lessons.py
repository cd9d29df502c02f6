"""What other studies teach."""

from __future__ import annotations

import math

import pytest

from deep_loop.core.earlier import Earlier, Finding
from deep_loop.core.experiment import Change
from deep_loop.core.lessons import CONSTANTS, LEAST, lessons


def tried(number: int, kind: str, gain: float | None, *changes: Change, kept: bool = False) -> Finding:
    return Finding(number, "t", kind, changes, kept, gain is None, gain)


def test_a_lesson_is_a_kind_with_its_gain_and_evidence() -> None:
    """Mean gain of what was measured, with its interval; constants of the best keeps first; experiments by number."""
    up, more = Change("LR", "1", "2"), Change("LR", "2", "4")
    found = Earlier(
        "a",
        "here",
        "val_bpb",
        (
            tried(1, "schedule", 0.1),
            tried(2, "learning-rate", 0.01, up, kept=True),
            tried(3, "learning-rate", 0.03, more, kept=True),
            tried(4, "learning-rate", -0.01),
            tried(5, "learning-rate", None),
        ),
    )
    (lesson,) = lessons([found])
    assert (lesson.tag, lesson.kind, lesson.tried, lesson.kept) == ("a", "learning-rate", 4, 2)
    assert lesson.gain == pytest.approx(0.01)
    half = 1.96 * 0.02 / math.sqrt(3)
    assert (lesson.low, lesson.high) == pytest.approx((0.01 - half, 0.01 + half))
    assert lesson.moves == (more,) and lesson.experiments == (2, 3)


def test_kinds_that_were_kept_most_often_stand_first() -> None:
    """In every study by itself; what was hardly tried teaches nothing, nor is more said than is of use."""
    many = tuple(tried(n, "data", 0.1, Change(f"C{n}", "1", "2"), kept=True) for n in range(LEAST + CONSTANTS))
    none = tuple(tried(n, "init", -0.1) for n in range(20, 20 + LEAST))
    few = tuple(tried(n, "batch", 0.1, kept=True) for n in range(30, 29 + LEAST))
    found = lessons([Earlier("b", "", "m", (*none, *many, *few)), Earlier("a", "", "m", none)])
    assert [(lesson.tag, lesson.kind) for lesson in found] == [("b", "data"), ("b", "init"), ("a", "init")]
    assert len(found[0].moves) == CONSTANTS and found[1].experiments == ()
