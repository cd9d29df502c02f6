"""Errors that a person meets: a message, a blank line, a hint; never a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import real_lab
from real_lab import deep_loop, error, make

RUN = ("run", "--tag", "a")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return make(tmp_path / "lab")


def test_a_folder_that_is_no_repository(lab: Path) -> None:
    """Is said so, with what to type."""
    shutil.rmtree(lab / ".git")
    message, hint = error(deep_loop(lab, *RUN))
    assert "not a git repository" in message or "no git repository" in message
    assert "git init" in hint


def test_a_folder_without_settings(tmp_path: Path) -> None:
    """Names the command that makes a workspace."""
    message, hint = error(deep_loop(tmp_path, *RUN))
    assert "deep-loop.toml" in message
    assert "deep-loop init" in hint


def test_edited_files_at_the_first_run(lab: Path) -> None:
    """Are named; nothing is begun."""
    (lab / "train.py").write_text("print('val_bpb: 1')\n")
    message, hint = error(deep_loop(lab, *RUN))
    assert "train.py" in message
    assert "commit" in hint
    assert "deep-loop/a" not in real_lab.git(lab, "branch", "--list")


def test_an_unknown_key(lab: Path) -> None:
    """Brings the nearest known one, and exit code 2."""
    settings = lab / "deep-loop.toml"
    settings.write_text(settings.read_text().replace("max_experiments", "max_experimens"))
    done = deep_loop(lab, *RUN)
    message, hint = error(done)
    assert done.code == 2
    assert "max_experimens" in message
    assert "max_experiments" in message + hint


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """The baseline fails, and the shell's complaint is shown."""
    message, hint = error(deep_loop(make(tmp_path / "lab", run='"nosuchprogram"'), *RUN))
    assert "baseline failed" in message
    assert "nosuchprogram" in message
    assert "nosuchprogram" in hint


def test_a_metric_that_is_never_printed(tmp_path: Path) -> None:
    """Shows the last twenty lines of the log and the pattern that found nothing."""
    talk = "for line in range(30):\n    print(f'line {line}')\n"
    message, hint = error(deep_loop(make(tmp_path / "lab", train=talk), *RUN))
    shown = message.splitlines()
    assert shown[-20:] == [f"line {line}" for line in range(10, 30)]
    assert any("baseline failed" in line and "val_bpb" in line for line in shown[:-20])
    assert "val_bpb" in hint


def test_a_failed_baseline_is_measured_again_once_it_is_mended(tmp_path: Path) -> None:
    """The same command goes on after the commit that mends it."""
    lab = make(tmp_path / "lab", train="print('nothing')\n")
    error(deep_loop(lab, *RUN))
    (lab / "train.py").write_text(real_lab.TRAIN)
    real_lab.git(lab, "commit", "--quiet", "--all", "--message=mended")
    done = deep_loop(lab, *RUN, "--max-experiments", "1")
    assert done.code == 0, done


def test_the_placeholder_in_the_program(lab: Path) -> None:
    """Nothing starts before a person has said what is to be found out."""
    (lab / "program.md").write_text("# YOUR_TOPIC_HERE\n")
    message, hint = error(deep_loop(lab, *RUN))
    assert "YOUR_TOPIC_HERE" in message
    assert "program.md" in hint


def test_a_second_run_in_a_workspace(lab: Path) -> None:
    """Names the process that is there already; that one is not disturbed."""
    with real_lab.started(lab, *RUN, NAP="60") as first:
        real_lab.until(lambda: real_lab.run_processes(lab))
        message, hint = error(deep_loop(lab, *RUN))
        assert str(first.pid) in message
        assert "deep-loop stop" in hint
        assert first.poll() is None
        assert deep_loop(lab, "stop", "--now").code == 0
        assert first.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*RUN, "--until", "tomorrow"), "07:00"),
        ((*RUN, "--agent", "nobody"), "tuner"),
        (("run", "--tag", "a..b"), "a..b"),
        (("run",), "--tag"),
        (("sttus",), "status"),
        (("status",), "deep-loop run"),
        (("stop",), "deep-loop run"),
        (("pause",), "deep-loop run"),
        (("resume",), "deep-loop run"),
        (("meta",), "deep-loop run"),
        (("report",), "deep-loop run"),
        (("init", "."), "empty"),
        (("init", "new", "--template", "nosuch"), "tiny-lm"),
    ],
)
def test_what_cannot_be_done(lab: Path, arguments: tuple[str, ...], words: str) -> None:
    """Names what would be right."""
    message, hint = error(deep_loop(lab, *arguments))
    assert words in message + hint


def test_questions_about_what_is_not_there(lab: Path) -> None:
    """An unknown study names the known ones; an unknown experiment says how many there are."""
    assert deep_loop(lab, *RUN, "--max-experiments", "1").code == 0
    for command in (("status",), ("show", "0"), ("history",), ("meta",), ("report",), ("reproduce", "0")):
        message, hint = error(deep_loop(lab, *command, "--tag", "nosuch"))
        assert "nosuch" in message
        assert "there are: a;" in hint
    for command in ("show", "reproduce"):
        message, _ = error(deep_loop(lab, command, "99"))
        assert "99" in message
    message, _ = error(deep_loop(lab, *RUN, "--seed", "9"))
    assert "seed 5" in message
