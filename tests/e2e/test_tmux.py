"""`deep-loop run --tmux`: real sessions of a real tmux, each on a server of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_lab import count, deep_loop, error, git, make, started, until

from deep_loop.interfaces.cli.tmux import FAILED, Session

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return make(tmp_path / "the lab")


@pytest.fixture
def session(lab: Path) -> Iterator[Session]:
    """The session of the study t.1; nothing of it is left afterwards."""
    found = Session.of(lab.resolve(), "t.1")
    yield found
    subprocess.run(found.command("kill-server"), capture_output=True)


def test_a_study_goes_on_without_the_terminal(lab: Path, session: Session) -> None:
    """It is told how to watch and to stop it; the same flags count; its session is gone when it ends."""
    done = deep_loop(lab, "run", "--tag", "t.1", "--max-experiments", "2", "--seed", "0", "--tmux", NAP="0.3")
    assert done.code == 0, done
    assert done.out.startswith("t.1 runs in tmux")
    assert " ".join(session.command("attach", "-t", "t_1")) in done.out
    assert session.alive()
    assert '"state": "running"' in deep_loop(lab, "status", "--json").out
    until(lambda: not session.alive(), 120)
    assert count(lab, "t.1") == 3
    assert "2 of 2 experiments" in deep_loop(lab, "status").out


def test_it_can_be_stopped_from_elsewhere(lab: Path, session: Session) -> None:
    """`deep-loop stop` ends it in good order."""
    assert deep_loop(lab, "run", "--tag", "t.1", "--tmux", NAP="0.3").code == 0
    until(lambda: count(lab, "t.1"))
    assert deep_loop(lab, "stop").code == 0
    until(lambda: not session.alive())


def test_what_is_wrong_with_the_flags_is_said_in_the_terminal_that_asked(lab: Path, session: Session) -> None:
    """A line and a hint, and no session."""
    assert "codexx" in error(deep_loop(lab, "run", "--tag", "t.1", "--agent", "codexx", "--tmux"))[0]
    assert error(deep_loop(lab, "run", "--tag", "t.1", "--from", "nowhere", "--tmux"))
    assert not session.alive()


def test_what_goes_wrong_later_stays_in_the_window(lab: Path, session: Session) -> None:
    """A study that fails can be read there, and does not stand in the way of the next try."""
    (lab / "train.py").write_text("raise SystemExit('out of paper')\n")
    git(lab, "commit", "-qam", "broken")
    for _ in range(2):
        done = deep_loop(lab, "run", "--tag", "t.1", "--tmux")
        if done.code == 0:
            until(lambda: FAILED in session.text())
            assert "out of paper" in session.text()
        else:  # it failed before this terminal was let go
            assert "out of paper" in error(done)[0]


def test_a_workspace_that_is_held_is_not_taken(lab: Path, session: Session) -> None:
    """Two harnesses never run in one workspace."""
    with started(lab, "run", "--tag", "a", NAP="0.3"):
        until(lambda: count(lab, "a"))
        message, _ = error(deep_loop(lab, "run", "--tag", "t.1", "--tmux"))
        assert "a" in message and "runs" in message
        assert not session.alive()
