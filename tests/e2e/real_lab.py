"""A tiny task, and the real `deep-loop` process on it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
from deep_loop.core.experiment import ML, is_keep, judged

DEEP_LOOP = str(Path(sys.executable).with_name("deep-loop"))
MARKER = "DEEP_LOOP_RUN"  # in the environment of every process of a run

TRAIN = """\
import math, os, random, time

LEARNING_RATE = 3e-3  # step size
DEPTH = 4  # layers
DROPOUT_FRAC = 0.3  # share of units dropped

noise = random.Random(int(os.environ["DEEP_LOOP_SEED"])).gauss(0, 0.002)
loss = 1 + 0.05 * math.log2(LEARNING_RATE / 2e-2) ** 2 + 0.02 * (DEPTH - 7) ** 2 + (DROPOUT_FRAC - 0.1) ** 2
print("step 1 (50.0%) | loss: 1.5", flush=True)
time.sleep(float(os.environ.get("NAP", "0.1")))
print(f"val_bpb: {loss + noise:.6f}")
print("peak_vram_mb: 12.5")
"""

SETTINGS = """\
[task]
run = '"{python}" train.py'
editable = ["train.py"]
protected = ["notes.txt"]
budget_seconds = 0.2
timeout_seconds = 60
gpus_per_run = 0
env = ["NAP"]

[study]
meta_interval = 4
max_experiments = 10
seed = 5
"""

PROGRAM = """\
# A curve

Find the constants of `train.py` that make `val_bpb` smallest.
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A process that ended."""

    code: int
    out: str
    err: str


def git(folder: Path, *arguments: str) -> str:
    """What git prints, as nobody in particular."""
    person = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(["git", *person, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


def make(folder: Path, *, train: str = TRAIN, **others: str) -> Path:
    """A workspace of the tiny task, committed; `others` replaces text of deep-loop.toml, key by key."""
    folder.mkdir(parents=True)
    settings = SETTINGS.format(python=sys.executable)
    for key, value in others.items():
        line = f"{key} = {value}"
        settings, found = re.subn(rf"^{key} = .*$", lambda _, line=line: line, settings, flags=re.MULTILINE)
        assert found == 1, key
    texts = {"train.py": train, "notes.txt": "as it is\n", "deep-loop.toml": settings, "program.md": PROGRAM}
    for name, text in texts.items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=the task")
    return folder


def environment(**more: str) -> dict[str, str]:
    """Ours, on one thread a library: two cores are shared by many."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


def deep_loop(folder: Path, *arguments: str, patience: float = 120, **variables: str) -> Done:
    """Run one command to its end."""
    return process([DEEP_LOOP, *arguments], folder, patience, **variables)


def process(command: Sequence[str], folder: Path, patience: float = 120, **variables: str) -> Done:
    """Run any command to its end."""
    done = subprocess.run(
        command, cwd=folder, env=environment(**variables), capture_output=True, text=True, timeout=patience
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(folder: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on meanwhile; killed at the end where it still does."""
    process = subprocess.Popen(
        [DEEP_LOOP, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def until(condition: Callable[[], Any], patience: float = 60) -> Any:
    """Wait for it; returns what it gave. A generous bound: only a hang is caught."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return found


@contextmanager
def ledger(folder: Path, tag: str) -> Iterator[SqliteLedger[Any, Any, Any]]:
    """The study's ledger, to read."""
    opened = SqliteLedger.load(folder / LEDGER, tag, ML, WallClock(), read_only=True)
    try:
        yield opened
    finally:
        opened.dispose()


def count(folder: Path, tag: str) -> int:
    """Experiments closed so far, the baseline included; 0 before there is a study."""
    if not (folder / LEDGER).exists():
        return 0
    try:
        with ledger(folder, tag) as lines:
            return len(lines.closed())
    except Exception:  # noqa: BLE001  (the ledger is just being made)
        return 0


def best(folder: Path, tag: str) -> Any:
    """The last keep."""
    with ledger(folder, tag) as lines:
        return next(e for e in reversed(lines.closed()) if is_keep(e))


def runs_of_best(folder: Path, tag: str) -> tuple[float, ...]:
    """The values that it was kept on."""
    return judged(best(folder, tag))


def run_processes(folder: Path) -> list[psutil.Process]:
    """Processes of the workspace's runs, by their marker and the folder that they work in."""
    found = []
    for process in psutil.process_iter():
        try:
            if MARKER in process.environ() and Path(process.cwd()).is_relative_to(folder.resolve()):
                found.append(process)
        except (psutil.Error, OSError):  # gone, or not ours to look into
            continue
    return found


def error(done: Done) -> tuple[str, str]:
    """The message and the hint of a refused command: no traceback, and in the promised form."""
    assert done.code in (1, 2), done
    assert "Traceback" not in done.err, done.err
    message, _, hint = done.err.rpartition("\n\nhint: ")
    assert message and hint.strip(), done.err
    assert hint.count("\n") == 1, hint
    return message, hint
