"""What a person asks of a study that runs: by commands, and by signals."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import real_lab
from real_lab import count, deep_loop, make, started, until

RUN = ("run", "--tag", "a", "--max-experiments", "3")

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return make(tmp_path / "lab")


def status(lab: Path) -> Any:
    """What `status --json` says."""
    done = deep_loop(lab, "status", "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def goes_on(lab: Path) -> None:
    """The same command brings the study to its end."""
    done = deep_loop(lab, *RUN)
    assert done.code == 0, done
    assert count(lab, "a") == 4
    assert not real_lab.run_processes(lab)
    assert status(lab)["state"] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(lab: Path, number: signal.Signals) -> None:
    """What runs is killed and counts as interrupted, the exit code is 130, the next run goes on."""
    with started(lab, *RUN, NAP="60") as study:
        until(lambda: real_lab.run_processes(lab))
        study.send_signal(number)
        out, err = study.communicate(timeout=60)
    assert study.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in out
    assert not real_lab.run_processes(lab)
    goes_on(lab)


def test_a_second_signal_ends_it_at_once(lab: Path) -> None:
    """Without waiting for anything; the supervisors clear up, and the next run goes on."""
    with started(lab, *RUN, NAP="60") as study:
        until(lambda: real_lab.run_processes(lab))
        study.send_signal(signal.SIGINT)
        study.send_signal(signal.SIGTERM)
        _, err = study.communicate(timeout=60)
    assert study.returncode == 130, err
    assert "Traceback" not in err
    until(lambda: not real_lab.run_processes(lab))
    goes_on(lab)


def test_stop_now(lab: Path) -> None:
    """Kills what runs; nothing is lost by it."""
    with started(lab, *RUN, NAP="60") as study:
        until(lambda: real_lab.run_processes(lab))
        assert deep_loop(lab, "stop", "--now").out == "stopping\n"
        assert study.wait(60) == 0
    assert not real_lab.run_processes(lab)
    goes_on(lab)


def test_stop(lab: Path) -> None:
    """Lets what runs end, and starts nothing more."""
    with started(lab, *RUN, NAP="1") as study:
        until(lambda: count(lab, "a") and real_lab.run_processes(lab))
        assert "as soon as what runs has ended" in deep_loop(lab, "stop").out
        assert study.wait(60) == 0
    with real_lab.ledger(lab, "a") as ledger:
        lines = [*ledger.closed(), *ledger.opened()]
    assert len(lines) < 4
    assert all(m.outcome.kind == "measured" for line in lines for m in line.measurements)
    goes_on(lab)


def test_pause_and_resume(lab: Path) -> None:
    """A paused study starts nothing and says so; a resumed one ends as any other."""
    with started(lab, *RUN, NAP="0.5") as study:
        until(lambda: count(lab, "a"))
        assert deep_loop(lab, "pause").out.startswith("paused")
        until(lambda: not real_lab.run_processes(lab))
        before = status(lab)
        assert before["state"] == "paused"
        assert before["pid"] == study.pid
        assert status(lab)["experiments"] == before["experiments"]
        assert study.poll() is None
        assert deep_loop(lab, "resume").out == "going on\n"
        assert study.wait(60) == 0
    goes_on(lab)


def test_meta_and_status_while_it_runs(lab: Path) -> None:
    """A meta-analysis is made by the harness that runs, and `status` tells of the run that goes on."""
    with started(lab, *RUN, NAP="3") as study:
        until(lambda: count(lab, "a"))
        seen = until(lambda: (found := status(lab))["running"] and found)
        assert (seen["state"], seen["pid"], seen["limit"]) == ("running", study.pid, 3)
        (run,) = seen["running"]
        assert run["experiment"] == 1
        assert until(lambda: (now := status(lab)["running"]) and now[0]["percent"]) == 50.0
        assert deep_loop(lab, "meta").out.startswith("strategy v1: ")
        deep_loop(lab, "stop", "--now")
        assert study.wait(60) == 0
    assert "Strategy v1" in (lab / "program.md").read_text()
    assert (lab / "next-hypotheses.md").exists()
    assert "meta: v1" in real_lab.git(lab, "log", "--format=%s")
    goes_on(lab)


def test_what_can_be_seen_afterwards(lab: Path) -> None:
    """history, show, report, reproduce, doctor and a meta-analysis of a study that rests."""
    goes_on(lab)
    rows = json.loads(deep_loop(lab, "history", "--json").out)
    assert sorted(row["experiment"] for row in rows) == [0, 1, 2, 3]
    shown = deep_loop(lab, "show", "1").out
    for part in ("experiment 1: ", "  why ", "runs", "decision  ", "diff --git a/train.py", "end of the log"):
        assert part in shown
    assert json.loads(deep_loop(lab, "show", "1", "--json").out)["row"]["experiment"] == 1
    assert deep_loop(lab, "report").code == 0
    assert (lab / "progress.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (lab / "report.html").read_text()
    before = real_lab.git(lab, "for-each-ref"), (lab / "results.tsv").read_text()
    again = deep_loop(lab, "reproduce", "1", "--runs", "2")
    assert again.code == 0, again
    assert "recorded  " in again.out
    assert before == (real_lab.git(lab, "for-each-ref"), (lab / "results.tsv").read_text())
    machine = json.loads(deep_loop(lab, "doctor", "--json").out)
    assert machine["workspace"] == str(lab)
    assert deep_loop(lab, "meta").out.startswith("strategy v")


def test_a_dry_run_changes_nothing(lab: Path) -> None:
    """Neither a file nor a ref nor the index, before the first run and after it."""
    for _ in range(2):
        before = everything(lab)
        done = deep_loop(lab, *RUN, "--dry-run")
        assert done.code == 0, done
        assert "deep-loop/a" in done.out
        assert everything(lab) == before
        deep_loop(lab, "run", "--tag", "a", "--max-experiments", "1")


def everything(lab: Path) -> dict[str, bytes]:
    """Every file of the workspace and of its repository; the write-ahead log's index is memory, not content."""
    files = (path for path in lab.rglob("*") if path.is_file() and path.suffix not in (".db-shm", ".db-wal"))
    return {str(path): path.read_bytes() for path in files}
