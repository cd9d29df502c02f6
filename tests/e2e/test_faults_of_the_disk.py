"""A disk that is full in the middle of a study, at each place where the study writes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import faults_lab
from faults_lab import (
    WAITING,
    decision,
    fill,
    goes_on,
    in_order,
    make,
    meanwhile,
    outcome,
    read_only,
    run,
    small_disk,
    went_well,
)
from real_lab import Done, error

from deep_loop.core.experiment import Crash, Crashed, Measured


def filled(lab: Path, place: Path) -> tuple[Done, Path]:
    """Fill the disk of `place` while a candidate runs; returns how the harness ended, and what fills the disk."""
    filler: list[Path] = []
    done = meanwhile(lab, lambda: filler.append(fill(place)))
    return done, filler[0]


def test_a_full_disk_under_the_ledger(tmp_path: Path) -> None:
    """The study ends, saying so; what was recorded is safe, and with room again it goes on."""
    lab = tmp_path / "lab"
    state = lab / ".deep-loop"
    with small_disk(state, 2), small_disk(state / "runs", 8), small_disk(state / "proposals", 8):
        make(lab, WAITING)
        done, filler = filled(lab, lab / ".deep-loop")
        message, hint = error(done)
        assert "disk is full" in message
        assert "ledger.db cannot grow" in message
        assert "free some space" in hint
        message, hint = error(run(lab))
        assert "disk is full" in message
        assert "free some space" in hint
        assert len(faults_lab.closed(lab)) == 1
        filler.unlink()
        goes_on(lab)


def test_a_full_disk_under_the_logs(tmp_path: Path) -> None:
    """A run whose log cannot be written is a crash with that reason, and the study goes on."""
    lab = make(tmp_path / "lab", "print('x' * 2**21)")
    with small_disk(lab / ".deep-loop" / "logs", 1):
        went_well(run(lab, fault=True))
        found = outcome(lab)
        assert isinstance(found, Crashed)
        assert found.reason == "cannot write the log: No space left on device"
        assert decision(lab) == Crash(found.reason)
        in_order(lab, 1)
        faults_lab.log(lab).unlink()
        goes_on(lab)


def test_a_run_that_fills_the_disk(tmp_path: Path) -> None:
    """What it wrote goes with its folder: the harness has room to record the crash, and goes on by itself."""
    fault = "with open('junk', 'wb', buffering=0) as junk:\n    while junk.write(bytes(2**20)): pass"
    lab = tmp_path / "lab"
    with small_disk(lab / ".deep-loop", 16):
        make(lab, fault)
        went_well(run(lab, fault=True))
        assert isinstance(outcome(lab), Crashed)
        in_order(lab, 1)
        goes_on(lab)


def test_a_full_disk_under_git(tmp_path: Path) -> None:
    """A keep that git cannot take is in the ledger by then: the study ends, saying so, and the next run makes it."""
    lab = tmp_path / "lab"
    with small_disk(lab / ".git", 4):
        make(lab, WAITING, kept=True)
        done, filler = filled(lab, lab / ".git")
        message, hint = error(done)
        assert "disk is full" in message
        assert "free some space" in hint
        message, hint = error(run(lab))
        assert "disk is full" in message
        assert "free some space" in hint
        filler.unlink()
        goes_on(lab)
        assert isinstance(outcome(lab), Measured)


def test_a_full_disk_under_the_workspace(tmp_path: Path) -> None:
    """Nothing is begun where there is no room for it."""
    lab = tmp_path / "lab"
    with small_disk(lab, 8):
        message, hint = error(run(make(lab)))
        assert "free" in message
        assert "space" in hint or "free" in hint
        assert not (lab / ".deep-loop").exists()


def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    """As Linux makes one that fails: the study ends, saying so, and goes on once it can be written again."""
    lab = make(tmp_path / "lab", WAITING)
    with ExitStack() as later:
        message, hint = error(meanwhile(lab, lambda: later.enter_context(read_only(lab / ".deep-loop", mounted=True))))
    assert "ead-only file system" in message or "ermission denied" in message
    assert "then run the same command again" in hint
    goes_on(lab)
