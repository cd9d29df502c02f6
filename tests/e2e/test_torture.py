"""Harnesses killed at random moments and at chosen steps; the benchmark `torture` does it 200 times and everywhere.

Whatever happens is audited: see `deep_loop.testing.audit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.result import line
from benchmarks.torture import TARGETS, Campaign, kills, result, study
from benchmarks.torture.kills import Fate
from deep_loop.testing.audit import Problem, audit

pytestmark = pytest.mark.slow

STEPS = (
    "git switch",  # onto the branch, before the ledger is made
    "ledger: PRAGMA user_version",  # the last step of the ledger's schema
    "start a run",
    "git update-ref refs/heads/deep-loop/a",  # a keep, the checkout brought along already
    "ledger: INSERT INTO revisions",  # the strategy is committed already
)


@dataclass(frozen=True)
class Undisturbed:
    """A study that nobody kills."""

    folder: Path
    story: Mapping[str, Any]
    labels: Sequence[str]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The one that all others are compared with; nothing is wrong with it."""
    place = tmp_path_factory.mktemp("undisturbed")
    story, labels = kills.undisturbed(place / "lab", place / "labels")
    assert audit(place / "lab", study.TAG) == []
    return Undisturbed(place / "lab", story, labels)


def test_the_undisturbed_study_is_worth_killing(undisturbed: Undisturbed) -> None:
    """It has everything that a kill could spoil: keeps, discards, crashes, repeats, revisions and many steps."""
    experiments = undisturbed.story["experiments"]
    assert {e["decision"].kind for e in experiments} == {"keep", "discard", "crash"}
    assert any(len(e["runs"]) > 1 for e in experiments)
    assert undisturbed.story["revisions"]
    assert set(STEPS) <= set(undisturbed.labels)
    assert len(kills.boundaries(undisturbed.labels)) > 200


def test_kills_at_random_moments(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """Resumed by the same command, the study loses nothing, doubles nothing and decides the same."""
    fate = kills.at_moments(tmp_path / "lab", Random(1), 8, undisturbed.story)
    assert fate.whole, str(fate)
    assert fate.kills > 1


@pytest.mark.parametrize("label", STEPS)
def test_a_kill_at_a_step(tmp_path: Path, undisturbed: Undisturbed, label: str) -> None:
    """Right before a step that others hang on, and once more soon after the resumption: the same end."""
    last = len(undisturbed.labels) - undisturbed.labels[::-1].index(label)
    fate = kills.at_steps(tmp_path / "lab", (last, 8), undisturbed.story)
    assert fate.whole, str(fate)
    assert fate.kills


def test_kills_with_two_slots(tmp_path: Path) -> None:
    """What runs side by side may close in another order; still nothing is lost, doubled or left over."""
    fate = kills.at_moments(tmp_path / "lab", Random(2), 4, None, ("--slots", "2"))
    assert fate.whole, str(fate)
    assert fate.kills > 1


def test_the_benchmark_fails_over_anything_that_is_wrong() -> None:
    """Two hundred kills meet the targets where nothing is wrong, and miss them over a single fault."""
    clean = Fate("killed", 200, 200, None, False, ())
    faults = [
        Fate("killed", 1, 1, "it hung", False, ()),
        Fate("killed", 1, 1, None, True, ()),
        *(
            Fate("killed", 1, 1, None, False, (Problem(kind, "something"),))
            for kind in ("lost", "doubled", "repeated", "left over", "differs")
        ),
    ]

    def met(*fates: Fate) -> bool:
        campaigns = [Campaign("moments", (clean,)), Campaign("steps", fates), Campaign("two slots", (clean,))]
        return line("torture", result(campaigns, TARGETS), "2026-11-23").met

    assert met(clean)
    assert not any(met(clean, fault) for fault in faults)
    assert not any(fault.whole for fault in faults)
