"""A short study as a process: making it, running it to its end, and killing its harness."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TAG = "a"
PATIENCE = 300.0  # seconds for a study that nobody touches; only a hang takes as long
DEEP_LOOP = ("-m", "deep_loop.interfaces.cli")
MORTAL = ("-P", str(Path(__file__).with_name("mortal.py")))

# A fixed number of steps and noise that comes from the seed alone: the same run gives the same value.
PROGRAM = """\
import math, os, random, time

LEARNING_RATE = 3e-3  # step size
DEPTH = 4  # layers
DROPOUT_FRAC = 0.3  # share of units dropped

if DEPTH > 9:
    raise MemoryError(f"{DEPTH} layers do not fit")
noise = random.Random(int(os.environ["DEEP_LOOP_SEED"])).gauss(0, 0.002)
loss = 1 + 0.05 * math.log2(LEARNING_RATE / 2e-2) ** 2 + 0.02 * (DEPTH - 7) ** 2 + (DROPOUT_FRAC - 0.1) ** 2
for step in range(4):
    print(f"step {step} ({25 * step}%) | loss: {loss + 1 / (1 + step):.6f}", flush=True)
    time.sleep(0.02)
print(f"val_bpb: {loss + noise:.6f}")
"""

# Every kind of run is in it, few of each. Other people's load may not decide what is made again.
SETTINGS = """\
[task]
run = "python train.py"
editable = ["train.py"]
protected = ["notes.txt"]
budget_seconds = 0.1
timeout_seconds = 60
gpus_per_run = 0

[study]
meta_interval = 4
max_experiments = 10
baseline_runs = 2
reference_runs = 1
control_interval = 4
final_runs = 2
false_keeps = 2.0
max_load = "off"
keep_awake = false
seed = 7
"""

FILES = {
    "train.py": PROGRAM,
    "deep-loop.toml": SETTINGS,
    "notes.txt": "as it is\n",
    "program.md": "# A curve\n\nFind the constants of `train.py` that make `val_bpb` smallest.\n",
}


def make(folder: Path) -> Path:
    """A new workspace, committed."""
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    person = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "--quiet", "-mthe task"),
    ):
        subprocess.run(["git", *person, *command], cwd=folder, env=_environment(folder), check=True)
    return folder


def finish(folder: Path, *flags: str) -> str | None:
    """Run the study to its end; what went wrong, in one line, where it did not get there."""
    with _started(DEEP_LOOP, folder, flags) as process:
        said = _said(process)
    if said is None:
        return f"it hung for {PATIENCE:g} s"
    return None if process.returncode == 0 else f"exit {process.returncode}: {' '.join(said.split())[-300:]}"


def kill_after(folder: Path, seconds: float, *flags: str, whole_group: bool) -> bool:
    """Run it, and kill the harness so long after its first words; False where it had ended by then.

    `whole_group` kills what works for the harness along with it, above all git. Runs are in sessions of their own.
    """
    with _started(DEEP_LOOP, folder, flags) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(seconds)
        alive = process.poll() is None
        _end(process, whole_group=whole_group)
        process.communicate()
    return alive


def kill_at(folder: Path, step: int, labels: Path, *flags: str) -> str | None:
    """Run it as `mortal.py` does; the label of the step before which it died, None where it ended before that.

    All labels up to that one are in the file `labels`, which is made anew. Step 0 is no step.
    """
    labels.unlink(missing_ok=True)
    with _started((*MORTAL, str(step), str(labels)), folder, flags) as process:
        _said(process)
    return labels.read_text(encoding="utf-8").splitlines()[-1] if process.returncode == -signal.SIGKILL else None


def _said(process: subprocess.Popen[str]) -> str | None:
    """Wait for its end; what it said on standard error, None where it had to be ended because it hung."""
    try:
        return process.communicate(timeout=PATIENCE)[1]
    except subprocess.TimeoutExpired:
        _end(process, whole_group=True)
        process.communicate()
        return None


def _started(program: Sequence[str], folder: Path, flags: Sequence[str]) -> subprocess.Popen[str]:
    """`deep-loop run` in a process group of its own, with what it says on a pipe."""
    return subprocess.Popen(
        [sys.executable, *program, "run", "--tag", TAG, "--agent", "tuner", *flags],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str], *, whole_group: bool) -> None:
    """SIGKILL; a process that has ended already is fine."""
    if process.poll() is None:
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)


def _environment(folder: Path) -> dict[str, str]:
    """Ours without anybody's settings of git or deep-loop; devices are leased among the lives of one study alone."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DEEP_LOOP_"))}
    own = {
        **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "DEEP_LOOP_LEASES": str(folder.with_name("leases")),
    }
    return {**inherited, **own}
