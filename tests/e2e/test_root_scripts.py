"""The mission's own commands, from a copy of the repository's root and from a workspace."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import real_lab
from real_lab import Done

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("orchestrate.py", "meta_analyze.py", "notify.py")

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The scripts, with the environment on the PATH instead of beside them."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in SCRIPTS:
        shutil.copy(ROOT / name, folder)
    return folder


def script(folder: Path, name: str, *arguments: str, home: Path | None = None, **variables: str) -> Done:
    """`python NAME …` in a folder; `home` is where the script lies, by default there."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, str((home or folder) / name), *arguments]
    return real_lab.process(command, folder, PATH=path, **variables)


def test_a_study_from_the_root(clone: Path) -> None:
    """The first use makes ./workspace; each flag does what it says there."""
    planned = script(clone, "orchestrate.py", "--tag", "exp1", "--dry-run")
    assert planned.code == 0, planned
    assert "deep-loop/exp1" in planned.out
    workspace = clone / "workspace"
    assert not (workspace / "results.tsv").exists()
    flags = ("--max-experiments", "2", "--meta-interval", "1")
    done = script(clone, "orchestrate.py", "--tag", "exp1", *flags, DEEP_LOOP_STEPS="20")
    assert done.code == 0, done
    rows = (workspace / "results.tsv").read_text().splitlines()
    assert len(rows) == 4
    assert "Strategy v" in (workspace / "program.md").read_text()
    stands = script(clone, "orchestrate.py", "--status")
    assert "exp1" in stands.out
    assert "2 of " in stands.out
    before = version(workspace)
    assert script(clone, "orchestrate.py", "--meta-only").code == 0
    assert version(workspace) == before + 1
    told = script(clone, "notify.py", "--event", "breakthrough", "--val", "0.9891")
    assert told.code == 0
    assert "0.9891" in (workspace / "notify.log").read_text()


def test_from_a_workspace(clone: Path, tmp_path: Path) -> None:
    """The nearest workspace upwards is taken, wherever the script lies; --workspace names another."""
    lab = real_lab.make(tmp_path / "lab")
    deep = lab / "some" / "where"
    deep.mkdir(parents=True)
    done = script(deep, "orchestrate.py", "--tag", "exp1", "--max-experiments", "2", home=clone)
    assert done.code == 0, done
    assert not (clone / "workspace").exists()
    analysed = script(
        clone, "meta_analyze.py", "--workspace", str(lab), "--write-hypotheses", str(lab / "next-hypotheses.md")
    )
    assert analysed.code == 0, analysed
    elsewhere = tmp_path / "elsewhere.md"
    assert script(lab, "meta_analyze.py", "--write-hypotheses", str(elsewhere), home=clone).code == 0
    assert elsewhere.read_text() == (lab / "next-hypotheses.md").read_text()
    assert version(lab) >= 2


def test_notify_takes_numbers_and_text(clone: Path, tmp_path: Path) -> None:
    """Every event of the mission becomes one line of notify.log."""
    lab = real_lab.make(tmp_path / "lab")
    calls = (
        ("--event", "breakthrough", "--val", "0.9891"),
        ("--event", "breakthrough", "--val", "a citation of 2017 explains it"),
        ("--event", "major_breakthrough", "--val", "0.9842"),
        ("--event", "done", "--experiments", "87"),
        ("--event", "crash"),
    )
    for call in calls:
        done = script(lab, "notify.py", *call, home=clone)
        assert done.code == 0, done
    lines = (lab / "notify.log").read_text().splitlines()
    assert len(lines) == len(calls)
    for line, word in zip(lines, ("0.9891", "a citation of 2017", "0.9842", "87", ""), strict=True):
        assert word in line
    real_lab.error(script(lab, "notify.py", "--event", "party", home=clone))


def test_what_is_missing_is_named(clone: Path) -> None:
    """No study named, and two answers asked for at once."""
    message, _ = real_lab.error(script(clone, "orchestrate.py"))
    assert "--tag" in message
    message, _ = real_lab.error(script(clone, "orchestrate.py", "--status", "--dry-run"))
    assert "choose one" in message


def version(workspace: Path) -> int:
    """Of the strategy in program.md."""
    found = re.search(r"Strategy v(\d+)", (workspace / "program.md").read_text())
    assert found
    return int(found[1])
