"""What a study may spend."""

from __future__ import annotations

from deep_loop.core.budget import Budget


def test_a_budget_without_limits_never_ends() -> None:
    """None is no limit."""
    assert Budget().full(10**9) is None
    assert Budget().late(1e18, 1e9) is None


def test_units_are_counted_to_the_last() -> None:
    """The last allowed unit may begin, no further one."""
    budget = Budget(max_units=3)
    assert [budget.full(counted) for counted in range(5)] == [
        None,
        None,
        None,
        "3 of 3 experiments are done",
        "4 of 3 experiments are done",
    ]


def test_a_run_must_end_before_the_deadline() -> None:
    """A run that is expected to end at the deadline exactly may start, a longer one may not."""
    budget = Budget(deadline=100.0)
    assert budget.late(90.0, 10.0) is None
    assert budget.late(90.0, 10.5) == "the time is up"
