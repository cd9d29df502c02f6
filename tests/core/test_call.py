"""How long somebody who fails is left alone."""

from __future__ import annotations

import pytest

from deep_loop.core.call import LONGEST_REST, REST_SECONDS, SETUP_REST, Call, Failure, Fault, Rest, rest


def calls(*faults: Fault | None, retry: float | None = None) -> list[Call]:
    """Calls that ended with these faults, a second apart; the last one at second 100."""
    begin = 100.0 - len(faults) + 1
    return [
        Call(
            i, i, "codex", "propose", begin + i - 0.5, begin + i, (), None, Failure(f, f"why {i}", retry) if f else None
        )
        for i, f in enumerate(faults)
    ]


def test_nobody_rests_without_a_failure() -> None:
    """Who was never asked, answers, or is at it, can be asked."""
    going_on = Call(9, 9, "codex", "propose", 99.0)
    assert rest([], 100.0) is None
    assert rest([*calls("quota", None), going_on], 100.0) is None


@pytest.mark.parametrize("fault", ["quota", "overloaded", "network"])
def test_an_outage_doubles_the_rest(fault: Fault) -> None:
    """Each failure in a row doubles it, up to a limit; one good answer clears all of them."""
    for times, seconds in ((1, REST_SECONDS), (2, 2 * REST_SECONDS), (4, 8 * REST_SECONDS), (40, LONGEST_REST)):
        made = calls(*[fault] * times)
        assert rest(made, 100.0) == Rest(f"why {times - 1}", 100.0 + seconds, fault)
        assert rest(made, 100.0 + seconds) is None
    assert rest(calls(fault, fault, None, fault), 100.0) == Rest("why 3", 100.0 + REST_SECONDS, fault)


def test_a_server_that_says_when_is_believed() -> None:
    """Its word goes over the doubling, for longer and for shorter."""
    for seconds in (5.0, 7200.0):
        found = rest(calls("quota", "quota", retry=seconds), 100.0)
        assert found is not None and found.until == 100.0 + seconds


def test_bad_answers_count_from_the_third_on() -> None:
    """One answer of no use says nothing of who gave it."""
    assert rest(calls("nonsense", "slow"), 100.0) is None
    assert rest(calls("nonsense", None, "nonsense", "nonsense"), 100.0) is None
    assert rest(calls("nonsense", "limit", "slow"), 100.0) == Rest("why 2", 100.0 + REST_SECONDS, "slow")


def test_what_the_harness_stopped_says_nothing() -> None:
    """A stop neither ends a row of failures nor is one."""
    assert rest(calls("stopped", "stopped", "stopped", "stopped"), 100.0) is None
    assert rest(calls("network", "stopped"), 100.0) == Rest("why 0", 99.0 + REST_SECONDS, "network")


def test_what_is_not_set_up_is_looked_at_now_and_then() -> None:
    """Trying again alone does not mend it, a person may."""
    found = rest(calls("setup", "setup"), 100.0)
    assert found is not None and found.until == 100.0 + SETUP_REST


def test_a_clock_that_was_put_back_wakes_it() -> None:
    """Nobody rests until a time that is a mistake."""
    assert rest(calls("quota"), 50.0) is None
