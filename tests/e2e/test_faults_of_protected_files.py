"""A protected file that is edited, replaced by a link or deleted: by a run, and by a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from faults_lab import BRANCH, WAITING, closed, decision, goes_on, in_order, make, meanwhile, outcome, run, went_well
from real_lab import deep_loop, error, git

from deep_loop.core.experiment import value

DEEDS = {
    "edited": "open('notes.txt', 'a').write('easier')",
    "replaced by a link": "os.unlink('notes.txt'); os.symlink('/etc/hostname', 'notes.txt')",
    "deleted": "os.unlink('notes.txt')",
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_by_a_run(tmp_path: Path, deed: str) -> None:
    """The run breaks a rule: it is a crash with that reason whatever it prints, and no commit has the change."""
    lab = make(tmp_path / "lab", deed, study='sandbox = "off"\n')
    went_well(run(lab, fault=True))
    assert outcome(lab).kind == "breached"
    assert "notes.txt" in outcome(lab).reason
    assert decision(lab).kind == "crash"
    assert "breach" in decision(lab).reason
    assert (lab / "notes.txt").read_text() == "as it is\n"
    in_order(lab, 1)
    goes_on(lab)


def test_by_a_run_in_the_best_sandbox_there_is(tmp_path: Path) -> None:
    """Refused to it, or found afterwards: a crash all the same."""
    lab = make(tmp_path / "lab", DEEDS["edited"])
    went_well(run(lab, fault=True))
    assert outcome(lab).kind in ("crashed", "breached")
    assert "notes.txt" in outcome(lab).reason
    in_order(lab, 1)
    goes_on(lab)


def edited(file: Path) -> None:
    """By an editor."""
    file.write_text("easier\n")


def replaced(file: Path) -> None:
    """By a link."""
    file.unlink()
    file.symlink_to("/etc/hostname")


@pytest.mark.parametrize("deed", [edited, replaced, Path.unlink])
def test_by_a_person_before_a_study(tmp_path: Path, deed: Callable[[Path], object]) -> None:
    """Nothing is begun over an edit that is not committed."""
    lab = make(tmp_path / "lab")
    deed(lab / "notes.txt")
    message, hint = error(run(lab))
    assert "notes.txt" in message
    assert "commit or stash" in hint
    assert git(lab, "branch", "--show-current") == "main"
    assert not git(lab, "for-each-ref", "refs/heads/deep-loop", "refs/deep-loop")
    git(lab, "restore", "notes.txt")
    went_well(run(lab))
    goes_on(lab)


@pytest.mark.parametrize("deed", [edited, replaced, Path.unlink])
def test_by_a_person_during_a_study(tmp_path: Path, deed: Callable[[Path], object]) -> None:
    """Is no part of the study until it is committed, and is never lost.

    It stays where it is if the run could not have done it, and is put aside for the person if it could.
    """
    lab = make(tmp_path / "lab", WAITING)
    done = meanwhile(lab, lambda: deed(lab / "notes.txt"))
    went_well(done)
    assert git(lab, "show", f"{BRANCH}:notes.txt") == "as it is"
    if git(lab, "status", "--porcelain", "--untracked-files=no"):
        done = run(lab, 2)
        went_well(done)
        assert "notes.txt are no part of the study until committed" in done.err
        git(lab, "restore", "notes.txt")
    else:
        assert "notes.txt in your checkout is protected and was changed" in done.err
        assert deed is Path.unlink or list((lab / ".deep-loop" / "found").rglob("notes.txt"))
    goes_on(lab, 3)


def test_committed_by_a_person_during_a_study(tmp_path: Path) -> None:
    """A baseline under the new ones comes next, and what follows is compared with that."""
    lab = make(tmp_path / "lab", WAITING)

    def deed() -> None:
        edited(lab / "notes.txt")
        git(lab, "commit", "--quiet", "--message=notes", "notes.txt")

    went_well(meanwhile(lab, deed, 2))
    old, first, new, second = sorted(closed(lab), key=lambda line: line.number)
    assert [line.counted for line in (old, first, new, second)] == [False, True, False, True]
    assert git(lab, "show", f"{first.commit}:notes.txt") == "as it is"
    assert [git(lab, "show", f"{line.commit}:notes.txt") for line in (new, second)] == ["easier"] * 2
    assert second.proposal.parent == new.number
    assert json.loads(deep_loop(lab, "status", "--json").out)["baseline"] == pytest.approx(value(new))
    goes_on(lab, 3)
