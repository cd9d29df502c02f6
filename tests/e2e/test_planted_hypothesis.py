"""The outer tier's file is a way in for a person too: what stands there is tried."""

from __future__ import annotations

from pathlib import Path

import pytest
import real_lab

ENTRY = """\
# Next hypotheses

## 1. h-planted: Raise DEPTH to 6

- set: DEPTH = 6
"""

pytestmark = pytest.mark.slow


def run(folder: Path, experiments: int) -> list[str]:
    """Run up to that many experiments; returns all titles so far."""
    done = real_lab.deep_loop(folder, "run", "--tag", "a", "--max-experiments", str(experiments), NAP="0")
    assert done.code == 0, done
    with real_lab.ledger(folder, "a") as ledger:
        return [e.proposal.idea.title for e in ledger.closed()]


def taken(folder: Path) -> list[int]:
    """The experiments that took the planted entry up."""
    with real_lab.ledger(folder, "a") as ledger:
        return [e.number for e in ledger.closed() if e.proposal.idea.hypothesis == "h-planted"]


def write(folder: Path, text: str | None) -> None:
    """A person commits the hypotheses, or their removal."""
    path = folder / "next-hypotheses.md"
    before = path.read_text() if path.exists() else ""
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    real_lab.git(folder, "add", "--all", "next-hypotheses.md")
    real_lab.git(folder, "commit", "--quiet", f"--message=hypotheses, {len(before)} before")


def test_one_that_stands_there_from_the_start_is_taken(tmp_path: Path) -> None:
    """By its identity, within three proposals."""
    folder = real_lab.make(tmp_path / "lab")
    write(folder, ENTRY)
    run(folder, 3)
    assert taken(folder)


def test_one_that_a_person_adds_is_taken_and_its_removal_restores_the_sequence(tmp_path: Path) -> None:
    """Within three proposals of the going on; a study where it was added and removed again goes its old way."""
    old, planted, removed = (real_lab.make(tmp_path / name, meta_interval="50") for name in ("old", "new", "back"))
    run(old, 2)  # as many sittings as the others: each ends with runs of its incumbent
    titles = run(old, 5)
    assert run(planted, 2) == run(removed, 2) == titles[:3]
    before = (planted / "next-hypotheses.md").read_text() if (planted / "next-hypotheses.md").exists() else None
    write(planted, ENTRY)
    run(planted, 5)
    assert len(taken(planted)) == 1
    write(removed, ENTRY)
    write(removed, before)
    assert run(removed, 5) == titles
    assert not taken(removed)
