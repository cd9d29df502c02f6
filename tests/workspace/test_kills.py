"""A harness killed at any moment leaves a repository that the next one brings into order by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from person import BRANCH, repository, workspace

HARNESS = """
import sys
from pathlib import Path
from person import workspace

lab = workspace(Path(sys.argv[1]))
lab.enter(None)
lab.recover()
start = lab.head()
print("ready", flush=True)
for number in range(1000):
    base = lab.head() if number % 2 else start
    commit = lab.commit(base, {"train.py": f"X = {number}\\n" * 2000}, f"try {number}")
    lab.settle(number, commit, f"keep {number}")
    lab.write({"process_log.md": f"{number}\\n" * 2000}, f"meta: {number}", lab.head())
"""


def test_a_killed_harness_leaves_order_behind(tmp_path):
    """After SIGKILL anywhere between keeps, a new run finds a clean checkout on a branch whose log is whole."""
    person = repository(tmp_path / "lab")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for wait in (0.1, 0.12, 0.14, 0.17, 0.2):
        harness = subprocess.Popen(
            [sys.executable, "-c", HARNESS, str(person.root)], env=environment, stdout=subprocess.PIPE
        )
        assert harness.stdout.readline() == b"ready\n"
        time.sleep(wait)
        harness.kill()
        harness.communicate()
        time.sleep(0.1)  # a git that it had started may still be at work
        lab = workspace(person.root)
        lab.enter(None)
        lab.recover()
        assert (person.status(), person.where(), lab.notices) == ([], BRANCH, [])
        assert list(lab.sync()) == []
        assert person.text("train.py") == lab.read(lab.head(), "train.py")
    person.git("fsck", "--strict", "--no-dangling")


def age(path, seconds):
    """Make a file look that much older, so that a test need not wait."""
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_move_whose_git_was_killed_too_is_finished(tmp_path):
    """A checkout that is half written, under a lock, is brought along: it is no local edit of a person's."""
    person = repository(tmp_path / "lab")
    lab = workspace(person.root)
    lab.enter(None)
    old = lab.head()
    new = lab.commit(old, {"train.py": "X = 1\n" * 2000, "program.md": "# Another\n"}, "try")
    person.put("train.py", "X = 1\n" * 700)
    (person.root / "program.md").unlink()
    journal, lock = person.root / ".deep-loop" / "moving", person.root / ".git" / "index.lock"
    journal.write_text(f"{old} {new}\n")
    lock.touch()
    age(journal, 11)
    age(lock, 9.8)
    again = workspace(person.root)
    again.enter(None)
    again.recover()
    assert (person.status(), person.where(), again.notices) == ([], BRANCH, [])
    assert again.head() == new
    assert not lock.exists() and not journal.exists()


def test_a_lock_that_is_not_the_moves_stays(tmp_path):
    """An index lock from before the move is the person's: it is told, and left."""
    person = repository(tmp_path / "lab")
    lab = workspace(person.root)
    lab.enter(None)
    new = lab.commit(lab.head(), {"train.py": "X = 1\n"}, "try")
    lock = person.root / ".git" / "index.lock"
    lock.touch()
    age(lock, 60)
    (person.root / ".deep-loop" / "moving").write_text(f"{lab.head()} {new}\n")
    again = workspace(person.root)
    again.enter(None)
    again.recover()
    assert lock.exists()
    assert any("index.lock" in notice for notice in again.notices)


@pytest.mark.parametrize("name", ["HEAD.lock", f"refs/heads/{BRANCH}.lock", "packed-refs.lock"])
def test_a_fresh_lock_of_a_dead_git_is_outwaited(tmp_path, name):
    """Resumed at once after a kill that took git along, the harness waits until the lock cannot be a living git's."""
    person = repository(tmp_path / "lab")
    workspace(person.root).enter(None)
    lock = person.root / ".git" / name
    lock.touch()
    age(lock, 9.8)
    lab = workspace(person.root)
    lab.enter(None)
    lab.recover()
    lab.settle(1, lab.commit(lab.head(), {"train.py": "X = 1\n"}, "try"), "keep")
    assert not lock.exists()
    assert (person.status(), lab.notices) == ([], [])
