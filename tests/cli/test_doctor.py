"""`deep-loop doctor`: honest about what is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from planted_study import Planted

from deep_loop.adapters.executors.landlock import version
from deep_loop.interfaces.cli import main
from deep_loop.interfaces.cli.doctor import KEYS, find


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own, in front of the machine's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/local/bin:/usr/bin:/bin")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_it_tells_what_is_there_and_what_is_used(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Agents with their version, keys by name alone, and what holds for runs."""
    program(path, "claude", "echo '9.9.9 (Claude Code)'; echo more")
    monkeypatch.setenv(KEYS[0], "sk-very-secret")
    monkeypatch.delenv(KEYS[1], raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for part in (
        "git version",
        "claude: 9.9.9 (Claude Code)",
        "yes claude-code (ANTHROPIC_API_KEY (environment))",
        "NO  codex (`codex` is not on the PATH)",
        f"{KEYS[0]} is set; {KEYS[1]} not set",
        "no key or token in its environment (an allow-list)",
        "no view of the ledger, other runs, your home",
        "NO  openplanter (`openplanter-agent` is not installed",
        "yes investigator (anthropic:claude-sonnet-4-6, with anthropic:claude-haiku-4-5 for sub-tasks)",
        "to propose, in this order",
        "investigator, claude-code, statistics to analyse, in this order",
        "slot",
    ):
        assert part in told, part
    assert "secret" not in told


def test_its_json_holds_the_same(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts: the workspace, and the slots that its settings ask for."""
    study = Planted(tmp_path / "w")
    settings = study.root / "deep-loop.toml"
    settings.write_text(settings.read_text() + "slots = 2\n")
    assert main(["doctor", "--json", "--workspace", str(study.root)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["workspace"] == str(study.root) and len(found["use"]["slots"]) == 2
    assert found["git"]["version"].startswith("git version")
    assert found["cores"] >= 1 and found["free_disk_mb"] > 0
    assert found["keys"].keys() == set(KEYS)


def test_a_program_may_be_missing_or_say_nothing(path: Path) -> None:
    """Neither is an error."""
    program(path, "codex", "exit 3")
    assert find("no-such-program").path is None
    assert find("codex").path and find("codex").version is None


def test_landlock_is_a_version_or_nothing() -> None:
    """The kernel is asked, and nothing is restricted by asking."""
    found = version()
    assert found is None or found >= 1


def test_what_does_not_hold_is_said_plainly(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the settings of the workspace: a study without a sandbox, with the network, on every core."""
    study = Planted(tmp_path / "w")
    settings = study.root / "deep-loop.toml"
    text = settings.read_text().replace("[task]", "[task]\nnetwork = true", 1)
    settings.write_text(text + 'slots = 500\nsandbox = "off"\n')
    assert main(["doctor", "--workspace", str(study.root)]) == 0
    told = capsys.readouterr().out
    assert 'NO  writes only to its folders and declared caches ([study] sandbox = "off")' in told
    assert "NO  no network ([task] network = true)" in told
    assert "500 slots share all cores" in told
