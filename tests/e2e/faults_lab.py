"""A toy study that something goes wrong in, and the look at all that it leaves behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import real_lab
from real_lab import Done

from deep_loop.core.experiment import Experiment
from deep_loop.testing.audit import audit

TAG, BRANCH = "a", "deep-loop/a"

# One constant, so that every candidate moves it; the first move decides between a keep and a discard.
TRAIN = """\
import os, random, signal, sys, time

STEP = 1.0  # between 0.5 and 2

noise = random.Random(int(os.environ["DEEP_LOOP_SEED"])).gauss(0, 0.001)
value = (1.0 if STEP == 1.0 else {moved}) + noise
if STEP != 1.0 and "FAULT" in os.environ:
{fault}
print(f"val_bpb: {{value:.6f}}")
"""

SETTINGS = """\
[task]
run = '"{python}" train.py'
editable = ["train.py"]
protected = ["notes.txt"]
budget_seconds = 0.2
timeout_seconds = {timeout}
gpus_per_run = 0
env = ["FAULT"]

[study]
meta_interval = 50
baseline_runs = 2
final_runs = 0
seed = 5
"""


def make(
    folder: Path,
    fault: str = "pass",
    *,
    kept: bool = False,
    timeout: float = 60,
    study: str = "",
    files: Mapping[str, str] | None = None,
) -> Path:
    """A committed workspace; its candidates, and never its baseline, do what `fault` says while FAULT is set.

    `kept`: the first of them is better, else each is worse. `study` holds more settings of that table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "train.py": TRAIN.format(
            moved=0.9 if kept else 1.1, fault=textwrap.indent(textwrap.dedent(fault).strip(), "    ")
        ),
        "notes.txt": "as it is\n",
        "deep-loop.toml": SETTINGS.format(python=sys.executable, timeout=timeout) + study,
        "program.md": "# A toy\n\nMake `val_bpb` small.\n",
        **(files or {}),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    real_lab.git(folder, "init", "--quiet", "--initial-branch=main")
    real_lab.git(folder, "add", "--all")
    real_lab.git(folder, "commit", "--quiet", "--message=the task")
    return folder


def arguments(experiments: int) -> tuple[str, ...]:
    """Of `deep-loop`, for the study up to that many experiments in all."""
    return ("run", "--tag", TAG, "--max-experiments", str(experiments))


def run(lab: Path, experiments: int = 1, *, fault: bool = False) -> Done:
    """The study up to that many experiments; a run in it goes wrong where `fault` says so."""
    return real_lab.deep_loop(lab, *arguments(experiments), **({"FAULT": "1"} if fault else {}))


# A candidate's run that waits until the test has done its deed.
WAITING = """
open("waiting", "x").close()
while os.path.exists("waiting"): time.sleep(0.02)
"""


def meanwhile(lab: Path, deed: Callable[[], object], experiments: int = 1) -> Done:
    """The study up to that many experiments, with a deed done while the first candidate runs (`WAITING`)."""
    with real_lab.started(lab, *arguments(experiments), FAULT="1") as study:
        gates = real_lab.until(lambda: _gates(lab) or study.poll() is not None)
        assert isinstance(gates, list), study.communicate()
        folder = os.open(gates[0].parent, os.O_RDONLY)  # leads there whatever the deed does to the path
        deed()
        os.unlink(gates[0].name, dir_fd=folder)
        os.close(folder)
        while study.poll() is None:  # those that come after it
            for gate in _gates(lab):
                gate.unlink(missing_ok=True)
            time.sleep(0.02)
        out, err = study.communicate(timeout=60)
    return Done(study.returncode, out, err)


def _gates(lab: Path) -> list[Path]:
    """Where runs wait. Folders that go away meanwhile are none of its business, as they would be of `glob`."""
    return [Path(folder, "waiting") for folder, _, files in os.walk(lab / ".deep-loop" / "runs") if "waiting" in files]


def went_well(done: Done) -> None:
    """The study came to its end, and nobody saw a traceback."""
    assert done.code == 0, done
    assert "Traceback (most recent call last)" not in done.err, done.err


def goes_on(lab: Path, experiments: int = 2) -> None:
    """The next `deep-loop run` brings the study to its end, and everything is in order."""
    went_well(run(lab, experiments))
    in_order(lab, experiments)


def closed(lab: Path) -> list[Experiment]:
    """The study's closed lines, in the order of closing."""
    with real_lab.ledger(lab, TAG) as ledger:
        return list(ledger.closed())


def outcome(lab: Path, number: int = 1) -> Any:
    """What the last run of an experiment came to."""
    return next(e for e in closed(lab) if e.number == number).measurements[-1].outcome


def decision(lab: Path, number: int = 1) -> Any:
    """What was decided about an experiment."""
    return next(e for e in closed(lab) if e.number == number).decision


def in_order(lab: Path, experiments: int, *, attached: bool = True) -> None:
    """Ledger, git, results.tsv, folders and processes agree; `attached` where the checkout follows the study."""
    problems = [str(problem) for problem in audit(lab, TAG)]
    assert not [words for words in problems if attached or "checkout" not in words]
    with real_lab.ledger(lab, TAG) as ledger:
        assert ledger.counted() == experiments
    real_lab.git(lab, "fsck", "--strict", "--no-dangling")
    assert not processes(str(lab))


def processes(mark: str) -> list[psutil.Process]:
    """Processes, but for this one and those above it, whose command or whose run's environment has `mark` in it."""
    me = psutil.Process()
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            words = [*process.cmdline(), *(variables.values() if real_lab.MARKER in variables else ())]
            if process.pid not in spared and any(mark in word for word in words):
                found.append(process)
        except (psutil.Error, OSError):  # gone, or not ours to look into
            continue
    return found


def log(lab: Path, number: int = 1) -> Path:
    """The log of the last run of an experiment."""
    return lab / next(e for e in closed(lab) if e.number == number).measurements[-1].log


def edit(path: Path, pattern: str, new: str) -> None:
    """Replace the one place of a file that fits."""
    text, found = re.subn(pattern, lambda _: new, path.read_text(), flags=re.MULTILINE)
    assert found == 1
    path.write_text(text)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """`folder` on a file system of its own, of that size. Skips, aloud, where we may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True, text=True)
    if not mounted or mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip() if mounted else 'no mount'}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free on the file system of `folder`; removing the returned file frees it again."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue
    return file


@contextmanager
def read_only(path: Path, *, mounted: bool = False) -> Iterator[None]:
    """Nothing at this path can be written, or replaced: by a mount where we may, else by its permissions.

    Skips, aloud, where neither will do; permissions alone will not where the test needs it `mounted`.
    """
    mounts = [["mount", "--bind", str(path), str(path)], ["mount", "-o", "remount,bind,ro", str(path)]]
    done = shutil.which("mount") and all(subprocess.run(c, capture_output=True).returncode == 0 for c in mounts)
    if not done and (mounted or os.getuid() == 0):
        pytest.skip("nothing can be mounted here, and permissions will not do")
    sealed = [] if done else [path, *path.rglob("*")]
    for place in sealed:
        place.chmod(place.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        for place in sealed:
            place.chmod(place.stat().st_mode | 0o200)
        if done:
            subprocess.run(["umount", "--lazy", str(path)], check=True)
