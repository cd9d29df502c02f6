"""`deep-loop autostart`: written once, taken away again, and what is written starts the study."""

from __future__ import annotations

import configparser
import shlex
import subprocess
from pathlib import Path

import pytest

from deep_loop.interfaces.cli import main

SETTINGS = '[task]\nrun = "true"\neditable = ["train.py"]\n'


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a name that needs quoting, and a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder = tmp_path / "my 100% study"
    folder.mkdir()
    (folder / "deep-loop.toml").write_text(SETTINGS)
    return folder


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `crontab` that keeps its table in a file."""
    table, folder = tmp_path / "table", tmp_path / "bin"
    folder.mkdir()
    script = f"""#!/bin/sh
if [ "$1" = - ]; then cat > '{table}'; elif [ -e '{table}' ]; then cat '{table}'
else echo "no crontab for ada" >&2; exit 1; fi
"""
    (folder / "crontab").write_text(script)
    (folder / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return table


def autostart(workspace: Path, *arguments: str) -> int:
    """Run the command."""
    return main(["autostart", "--workspace", str(workspace), "--tag", "exp1", *arguments])


def test_a_unit_of_systemd(workspace: Path, tmp_path: Path) -> None:
    """It is in the person's own folder, wanted at the start, calls `run` for the study, and goes again."""
    assert autostart(workspace, "--by", "systemd") == 0
    assert autostart(workspace, "--by", "systemd") == 0
    folder = tmp_path / "home" / ".config" / "systemd" / "user"
    (unit,) = folder.glob("*.service")
    (wanted,) = (folder / "default.target.wants").iterdir()
    assert wanted.resolve() == unit
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(unit)
    words = shlex.split(parsed["Service"]["ExecStart"].replace("%%", "%"))
    assert words[-5:] == ["run", "--workspace", str(workspace), "--tag", "exp1"]
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True)
    assert "Usage: deep-loop run" in done.stdout
    assert autostart(workspace, "--by", "systemd", "--remove") == 0
    assert not list(folder.glob("**/*exp1*"))


def test_a_line_of_cron(workspace: Path, crontab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The person's other lines stay; the study has one, however often it is asked for, and then none."""
    crontab.write_text("5 4 * * * backup\n")
    assert autostart(workspace, "--by", "cron") == 0
    assert autostart(workspace, "--by", "cron") == 0
    kept, line = crontab.read_text().splitlines()
    assert kept == "5 4 * * * backup"
    assert line.startswith("@reboot ") and r"100\% study" in line
    words = shlex.split(line.replace(r"\%", "%"))
    assert words[words.index("run") :][:5] == ["run", "--workspace", str(workspace), "--tag", "exp1"]
    assert autostart(workspace, "--by", "cron", "--remove") == 0
    assert crontab.read_text() == "5 4 * * * backup\n"
    capsys.readouterr()
    assert autostart(workspace, "--by", "cron", "--remove") == 0
    assert capsys.readouterr().out == "it was not set to start\n"


def test_a_first_crontab(workspace: Path, crontab: Path) -> None:
    """A person without one gets one."""
    assert autostart(workspace, "--by", "cron") == 0
    assert crontab.read_text().count("@reboot") == 1


def test_printing_writes_nothing(
    workspace: Path, crontab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be written is on standard output alone."""
    assert autostart(workspace, "--by", "systemd", "--print") == 0
    assert "ExecStart=" in capsys.readouterr().out
    assert autostart(workspace, "--by", "cron", "--print") == 0
    assert capsys.readouterr().out.startswith("@reboot ")
    assert not (tmp_path / "home").exists() and not crontab.exists()


def test_a_machine_without_cron(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, with what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert autostart(workspace, "--by", "cron") == 1
    assert "hint: install cron" in capsys.readouterr().err
