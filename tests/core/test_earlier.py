"""What one study may know of another."""

from __future__ import annotations

from dataclasses import fields

import pytest

from deep_loop.core.earlier import Earlier, Finding, earlier
from deep_loop.core.experiment import Experiment
from deep_loop.core.metric import Direction, Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record
from deep_loop.foreign.experiments import experiments
from deep_loop.foreign.reading import read

LOG = b"""commit\tval_bpb\tstatus\tdescription
a1b2c3d\t2.00\tkeep\tbaseline
b2c3d4e\t1.00\tkeep\thalf of it
c3d4e5f\t1.10\tdiscard\ta tenth worse
d4e5f6a\tn/a\tcrash\tboom
e5f6a7b\t9.00\tdiscard\tfar off
"""


def closed(log: bytes) -> list[Experiment]:
    """The log's experiments as the ledger gives them back."""
    found: list[Experiment] = []
    for number, unit in enumerate(experiments(read(log), "log", 0)):
        run = Measurement(
            number, number, 0, number, number, "first", unit.machine, "elsewhere", "", 0.0, 0.0, unit.outcome
        )
        runs = (run,) if unit.outcome else ()
        ask = Ask(number + 1, "imported", number, 0)
        found.append(
            Record(number, ask, unit.proposal, True, 0.0, (Attempt(0, "", 0.0),), runs, unit.decision, 0.0, number + 1)
        )
    return found


def test_findings_are_gains_over_what_was_held_against_there() -> None:
    """As fractions, never further than one; baselines found nothing, crashes have no gain."""
    found = earlier("night", "results.tsv", Metric("val_bpb"), closed(LOG))
    assert [(f.number, f.kept, f.crashed) for f in found.findings] == [
        (1, True, False), (2, False, False), (3, False, True), (4, False, False),
    ]  # fmt: skip
    assert [f.gain for f in found.findings] == [0.5, pytest.approx(-0.1), None, -1.0]
    assert found.kept == 1


def test_better_is_plus_whatever_the_direction() -> None:
    """A score that falls is a loss."""
    found = earlier("night", "log", Metric("val_bpb", Direction.MAXIMIZE), closed(LOG))
    assert found.findings[0].gain == -0.5


def test_no_value_of_the_metric_is_known() -> None:
    """Nothing that could be compared with an incumbent of ours: names, words, and gains as fractions."""
    assert {field.name for field in fields(Finding)} == {
        "number",
        "title",
        "kind",
        "changes",
        "kept",
        "crashed",
        "gain",
    }
    assert {field.name for field in fields(Earlier)} == {"tag", "source", "metric", "findings"}
