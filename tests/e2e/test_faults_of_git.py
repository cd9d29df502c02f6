"""A repository that is not as a study hopes for: at its start, between two sittings, in the middle."""

from __future__ import annotations

import os
import time
from pathlib import Path

import faults_lab
import pytest
from faults_lab import BRANCH, TAG, WAITING, arguments, goes_on, in_order, make, meanwhile, read_only, run, went_well
from real_lab import Done, error, git, started

from deep_loop.core.experiment import Measured, is_keep

LOCKS = ("HEAD.lock", "packed-refs.lock", f"refs/heads/{BRANCH}.lock", f"refs/deep-loop/{TAG}/2.lock")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_a_dead_git_left(tmp_path: Path, name: str) -> None:
    """One of the refs' is taken away once it is too old to be anybody's: git holds them for milliseconds."""
    lab = make(tmp_path / "lab", kept=True)
    went_well(run(lab))
    git(lab, "pack-refs", "--all")
    lock = lab / ".git" / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (time.time() - 60,) * 2)
    goes_on(lab)


def test_a_lock_that_appears_during_a_study(tmp_path: Path) -> None:
    """The study waits for it, then ends and names it; the keep is recorded by then, and made when it goes on."""
    lab = make(tmp_path / "lab", WAITING, kept=True)
    lock = lab / ".git" / "HEAD.lock"
    message, hint = error(meanwhile(lab, lock.touch))
    assert "HEAD.lock" in message
    assert "remove that file" in hint
    lock.unlink()
    goes_on(lab)


def test_a_lock_of_the_index(tmp_path: Path) -> None:
    """It may be an editor's: it is named and left, the study goes on without the checkout, and comes back to it."""
    lab = make(tmp_path / "lab", kept=True)
    git(lab, "switch", "--quiet", "--create", BRANCH)
    lock = lab / ".git" / "index.lock"
    lock.touch()
    done = run(lab)
    went_well(done)
    assert "index.lock exists; if no git command is running, remove it" in done.err
    assert lock.exists()
    lock.unlink()
    in_order(lab, 1, attached=False)
    goes_on(lab)


@pytest.mark.parametrize("where", [("--detach",), ("main",)], ids=["detached", "another branch"])
def test_a_person_leaves_the_branch_during_a_study(tmp_path: Path, where: tuple[str, ...]) -> None:
    """Their checkout is theirs: nothing of it moves while the study goes on, and the next sitting takes it back."""
    lab = make(tmp_path / "lab", WAITING, kept=True)
    done = meanwhile(lab, lambda: git(lab, "switch", "--quiet", *where))
    went_well(done)
    assert git(lab, "branch", "--show-current") == where[0].removeprefix("--detach")
    assert git(lab, "rev-parse", "HEAD") == git(lab, "rev-parse", "main") != git(lab, "rev-parse", BRANCH)
    assert not git(lab, "status", "--porcelain", "--untracked-files=no")
    in_order(lab, 1, attached=False)
    goes_on(lab)


def test_a_person_leaves_the_branch_between_two_sittings(tmp_path: Path) -> None:
    """A clean checkout is taken back; commits made on none of the branches are kept, and spoken of."""
    lab = make(tmp_path / "lab")
    went_well(run(lab))
    git(lab, "switch", "--quiet", "--detach")
    git(lab, "commit", "--quiet", "--allow-empty", "--message=of mine")
    mine = git(lab, "rev-parse", "HEAD")
    done = run(lab, 2)
    went_well(done)
    assert "git cherry-pick" in done.err
    assert git(lab, "for-each-ref", "--contains", mine)
    in_order(lab, 2)
    goes_on(lab, 3)


def commit_a_note(lab: Path) -> None:
    """A person's commit on the study branch."""
    (lab / "idea.md").write_text("try it\n")
    git(lab, "add", "idea.md")
    git(lab, "commit", "--quiet", "--message=of mine")


def test_a_person_moves_the_branch_during_a_study(tmp_path: Path) -> None:
    """A keep that began before the person's commit comes on top of it; neither is lost."""
    lab = make(tmp_path / "lab", WAITING, kept=True)
    went_well(meanwhile(lab, lambda: commit_a_note(lab)))
    assert git(lab, "show", f"{BRANCH}:idea.md") == "try it"
    in_order(lab, 1)
    goes_on(lab)


def test_a_person_moves_the_branch_between_two_sittings(tmp_path: Path) -> None:
    """The study goes on from there."""
    lab = make(tmp_path / "lab")
    went_well(run(lab))
    commit_a_note(lab)
    went_well(run(lab, 2))
    assert git(lab, "show", f"{BRANCH}:idea.md") == "try it"
    in_order(lab, 2)
    goes_on(lab, 3)


def test_a_person_takes_a_keep_off_the_branch(tmp_path: Path) -> None:
    """The ledger and the experiment's ref have it still; what stands there now is measured, and built on."""
    lab = make(tmp_path / "lab", kept=True)
    went_well(run(lab))
    (kept,) = [line for line in faults_lab.closed(lab) if line.number == 1 and is_keep(line)]
    before = git(lab, "rev-parse", f"{kept.commit}~1")
    git(lab, "reset", "--quiet", "--hard", before)
    went_well(run(lab))
    assert git(lab, "rev-parse", BRANCH) == before
    assert git(lab, "rev-parse", f"refs/deep-loop/{TAG}/1") == kept.commit
    went_well(run(lab, 2))
    first, kept, again, last = sorted(faults_lab.closed(lab), key=lambda line: line.number)
    assert [line.counted for line in (first, kept, again, last)] == [False, True, False, True]
    assert again.commit == before
    assert last.proposal.parent == again.number


def test_a_path_with_spaces_and_other_letters(tmp_path: Path) -> None:
    """Is a path like any other."""
    lab = make(tmp_path / 'Ada\'s  "Größe" — 実験 $HOME; `x` %s\\')
    went_well(run(lab))
    in_order(lab, 1)
    goes_on(lab)


def test_submodules(tmp_path: Path) -> None:
    """A run has them as the commit names them; in the checkout and in every commit they stay what they are."""
    part = make(tmp_path / "part", files={"part.py": "VALUE = 2.25\n"})
    lab = make(tmp_path / "lab", "sys.path.insert(0, 'sub')\nfrom part import VALUE as value")
    git(lab, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part), "sub")
    git(lab, "commit", "--quiet", "--message=a submodule")
    went_well(run(lab, fault=True))
    found = faults_lab.outcome(lab)
    assert isinstance(found, Measured), found
    assert found.value == 2.25
    assert git(lab, "ls-tree", BRANCH, "sub").startswith("160000 commit " + git(part, "rev-parse", "HEAD"))
    in_order(lab, 1)
    goes_on(lab)


def test_a_very_large_file(tmp_path: Path) -> None:
    """Costs what it costs to copy, and no memory: neither a committed one nor one beside the repository's."""
    lab = make(tmp_path / "lab")
    (lab / "weights.bin").write_bytes(os.urandom(1 << 25))
    git(lab, "add", "weights.bin")
    git(lab, "commit", "--quiet", "--message=weights")
    with (lab / "data.bin").open("wb") as file:
        file.truncate(1 << 40)
    went_well(run(lab))
    in_order(lab, 1)
    goes_on(lab)


def test_a_shallow_clone(tmp_path: Path) -> None:
    """What lies behind the clone's horizon is never asked for."""
    source = make(tmp_path / "source")
    git(source, "commit", "--quiet", "--allow-empty", "--message=second")
    lab = tmp_path / "lab"
    git(tmp_path, "clone", "--quiet", "--depth=1", source.as_uri(), str(lab))
    assert (lab / ".git" / "shallow").exists()
    went_well(run(lab))
    in_order(lab, 1)
    goes_on(lab)


def test_a_workspace_that_cannot_be_written(tmp_path: Path) -> None:
    """Is refused at once, with what to do."""
    lab = make(tmp_path / "lab")
    with read_only(lab):
        message, hint = error(run(lab))
        assert "cannot be written" in message
        assert "writable" in hint
    went_well(run(lab))
    goes_on(lab)


def test_a_repository_that_becomes_read_only(tmp_path: Path) -> None:
    """The study ends, saying so, with nothing lost."""
    lab = make(tmp_path / "lab")
    went_well(run(lab))
    with read_only(lab / ".git"):
        message, hint = error(run(lab, 2))
        assert "ead-only" in message or "ermission" in message
        assert "writable" in hint
    goes_on(lab)


def test_a_file_of_the_checkout_that_cannot_be_replaced(tmp_path: Path) -> None:
    """The study goes on and leaves the checkout behind, saying so; the next sitting brings it along."""
    lab = make(tmp_path / "lab", kept=True)
    git(lab, "switch", "--quiet", "--create", BRANCH)
    with read_only(lab / "train.py", mounted=True):
        done = run(lab)
        went_well(done)
        assert "your checkout stays" in done.err
    in_order(lab, 1, attached=False)
    goes_on(lab)


def test_two_harnesses_at_the_same_moment(tmp_path: Path) -> None:
    """One of them gets the workspace; the other is told which process has it, and disturbs nothing."""
    lab = make(tmp_path / "lab")
    with started(lab, *arguments(1)) as one, started(lab, *arguments(1)) as other:
        said = {each: each.communicate(timeout=60) for each in (one, other)}
    winner, loser = sorted(said, key=lambda each: each.returncode)
    went_well(Done(winner.returncode, *said[winner]))
    message, hint = error(Done(loser.returncode, *said[loser]))
    assert f"process {winner.pid} runs the study a" in message
    assert "deep-loop status" in hint
    in_order(lab, 1)
    goes_on(lab)
