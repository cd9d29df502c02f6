"""The command line as a whole: its table, its errors, its start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from deep_loop.interfaces.cli import main
from deep_loop.interfaces.cli.group import COMMANDS, root

HEAVY = {
    "optuna",
    "libcst",
    "scipy",
    "numpy",
    "matplotlib",
    "rich",
    "pydantic",
    "psutil",
    "pynvml",
    "sqlite3",
    "asyncio",
}


def test_help_imports_nothing_heavy() -> None:
    """`deep-loop --help` stays instant: it loads click and the table of commands."""
    code = (
        "import sys; from deep_loop.interfaces.cli import main; main(['--help']);"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Exit codes" in found.stdout
    assert not HEAVY & set(found.stderr.split())
    for name, entry in COMMANDS.items():
        assert (f"\n  {name} " in found.stdout) is not entry.hidden


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_documented(name: str) -> None:
    """A line of the table leads to a command whose options all have a help text."""
    command = root.get_command(click.Context(root), name)
    assert command is not None and command.help
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help or option.hidden, option.name


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Typing the bare name is a question, not a mistake."""
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["stats"], "there is no command `stats`", "hint: did you mean `status`?"),
        (["qqqq"], "there is no command `qqqq`", "hint: see `deep-loop --help`"),
        (["doctor", "--foo"], "No such option", "hint: see `deep-loop doctor --help`"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_a_hint(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; nothing on standard output."""
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    first, empty, last = told.err.splitlines()
    assert message in first and empty == "" and last == hint


def test_outside_a_workspace_a_person_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A deliberate error is one line, an empty one, and its hint; exit code 1, or 2 for the settings."""
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 1
    first, empty, hint = capsys.readouterr().err.splitlines()
    assert "no deep-loop.toml" in first and empty == "" and hint.startswith("hint: ")
    assert main(["history", "--workspace", str(tmp_path / "nowhere")]) == 1
    assert "no deep-loop.toml in" in capsys.readouterr().err
    (tmp_path / "deep-loop.toml").write_text("mood = 1\n")
    assert main(["doctor"]) == 2
    assert "did you mean `mode`?" in capsys.readouterr().err


def test_the_module_runs_as_the_command() -> None:
    """`python -m deep_loop.interfaces.cli` hands its exit code on."""
    command = [sys.executable, "-m", "deep_loop.interfaces.cli"]
    assert subprocess.run([*command, "--version"], capture_output=True, text=True).stdout.startswith("deep-loop ")
    assert subprocess.run([*command, "nonsense"], capture_output=True).returncode == 2
