"""Listening to a study never harms it."""

from __future__ import annotations

from deep_loop.core.event import Event, StudyEnded, Warned
from deep_loop.loop.audience import Audience
from deep_loop.testing.doubles import Recorder


def test_an_observer_that_fails_hears_no_more_and_the_others_are_told() -> None:
    """Its error goes no further; the others hear the event, and a warning that names it."""

    def fail(event: Event) -> None:
        raise RuntimeError("the display is gone")

    failing, listening = Recorder(fail), Recorder()
    audience = Audience([failing, listening])
    audience.tell(StudyEnded("one"))
    audience.tell(StudyEnded("two"))
    assert failing.events == [StudyEnded("one")]
    warning = Warned("Recorder failed and hears no more: RuntimeError: the display is gone")
    assert listening.events == [warning, StudyEnded("one"), StudyEnded("two")]
