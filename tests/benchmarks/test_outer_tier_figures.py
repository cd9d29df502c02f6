"""What the benchmark `outer_tier` makes of its studies."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.outer_tier import HARM, OFF, ON, UNJUDGED, result
from benchmarks.outer_tier.studies import Course


def line(ends: float, at: int = 20, reverts: int = 0) -> Course:
    """A loss that falls evenly from 100 to `ends` in `at` of 20 experiments, and stays there."""
    falling = list(np.linspace(100.0, ends, at + 1))
    return Course((*falling, *[ends] * (20 - at)), 4, reverts)


def figures(on: Course, harm: Course, unjudged: Course, gains: tuple[float, ...] = (3.0, 3.1)) -> dict[str, float]:
    """Those of twelve equal pairs, two of each surrogate, whose course without an outer tier falls from 100 to 90."""
    courses = {
        arm: dict.fromkeys(range(12), course)
        for arm, course in ((OFF, line(90.0)), (ON, on), (HARM, harm), (UNJUDGED, unjudged))
    }
    return dict(result(courses, {OFF: [3.0, 3.1], ON: list(gains)}, {}).figures)


def test_experiments_saved_are_those_until_it_is_as_good_as_the_other_ends() -> None:
    """Twice as fast saves half; half as fast costs half of a study, since the other is there by then."""
    same = line(90.0)
    assert figures(line(90.0, at=10), same, same)["saved_percent"] == 50.0
    assert figures(line(95.0), same, same)["saved_percent"] == -50.0
    assert figures(same, same, same)["saved_percent"] == 0.0


def test_harm_avoided_is_the_part_of_the_loss_that_judging_saves() -> None:
    """Over the whole course: a straight line to 98 instead of 90 loses four on average, one to 94 loses two."""
    assert figures(line(90.0), line(94.0), line(98.0))["harm_avoided_percent"] == 50.0


@pytest.mark.parametrize(
    ("ends", "gains", "fine"), [(90.9, (3.0, 3.1), 1), (91.1, (3.0, 3.1), 0), (90.0, (2.0, 2.0), 0)]
)
def test_a_gap_of_a_tenth_is_the_limit_everywhere(ends: float, gains: tuple[float, ...], fine: int) -> None:
    """On each surrogate and on tiny-lm."""
    assert figures(line(ends), line(90.0), line(90.0), gains)["non_inferior"] == fine


def test_what_was_dropped_is_counted_among_strategies_alone() -> None:
    """Reverts are no strategies of the analyst's: of four revisions one is a revert, so one of three was dropped."""
    assert figures(line(90.0, reverts=1), line(90.0), line(90.0))["dropped_percent"] == pytest.approx(33.3)
