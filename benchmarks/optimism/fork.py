"""One run of a task's program, in a process forked from one that has loaded NumPy and scikit-learn already.

A fresh interpreter takes two seconds to load them, a fork of one that has them a hundredth of that; the run itself
is the same. The forks come from `multiprocessing`'s fork server, which has one thread, so that none is cut in two.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from deep_loop.core.readout import Exit

# The last makes a run's own import of the benchmark's main module, which multiprocessing insists on, a short one.
LOADED = ["numpy", "sklearn.datasets", "sklearn.tree", __name__, "benchmarks.__main__"]
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LOOK_SECONDS = 0.2  # how soon a run sees that it is to stop


def prepare() -> None:
    """Hold the linear algebra of this process, and of all that it starts, to one thread; comes before any run."""
    os.environ.update(THREADS)
    os.environ.pop("DEEP_LOOP_STEPS", None)  # runs have their tasks' own budgets
    multiprocessing.get_context("forkserver").set_forkserver_preload(LOADED)


def run(folder: Path, log: Path, env: Mapping[str, str], timeout: float, stop: threading.Event | None = None) -> Exit:
    """Run `folder`/train.py to its end, with these variables set and what it prints in `log`; any thread may.

    It is killed after `timeout` seconds, or when `stop` is set: then it counts as interrupted.
    """
    process = multiprocessing.get_context("forkserver").Process(target=_be, args=(folder, log, dict(env)))
    started = time.monotonic()
    process.start()
    late = stopped = False
    while not (late or stopped) and _goes_on(process):
        late, stopped = time.monotonic() - started > timeout, stop is not None and stop.is_set()
    if late or stopped:
        process.kill()
        process.join()
    code = None if late or stopped else process.exitcode
    process.close()
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return Exit(code, time.monotonic() - started, text, timed_out=late and not stopped, interrupted=stopped)


def _goes_on(process: ForkServerProcess) -> bool:
    process.join(LOOK_SECONDS)
    return process.is_alive()


def _be(folder: Path, log: Path, env: dict[str, str]) -> None:
    """Be the program, in the forked process."""
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ.update(env)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    runpy.run_path(str(folder / "train.py"), run_name="__main__")
