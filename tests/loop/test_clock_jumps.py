"""A clock that jumps: put right by hand or by the network, an hour of summer, a battery that is flat."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
from laboratory import Laboratory

from deep_loop.testing.doubles import START, ManualClock
from deep_loop.testing.study_contract import Plan

DAY = 86400.0


class JumpingClock(ManualClock):
    """Goes back and forth by what it is given, one jump after the other, whenever it is read."""

    def __init__(self, *jumps: float) -> None:
        super().__init__()
        self._jumps = cycle(jumps)

    def time(self) -> float:
        """Seconds since the epoch, more or less."""
        self.now += next(self._jumps)
        return self.now


def told(root: Path, clock: ManualClock) -> tuple[object, ...]:
    """What a study of eight experiments decides and writes under a clock."""
    lab = Laboratory(root, Plan(meta_interval=3))
    lab.clock = clock
    lab.study(4).run()
    lab.study(8).run()  # resumed in the middle
    lab.check()
    versions = [revision.version for revision in lab.ledger().revisions()]
    return lab.told(), versions, lab.at("HEAD", "train.py")


@pytest.mark.parametrize(
    "jumps",
    [(-1.0,), (-DAY, DAY + 1), (DAY, -DAY), (0.0, 0.0, -400 * DAY, 1.0, 400 * DAY), (-START / 300,)],
    ids=["backwards", "a day back and forth", "a day forth and back", "now and then", "to 1970"],
)
def test_jumps_change_no_decision(tmp_path: Path, jumps: tuple[float, ...]) -> None:
    """Order comes from the ledger's own count: decisions, strategies and files are as by a steady clock."""
    assert told(tmp_path / "jumping", JumpingClock(*jumps)) == told(tmp_path / "steady", ManualClock(step=0.001))


def test_a_deadline_that_a_jump_has_passed(tmp_path: Path) -> None:
    """Ends the sitting in good order; the next one goes on."""
    lab = Laboratory(tmp_path / "lab")
    lab.clock = ManualClock(step=0.001)
    study = lab.study(8, deadline=START + DAY, run_seconds=0.05)
    lab.clock.step = DAY / 40
    assert "deadline" in study.run() or "time" in study.run()
    assert 0 < len(lab.told()) < 9
    lab.check()
    lab.clock.step = 0.001
    lab.study(8).run()
    assert len(lab.told()) == 9
    lab.check()
