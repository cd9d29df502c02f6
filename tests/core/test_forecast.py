"""What a study will cost."""

from __future__ import annotations

import pytest

from deep_loop.core.call import Call, Usage
from deep_loop.core.experiment import Discard, Experiment, Idea, Measured, Proposal
from deep_loop.core.forecast import Rates, Size, forecast, learn
from deep_loop.core.record import Ask, Attempt, Measurement, Record

NIGHT = Size(experiments=100, slots=1, meta_interval=12, fixed_runs=11, agents=True, analysts=True)


def line(number: int, seconds: float, runs: int) -> Experiment:
    """A closed experiment with so many runs of this length."""
    made = tuple(
        Measurement(
            i, number, 0, 1, number, "fresh" if i else "first", "", "gpu0", "log", 0, seconds, Measured(1.0, seconds)
        )
        for i in range(runs)
    )
    proposal = Proposal(Idea("x", "other", ""), "codex", "base", 0, "commit", f"f{number}")
    ask = Ask(number, "codex", 0, 0)
    return Record(number, ask, proposal, True, 0.0, (Attempt(0, "c", 0.0),), made, Discard("worse"), 1.0, number)


def test_a_night_costs_what_the_mission_says() -> None:
    """About 12 hours and 100 experiments: $24 of compute at $2 an hour, $20 of an agent; 8 investigations are $4."""
    night = forecast(NIGHT, Rates(run_seconds=300.0), usd_per_slot_hour=2.0)
    assert night.hours == pytest.approx(12, abs=0.2)
    assert (night.compute_usd, night.agents_usd) == (pytest.approx(24, abs=0.5), pytest.approx(20))
    assert (night.meta_analyses, night.analysts_usd) == (8, pytest.approx(4.0))
    assert night.usd == pytest.approx(48, abs=1)


def test_slots_save_hours_and_no_money() -> None:
    """Four GPUs take a quarter of the time, and as many GPU hours."""
    one, four = (forecast(Size(100, slots, 12, 11, True, True), Rates(300.0), 2.0) for slots in (1, 4))
    assert four.hours == pytest.approx(one.hours / 4)
    assert four.usd == pytest.approx(one.usd)


def test_the_tuner_costs_nothing() -> None:
    """Where nobody is paid there is compute alone."""
    found = forecast(Size(100, 1, 12, 11, agents=False, analysts=False), Rates(300.0), 2.0)
    assert found.usd == found.compute_usd


def test_a_history_is_better_than_a_guess() -> None:
    """With enough experiments and calls a workspace's own rates count, each for itself."""
    closed = [line(number, 60.0, 2) for number in range(1, 7)]
    calls = [Call(i, i, "codex", "propose", 0.0, 1.0, (Usage("m", 10, 10),), 0.5) for i in range(6)]
    learnt = learn(Rates(300.0), closed, calls, 0)
    assert (learnt.run_seconds, learnt.runs, learnt.proposal_usd) == (60.0, 2.0, 0.5)
    assert learnt.measured == {"run_seconds", "runs", "proposal_usd"}
    assert learn(Rates(300.0), closed[:3], [], 0) == Rates(300.0)
