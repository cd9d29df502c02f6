"""The scripts in the repository's root: they hand over, from wherever they are called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from planted_study import small

from deep_loop.interfaces.cli.scripts import settle

ROOT = Path(__file__).parents[2]
SCRIPTS = ("orchestrate.py", "meta_analyze.py", "notify.py")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The scripts, with an environment beside them that holds a `deep-loop`."""
    home = tmp_path / "clone"
    (home / ".venv" / "bin").mkdir(parents=True)
    for name in SCRIPTS:
        (home / name).write_bytes((ROOT / name).read_bytes())
    program = home / ".venv" / "bin" / "deep-loop"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deep_loop.interfaces.cli "$@"\n')
    program.chmod(0o755)
    return home


def call(script: Path, *arguments: str, folder: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ) if path is None else {**os.environ, "PATH": path}
    return subprocess.run(
        [sys.executable, str(script), *arguments], cwd=folder, capture_output=True, text=True, env=env
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_without_an_environment_says_what_to_do(name: str, tmp_path: Path) -> None:
    """One line and a hint; nothing but the standard library is needed to say it."""
    for script in SCRIPTS:
        (tmp_path / script).write_bytes((ROOT / script).read_bytes())
    found = call(tmp_path / name, folder=tmp_path, path=str(tmp_path))
    assert found.returncode == 1
    assert found.stderr.splitlines() == ["deep-loop is not installed here", "", "hint: ./setup.sh"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_shows_its_own_flags(name: str, clone: Path) -> None:
    """The mission's flags are those that `--help` lists."""
    told = call(clone / name, "--help", folder=clone)
    flags = {
        "orchestrate.py": ("--tag", "--meta-interval", "--meta-only", "--status", "--dry-run"),
        "meta_analyze.py": ("--workspace", "--write-hypotheses"),
        "notify.py": ("--event", "--val", "--experiments"),
    }
    assert told.returncode == 0
    assert all(flag in told.stdout for flag in flags[name]) and "--home" not in told.stdout


def test_notify_writes_where_the_study_is(clone: Path, tmp_path: Path) -> None:
    """Called in a workspace it writes there; at the clone's root, where no workspace is yet, beside itself."""
    study = small(tmp_path / "w")
    arguments = ("--event", "major_breakthrough", "--val", "0.9891", "--experiments", "7")
    assert call(clone / "notify.py", *arguments, folder=study.root).returncode == 0
    assert "MAJOR BREAKTHROUGH: val_bpb 0.9891 after 7" in (study.root / "notify.log").read_text()
    assert call(clone / "notify.py", *arguments, folder=clone).returncode == 0
    assert (clone / "notify.log").exists() and not (clone / "workspace").exists()


def test_orchestrate_asks_for_what_it_needs(clone: Path) -> None:
    """Without a study or a question there is nothing to do; two questions at once are a mistake."""
    nothing = call(clone / "orchestrate.py", folder=clone)
    assert nothing.returncode == 2 and "--tag" in nothing.stderr
    assert call(clone / "orchestrate.py", "--status", "--meta-only", folder=clone).returncode == 2
    assert not (clone / "workspace").exists()


def test_orchestrate_status_shows_the_study_of_the_workspace(clone: Path, tmp_path: Path) -> None:
    """From within a workspace, and from elsewhere with --workspace."""
    study = small(tmp_path / "w")
    inside = call(clone / "orchestrate.py", "--status", folder=study.root)
    outside = call(clone / "orchestrate.py", "--status", "--workspace", str(study.root), folder=tmp_path)
    assert inside.returncode == outside.returncode == 0
    assert inside.stdout == outside.stdout and "3 of 24 experiments" in inside.stdout


def test_the_workspace_beside_the_scripts_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no other is meant; the second call finds it."""
    monkeypatch.chdir(tmp_path)
    made = settle(None, tmp_path)
    assert made == tmp_path.resolve() / "workspace" and (made / "deep-loop.toml").is_file()
    assert "made a workspace" in capsys.readouterr().err
    assert settle(None, tmp_path) == made
    assert capsys.readouterr().err == ""


def test_a_workspace_upwards_wins_over_the_one_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is named over both."""
    study, other = small(tmp_path / "w"), small(tmp_path / "v")
    below = study.root / "deep" / "down"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert settle(None, tmp_path) == study.root.resolve()
    assert settle(other.root, tmp_path) == other.root.resolve()


def test_setup_says_what_is_missing(tmp_path: Path) -> None:
    """Without a Python that is new enough: one line, an empty one, a hint, exit code 1."""
    (tmp_path / "setup.sh").write_bytes((ROOT / "setup.sh").read_bytes())
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    (tools / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    found = subprocess.run(
        ["/bin/sh", str(tmp_path / "setup.sh")], capture_output=True, text=True, env={"PATH": str(tools)}
    )
    assert found.returncode == 1
    message, empty, hint = found.stderr.splitlines()
    assert "no Python 3.11" in message and empty == "" and hint.startswith("hint: install one")
    assert not (tmp_path / ".venv").exists()
