"""Runs on this machine, each under a supervisor process of its own (`supervisor.py`)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path

from deep_loop.adapters.executors.environment import environment
from deep_loop.adapters.executors.supervisor import KILL_SECONDS, SMALLEST_LOG, Order, Report
from deep_loop.ports import Exit, Job, Slot

WATCH_SECONDS = 1.0  # between two looks at whether a job is hopeless
WATCH_BYTES = 64 * 1024  # of the log's end, that such a look reads
SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(eq=False, slots=True)
class _Run:
    """A supervisor at work."""

    job: Job
    future: Future[Exit]
    process: subprocess.Popen[bytes]
    lifeline: int  # write end of the supervisor's standard input; a byte, or its end, stops the run
    started: float  # monotonic
    stopping: bool = False
    pruned: bool = False


class LocalExecutor:
    """Implements `ports.Executor` with one supervisor process and one waiting thread a run.

    A run gets the environment that `environment` allows, `passed` naming more of it. A log takes at most
    `log_limit_bytes` (at least 4096) on disk and in memory. Job ids mark processes for `sweep`, so they
    must be unique on the machine, not only within a study.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        *,
        grace_seconds: float = 5.0,
        log_limit_bytes: int = 16 * 2**20,
        passed: Sequence[str] = (),
    ) -> None:
        self.slots: Sequence[Slot] = tuple(slots)
        self._grace_seconds = grace_seconds
        self._log_limit_bytes = max(log_limit_bytes, SMALLEST_LOG)
        self._passed = tuple(passed)
        self._runs: set[_Run] = set()
        self._lock = threading.Lock()  # over `_runs` and the closing of lifelines

    def start(self, job: Job, slot: Slot) -> Future[Exit]:
        """Start it now. The future never raises; the log is complete when it resolves.

        A job that cannot even start resolves at once, with the problem.
        """
        future: Future[Exit] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it: `stop` is the way
        try:
            job.log.parent.mkdir(parents=True, exist_ok=True)
            run = self._spawn(job, slot, future)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command or the environment
            future.set_result(Exit(None, 0.0, "", problem=f"cannot start the run: {error}"))
            return future
        with self._lock:
            self._runs.add(run)
        threading.Thread(target=self._follow, args=(run,), name=f"run {job.id}", daemon=True).start()
        return future

    def stop(self) -> None:
        """Kill every running job's whole tree and wait until it is dead; the futures resolve as interrupted."""
        with self._lock:
            futures = [run.future for run in self._runs]
            for run in self._runs:
                run.stopping = True
                _order_stop(run)
        wait(futures, timeout=KILL_SECONDS + 5)

    def sweep(self, ids: Sequence[str]) -> int:
        """Kill what an earlier harness left behind of these job ids; returns how many processes."""
        from deep_loop.adapters.executors.leftovers import kill_leftovers

        return kill_leftovers(ids)

    def _spawn(self, job: Job, slot: Slot, future: Future[Exit]) -> _Run:
        """Start the supervisor; raises OSError or ValueError."""
        order = Order(
            command=job.command,
            folder=str(job.folder.absolute()),
            log=str(job.log.absolute()),
            log_limit_bytes=self._log_limit_bytes,
            timeout_seconds=job.timeout_seconds,
            grace_seconds=self._grace_seconds,
        )
        read_end, lifeline = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), json.dumps(order._asdict())],
                stdin=read_end,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(job, slot, os.environ, self._passed),
                start_new_session=True,  # Ctrl-C in the terminal is the harness's to answer
            )
        except (OSError, ValueError):
            os.close(lifeline)
            raise
        finally:
            os.close(read_end)
        return _Run(job, future, process, lifeline, time.monotonic())

    def _follow(self, run: _Run) -> None:
        """Wait for the supervisor's report and resolve the future. Runs in a thread of its own."""
        try:
            said, complained = self._wait(run)
            result = self._exit(run, _report(said), complained)
        except Exception as error:  # noqa: BLE001  (the thread's edge: a future that never resolves hangs the study)
            result = Exit(None, time.monotonic() - run.started, "", problem=f"the executor failed: {error!r}")
        with self._lock:
            self._runs.discard(run)
            os.close(run.lifeline)
        run.future.set_result(result)

    def _wait(self, run: _Run) -> tuple[bytes, bytes]:
        """What the supervisor said and complained of, once it ended; a job that is hopeless is stopped."""
        while run.job.hopeless is not None and not run.pruned:
            try:
                return run.process.communicate(timeout=WATCH_SECONDS)
            except subprocess.TimeoutExpired:
                if run.job.hopeless(_end(run.job.log)) is not None:
                    run.pruned = True
                    _order_stop(run)
        return run.process.communicate()

    def _exit(self, run: _Run, report: Report | None, complained: bytes) -> Exit:
        """The job's exit, from its supervisor's report or the lack of one."""
        if report is None or report.problem or sys.platform != "linux":  # elsewhere it sees only its process group
            self.sweep([run.job.id])
        if report is None:
            why = complained.decode(errors="replace").strip().rpartition("\n")[2]
            report = Report(
                code=None,
                seconds=time.monotonic() - run.started,
                interrupted=run.stopping,
                problem=f"its supervisor ended without a report (exit code {run.process.returncode}) {why}".strip(),
            )
        text, unread = _read(run.job.log, self._log_limit_bytes)
        return Exit(
            code=report.code,
            seconds=report.seconds,
            text=text,
            timed_out=report.timed_out,
            interrupted=report.interrupted and (run.stopping or not run.pruned),
            pruned=report.interrupted and run.pruned and not run.stopping,
            problem=report.problem or unread,
        )


def _order_stop(run: _Run) -> None:
    """Tell the supervisor to kill everything below it."""
    with contextlib.suppress(BrokenPipeError):  # it has just ended by itself
        os.write(run.lifeline, b"\n")


def _end(log: Path) -> str:
    """The end of a log that is being written; empty where there is none yet."""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - WATCH_BYTES, 0))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _report(said: bytes) -> Report | None:
    """The supervisor's report; None where it died before it could make one."""
    return Report(**json.loads(said)) if said.endswith(b"\n") else None


def _read(log: Path, limit: int) -> tuple[str, str | None]:
    """The log's text, at most `limit` bytes of it, or why it cannot be read."""
    try:
        with log.open("rb") as file:
            return file.read(limit).decode(errors="replace"), None
    except OSError as error:
        return "", f"cannot read the log: {error.strerror}"
