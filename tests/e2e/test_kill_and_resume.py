"""A study that is killed again and again comes to the same end as one that nobody touched."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import real_lab

from deep_loop import config
from deep_loop.adapters.ledger.sqlite import LEDGER
from deep_loop.adapters.ledger.tsv import ResultsTable
from deep_loop.core.experiment import Interrupted

KILLS = 12
LONGEST = 1.2  # seconds from the first sign of life to a kill

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What a study of ten experiments comes to."""
    folder = real_lab.make(tmp_path_factory.mktemp("undisturbed") / "lab")
    assert real_lab.deep_loop(folder, "run", "--tag", "a").code == 0
    found = real_lab.story(folder, "a")
    assert [e["number"] for e in found["experiments"]] == list(range(11))
    assert found["revisions"]
    return found


def test_a_study_repeats_itself(tmp_path: Path, undisturbed: Mapping[str, Any]) -> None:
    """The same seed brings the same proposals, values, decisions, strategies and hypotheses."""
    folder = real_lab.make(tmp_path / "lab")
    assert real_lab.deep_loop(folder, "run", "--tag", "a").code == 0
    assert real_lab.story(folder, "a") == undisturbed


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_any_moment_change_nothing(tmp_path: Path, undisturbed: Mapping[str, Any], seed: int) -> None:
    """Resumed by the same command, it loses nothing, doubles nothing and decides the same."""
    folder = real_lab.make(tmp_path / "lab")
    moments = random.Random(seed)
    for _ in range(KILLS):
        kill(folder, moments.uniform(0, LONGEST))
    assert real_lab.deep_loop(folder, "run", "--tag", "a").code == 0
    assert real_lab.story(folder, "a") == undisturbed
    in_order(folder)


def test_a_kill_between_a_meta_commit_and_its_record(tmp_path: Path, undisturbed: Mapping[str, Any]) -> None:
    """The revision that git has and the ledger lacks is recorded, not made a second time."""
    folder = real_lab.make(tmp_path / "lab")
    with real_lab.started(folder, "run", "--tag", "a") as study:
        real_lab.until(lambda: "meta: v1" in real_lab.git(folder, "log", "--format=%s", "--all"))
        study.kill()
    with sqlite3.connect(folder / LEDGER) as connection:  # as if it had died a moment earlier
        connection.execute("DELETE FROM asks WHERE revision > 0")
        connection.execute("DELETE FROM revisions")
    connection.close()
    assert real_lab.deep_loop(folder, "run", "--tag", "a").code == 0
    assert real_lab.story(folder, "a") == undisturbed
    in_order(folder)


def test_a_study_begun_on_anothers_branch(tmp_path: Path) -> None:
    """Takes none of the other's revisions for its own, resumed or not."""
    folder = real_lab.make(tmp_path / "lab")
    assert real_lab.deep_loop(folder, "run", "--tag", "a", "--max-experiments", "4", NAP="0").code == 0
    assert "Strategy v" in (folder / "program.md").read_text()
    for number in ("1", "2"):
        flags = ("--max-experiments", number, "--meta-interval", "50")
        assert real_lab.deep_loop(folder, "run", "--tag", "b", *flags, NAP="0").code == 0
    with real_lab.ledger(folder, "b") as ledger:
        assert all(revision.seen > 1 for revision in ledger.revisions())
        assert all(line.ask.revision == 0 for line in ledger.closed() if line.number < 2)


def test_kills_with_two_slots(tmp_path: Path) -> None:
    """What runs side by side may close in another order; still nothing is lost, doubled or left over."""
    folder = real_lab.make(tmp_path / "lab")
    moments = random.Random(3)
    for _ in range(KILLS // 2):
        kill(folder, moments.uniform(0, LONGEST), "--slots", "2")
    done = real_lab.deep_loop(folder, "run", "--tag", "a", "--slots", "2")
    assert done.code == 0, done
    in_order(folder)


def kill(folder: Path, after: float, *flags: str) -> None:
    """Start the study and kill its harness, and nothing else, `after` seconds from its first words."""
    with real_lab.started(folder, "run", "--tag", "a", *flags) as study:
        assert study.stderr is not None
        study.stderr.readline()
        time.sleep(after)
        study.send_signal(signal.SIGKILL)


def in_order(folder: Path) -> None:
    """Nothing is left over, nothing was measured twice, and git and results.tsv say what the ledger says."""
    with real_lab.ledger(folder, "a") as ledger:
        closed = ledger.closed()
    done = [
        (m.unit, m.attempt, m.seed) for e in closed for m in e.measurements if not isinstance(m.outcome, Interrupted)
    ]
    assert len(done) == len(set(done))
    assert sorted(e.number for e in closed) == list(range(11))
    assert [e.order for e in closed] == list(range(1, 12))
    refs = real_lab.git(folder, "for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", "refs/deep-loop/a")
    assert dict(line.split() for line in refs.splitlines()) == {str(e.number): e.commit for e in closed}
    best = real_lab.best(folder, "a")
    kept = subprocess.run(
        ["git", "diff", "--exit-code", "--name-only", "deep-loop/a", best.commit, "--", "train.py"], cwd=folder
    )
    assert kept.returncode == 0
    assert real_lab.git(folder, "branch", "--show-current") == "deep-loop/a"
    assert not real_lab.git(folder, "status", "--porcelain", "--untracked-files=no")
    projected = folder.parent / "projected.tsv"
    ResultsTable(projected, config.load(folder).metric).rewrite(closed)
    assert (folder / "results.tsv").read_text() == projected.read_text()
    real_lab.until(lambda: not real_lab.run_processes(folder))
    for place in ("runs", "proposals"):
        left = folder / ".deep-loop" / place
        assert not left.exists() or not list(left.iterdir())
