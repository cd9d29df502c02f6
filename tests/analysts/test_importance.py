"""Which constants matter, against shares worked out by hand."""

from __future__ import annotations

import pytest
from analyst_studies import dossier, experiment

from deep_loop.adapters.analysts.evidence import Evidence, gather
from deep_loop.adapters.analysts.importance import ENOUGH, importance
from deep_loop.adapters.analysts.moved import read
from deep_loop.core.experiment import Change, Experiment


def shares(evidence: Evidence) -> dict[str, float]:
    return importance(evidence, read(evidence))


def study(count: int) -> list[Experiment]:
    """Without noise, doubling A moves the metric by 2 %, up or down, and doubling B by 1 %."""
    found = [experiment(0, [100.0, 100.0], parent=None, kept=True)]
    for number in range(1, count + 1):
        name, size = ("A", 2.0) if number % 2 else ("B", 1.0)
        change = Change(name, "1.0", "2.0" if number % 4 < 2 else "0.5")
        found.append(experiment(number, [100.0 + (size if number % 3 else -size)], changes=[change]))
    return found


def test_shares_are_those_of_the_variance() -> None:
    """Effects of 2 % and 1 % have variances of 4 to 1: shares of 0.8 and 0.2, largest first."""
    found = shares(gather(dossier(study(16))))
    assert list(found) == ["A", "B"]
    assert found == pytest.approx({"A": 0.8, "B": 0.2})


def test_too_few_experiments_tell_nothing() -> None:
    """One experiment less than enough, and no share is claimed."""
    assert shares(gather(dossier(study(ENOUGH - 1)))) == {}
    assert shares(gather(dossier(study(ENOUGH)))) != {}


def test_moves_that_change_nothing_are_no_evidence() -> None:
    """A study whose metric never moves has no importance to share out."""
    flat = [experiment(0, [1.0, 1.0], parent=None, kept=True)]
    flat += [experiment(n, [1.0], changes=[Change("A", "1", str(n + 1))]) for n in range(1, 20)]
    assert shares(gather(dossier(flat))) == {}
