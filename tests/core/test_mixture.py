"""Whom a mixture asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from deep_loop.core.experiment import Discard, Experiment, Idea, Keep, Measured, Proposal
from deep_loop.core.mixture import FLOOR, Mixture, choose
from deep_loop.core.record import Ask, Attempt, Measurement, Record

EVEN = Mixture({"agent": 0.5, "tuner": 0.5})


def line(number: int, by: str, gain: float, seconds: float = 300.0) -> Experiment:
    """A closed experiment that gained this much (0: it was discarded) in this time."""
    run = Measurement(number, number, 0, 1, number, "first", "", "gpu0", "log", 0.0, seconds, Measured(1.0, seconds))
    proposal = Proposal(Idea("x", "other", ""), by, "base", 0, "commit", f"f{number}")
    decision = Keep("better", gain) if gain else Discard("worse")
    return Record(
        number, Ask(number, by, 0, 0), proposal, True, 0.0, (Attempt(0, "c", 0.0),), (run,), decision, 1.0, number
    )


def shares(
    mixture: Mixture, closed: Sequence[Experiment], able: Sequence[str] = ("agent", "tuner")
) -> dict[str, float]:
    """How often each is asked, over many seeds."""
    asked = Counter(choose(mixture, able, closed, seed) for seed in range(1000))
    return {name: asked[name] / 1000 for name in able}


@pytest.mark.parametrize("closed", [[], [line(1, "agent", 0.0), line(2, "tuner", 0.0)]], ids=["none", "no gain"])
def test_it_begins_with_its_weights(closed: list[Experiment]) -> None:
    """As long as nothing tells them apart, each is asked as often as its weight says."""
    found = shares(Mixture({"agent": 0.7, "tuner": 0.3}), closed)
    assert found["agent"] == pytest.approx(0.7 * (1 - FLOOR) + FLOOR / 2, abs=0.05)


def test_it_learns_who_gains() -> None:
    """After some experiments the one that gains is asked nearly always, but for the other's floor."""
    closed = [line(n, "agent" if n % 2 else "tuner", 0.01 if n % 4 == 1 else 0.0) for n in range(1, 25)]
    assert shares(EVEN, closed)["agent"] > 0.85
    assert shares(EVEN, closed)["tuner"] >= FLOOR / 2 - 0.03


def test_it_counts_slot_hours() -> None:
    """Who gains as much in a tenth of the time is the better one."""
    closed = [line(n, "agent" if n % 2 else "tuner", 0.01, 300.0 if n % 2 else 30.0) for n in range(1, 25)]
    assert shares(EVEN, closed)["tuner"] > 0.85


def test_it_forgets() -> None:
    """What paid at the beginning does not count for ever."""
    early = [line(n, "agent" if n % 2 else "tuner", 0.01 if n % 2 else 0.0) for n in range(1, 21)]
    late = [line(n, "agent" if n % 2 else "tuner", 0.0 if n % 2 else 0.01) for n in range(21, 121)]
    assert shares(EVEN, early)["agent"] > 0.8
    assert shares(EVEN, [*early, *late])["tuner"] > 0.7


def test_who_cannot_be_asked_is_not() -> None:
    """Only those that are able are chosen among; one without a weight is asked at least by its floor."""
    closed = [line(n, "agent", 0.01) for n in range(1, 10)]
    assert shares(EVEN, closed, ["tuner"]) == {"tuner": 1.0}
    assert shares(EVEN, closed, ["tuner", "codex"])["codex"] > 0


def test_it_is_settled_by_its_seed() -> None:
    """The same study asks the same, in a new process too."""
    closed = [line(n, "agent" if n % 2 else "tuner", 0.01) for n in range(1, 9)]
    assert [choose(EVEN, ["agent", "tuner"], closed, seed) for seed in range(50)] == [
        choose(EVEN, ["agent", "tuner"], list(closed), seed) for seed in range(50)
    ]
