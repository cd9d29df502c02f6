"""The audit finds what it is there for: each kind of damage, planted in a study that was whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import real_lab

from deep_loop import wiring
from deep_loop.adapters.ledger.sqlite import LEDGER
from deep_loop.testing.audit import Kind, Problem, audit

TAG, BRANCH = "a", "deep-loop/a"

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that came to its end, with a keep and a revision."""
    folder = real_lab.make(tmp_path_factory.mktemp("whole") / "lab", meta_interval="2", max_experiments="3")
    assert real_lab.deep_loop(folder, "run", "--tag", TAG, NAP="0").code == 0
    assert audit(folder, TAG) == []
    assert real_lab.best(folder, TAG).proposal.parent is not None
    return folder


@pytest.fixture
def lab(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "lab", symlinks=True))


def sql(*statements: str) -> Damage:
    """Change the ledger behind everybody's back."""

    def change(lab: Path) -> None:
        with closing(sqlite3.connect(lab / LEDGER)) as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount
            connection.commit()

    return change


def again(run: str) -> str:
    """A second run that is like another but for its id."""
    columns = (
        "study, unit, attempt, seed, sought_by, slot, log, role, machine, started_at, ended_at, kind, value, outcome"
    )
    return f"INSERT INTO measurements ({columns}) SELECT {columns} FROM measurements WHERE {run}"


def git(*arguments: str) -> Damage:
    """Do something with git in the workspace."""
    return lambda lab: real_lab.git(lab, *arguments)


def put(path: str, text: str = "") -> Damage:
    """Leave a file somewhere."""

    def write(lab: Path) -> None:
        (lab / path).parent.mkdir(parents=True, exist_ok=True)
        (lab / path).write_text(text)

    return write


def rows(change: Callable[[list[str]], list[str]]) -> Damage:
    """Edit results.tsv."""

    def edit(lab: Path) -> None:
        table = lab / "results.tsv"
        table.write_text("".join(change(table.read_text().splitlines(keepends=True))))

    return edit


def lose_the_keep(lab: Path) -> None:
    """Move the branch to where the study began, checkout and all."""
    real_lab.git(lab, "reset", "--quiet", "--hard", "refs/deep-loop/a/0")


DAMAGES: dict[str, tuple[Kind, Damage]] = {
    "a measurement made twice": ("repeated", sql(again("id = 1"))),
    "a run without an outcome": (
        "left over",
        sql("UPDATE measurements SET outcome = NULL, ended_at = NULL, kind = NULL, value = NULL WHERE id = 1"),
    ),
    "a close that git never heard of": ("lost", sql("UPDATE units SET settled_at = NULL WHERE number = 1")),
    "a log that is gone": ("lost", lambda lab: shutil.rmtree(lab / ".deep-loop/logs")),
    "an ask that nobody answered": (
        "left over",
        sql("INSERT INTO asks SELECT study, max(id) + 1, 'harness', 0, 0, 0.0, 'asked', NULL, NULL FROM asks"),
    ),
    "a ref that is gone": ("lost", git("update-ref", "-d", "refs/deep-loop/a/1")),
    "a ref that was moved": ("differs", git("update-ref", "refs/deep-loop/a/1", "refs/deep-loop/a/0")),
    "a waiting proposal's ref": ("left over", git("update-ref", "refs/deep-loop/a/ask-9", "HEAD")),
    "a repair's ref": ("left over", git("update-ref", "refs/deep-loop/a/1-r1", "HEAD")),
    "a keep that is not on the branch": ("lost", lose_the_keep),
    "a revision that is committed twice": ("doubled", git("commit", "--quiet", "--allow-empty", "-m", "meta: v9: x")),
    "an editable file that nobody measured": ("differs", put("train.py", "X = 1\n")),
    "a checkout elsewhere": ("differs", git("switch", "--quiet", "--detach")),
    "a row too few": ("lost", rows(lambda lines: lines[:-1])),
    "a row too many": ("doubled", rows(lambda lines: [*lines, lines[-1]])),
    "rows in another order": ("differs", rows(lambda lines: [lines[0], *reversed(lines[1:])])),
    "a table that is gone": ("lost", lambda lab: (lab / "results.tsv").unlink()),
    "a run's folder": ("left over", put(".deep-loop/runs/a-7/train.py")),
    "a proposer's folder": ("left over", put(".deep-loop/proposals/x/train.py")),
    "a journal": ("left over", put(".deep-loop/moving", "x y\n")),
    "a lock of git's": ("left over", put(".git/index.lock")),
    "a worktree": ("left over", git("worktree", "add", "--quiet", "--detach", "../other")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(lab: Path, name: str) -> None:
    """Damage of every kind is reported, and called by its kind."""
    kind, damage = DAMAGES[name]
    damage(lab)
    assert kind in {problem.kind for problem in audit(lab, TAG)}


def test_a_process_of_a_run_is_found(lab: Path) -> None:
    """One that carries the study's mark is told with its number; another study's is none of its business."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    for mark, found in ((wiring.uid_of(lab, TAG), True), (wiring.uid_of(lab, "other"), False)):
        marked = {**os.environ, real_lab.MARKER: f"{mark}-1"}
        with subprocess.Popen(command, env=marked, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            told = [problem.words for problem in audit(lab, TAG)]
            process.communicate(b"")
        assert any(f"process {process.pid}" in words for words in told) is found


def test_a_harness_at_work_is_found(lab: Path) -> None:
    """The audit is for a study that nobody runs."""
    with real_lab.started(lab, "run", "--tag", TAG, "--max-experiments", "4", NAP="5"):
        real_lab.until(lambda: wiring.owner(lab))
        assert any("harness" in str(problem) for problem in audit(lab, TAG))


def test_an_open_line_is_no_problem_where_the_study_may_go_on(lab: Path) -> None:
    """What is open is left over after a study's end, and in order before it."""
    columns = ("ordinal", "closed_at", "status", "reason", "decision", "settled_at")
    sql(f"UPDATE units SET {', '.join(f'{column} = NULL' for column in columns)} WHERE number = 3")(lab)
    open_line = Problem("left over", "experiment 3 is open")
    assert open_line in audit(lab, TAG)
    assert open_line not in audit(lab, TAG, over=False)
