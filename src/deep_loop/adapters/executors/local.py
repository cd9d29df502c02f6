"""Runs on this machine, each under a supervisor process of its own (`supervisor.py`).

lease.py        the slot's devices, for as long as the run lasts
scratch.py      a home and a place for temporary files
places.py       what it sees
sandbox.py      what makes that so
environment.py  its variables
supervisor.py   starts it, limits it, ends it
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from deep_loop.adapters.executors import scratch
from deep_loop.adapters.executors.capped_log import SMALLEST_LOG
from deep_loop.adapters.executors.environment import environment
from deep_loop.adapters.executors.lease import Holder, Lease, Leases
from deep_loop.adapters.executors.meter import UNLIMITED, Limits
from deep_loop.adapters.executors.places import NOWHERE, SEARCHED, Places, at_home, out_of_sight, view
from deep_loop.adapters.executors.sandbox import Sandbox
from deep_loop.adapters.executors.slots import VISIBLE
from deep_loop.adapters.executors.supervisor import Order, Report, launch
from deep_loop.adapters.executors.tree import KILL_SECONDS, LINUX
from deep_loop.folders import remove
from deep_loop.ports import Exit, Job, Slot

WATCH_SECONDS = 1.0  # between two looks at whether a job is hopeless
WATCH_BYTES = 64 * 1024  # of the log's end, that such a look reads
CHANNEL_BYTES = 128 * 1024  # of an evaluator's channel; more is for its reader to refuse


@dataclass(eq=False, slots=True)
class _Run:
    """A job on its way."""

    job: Job
    slot: Slot
    future: Future[Exit]
    started: float  # monotonic
    lifeline: int | None = None  # write end of the supervisor's standard input; a byte, or its end, stops the run
    stopping: bool = False
    pruned: bool = False


@dataclass(frozen=True, slots=True)
class _Supervised:
    """A supervisor at work."""

    process: subprocess.Popen[bytes]
    status: int | None  # read end of what the sandbox says; None without one


class LocalExecutor:
    """Implements `ports.Executor` with one supervisor process and one waiting thread a run.

    A run gets the environment that `environment` allows, `passed` naming more of it; what it sees is
    `places`, as far as there is a `sandbox`. A home and temporary files of its own are made below `scratch_root`
    (None: where temporary files go). Without `leases` devices are not kept from other studies. `network` lets
    every run use it, not only those that ask. A log takes at most `log_limit_bytes` (at least 4096) on
    disk and in memory. Job ids mark processes for `sweep`, so they must be unique on the machine, not only
    within a study.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        *,
        sandbox: Sandbox | None = None,
        places: Places = NOWHERE,
        network: bool = False,
        limits: Limits = UNLIMITED,
        leases: Leases | None = None,
        scratch_root: Path | None = None,
        grace_seconds: float = 5.0,
        log_limit_bytes: int = 16 * 2**20,
        passed: Sequence[str] = (),
    ) -> None:
        self.slots: Sequence[Slot] = tuple(slots)
        self.notices: list[str] = []
        self._sandbox = sandbox
        self._places = places
        self._network = network
        self._limits = limits
        self._leases = leases
        self._scratch_root = scratch_root
        self._grace_seconds = grace_seconds
        self._log_limit_bytes = max(log_limit_bytes, SMALLEST_LOG)
        self._passed = tuple(passed)
        self._runs: set[_Run] = set()
        self._waited_for: set[tuple[str, str]] = set()  # slots and holders that a person was told of
        self._lock = threading.Lock()  # over `_runs`, and over `stopping` and `lifeline` of each

    def start(self, job: Job, slot: Slot) -> Future[Exit]:
        """Start it as soon as the slot's devices are free. The future never raises; the log is then complete.

        What the wait for devices takes is no part of the exit's seconds. A job that cannot even start
        resolves with the problem.
        """
        future: Future[Exit] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it: `stop` is the way
        run = _Run(job, slot, future, time.monotonic())
        with self._lock:
            self._runs.add(run)
        threading.Thread(target=self._carry_out, args=(run,), name=f"run {job.id}", daemon=True).start()
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
        """Kill what an earlier harness left behind of these job ids, and clear up; returns how many processes."""
        from deep_loop.adapters.executors.leftovers import kill_leftovers

        killed = kill_leftovers(ids)
        for id in ids:
            remove(scratch.place(self._scratch_root, id))
        return killed

    def _carry_out(self, run: _Run) -> None:
        """Run it and resolve its future. In a thread of its own."""
        try:
            result = self._lead(run)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command or the environment
            result = Exit(None, 0.0, "", problem=f"cannot start the run: {error}")
        except Exception as error:  # noqa: BLE001  (the thread's edge: a future that never resolves hangs the study)
            result = Exit(None, time.monotonic() - run.started, "", problem=f"the executor failed: {error!r}")
        with self._lock:
            self._runs.discard(run)
        run.future.set_result(result)

    def _lead(self, run: _Run) -> Exit:
        """From waiting for devices to what came of it; raises OSError and ValueError where it cannot start."""
        with ExitStack() as until_started:
            lease = self._lease(run)
            if lease is None:
                return Exit(None, 0.0, "", interrupted=True)
            until_started.callback(lease.release)  # the supervisor has it from then on, to its end
            with self._own_folder(run.job) as own, _watched_memory(run.slot, self.notices):
                run.started = time.monotonic()
                supervised = self._spawn(run, own, lease)
                until_started.close()
                return self._follow(run, supervised)

    def _lease(self, run: _Run) -> Lease | None:
        """The slot's devices, ours; None where the run was stopped before that."""
        if self._leases is None:
            return Lease((), ExitStack())
        return self._leases.take(run.slot.devices, lambda: run.stopping, lambda _, holder: self._wait_told(run, holder))

    def _wait_told(self, run: _Run, holder: Holder | None) -> None:
        """Say so once for each holder: two studies that take turns wait for every run."""
        wait = (run.slot.name, holder.who if holder else "")
        if wait in self._waited_for:
            return
        self._waited_for.add(wait)
        by = f", held by {holder.who} (process {holder.pid})" if holder else ""
        self.notices.append(f"a run waits for {run.slot.name}{by}: the two take turns")

    @contextlib.contextmanager
    def _own_folder(self, job: Job) -> Iterator[Path]:
        """The run's scratch folder, and whatever else of its places it counts on."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        for place in job.writes:
            place.mkdir(parents=True, exist_ok=True)
        own = scratch.place(self._scratch_root, job.id)
        try:
            scratch.make(own, self._places, clean=job.clean)
            yield own
        finally:
            remove(own)

    def _environment(self, run: _Run, own: Path) -> dict[str, str]:
        """The run's variables. One that names a place in the person's home, where the run is not, is left out."""
        places, temporary = self._places, self._sandbox.temporary if self._sandbox else None
        user = os.environ.get("USER") or "deep-loop"  # in a sandbox no list of users may know it
        mine = {"TMPDIR": temporary or str(own / scratch.TEMPORARY), "USER": user, "LOGNAME": user}
        inherited: Mapping[str, str] = os.environ
        if not at_home(places, run.job):
            mine["HOME"] = str(own / scratch.HOME)
            kept = {*SEARCHED, *self._passed}
            inherited = {
                name: value
                for name, value in os.environ.items()
                if name in kept or not out_of_sight(places, Path(value))
            }
        return environment(run.job, run.slot, inherited, self._passed, mine)

    def _spawn(self, run: _Run, own: Path, lease: Lease) -> _Supervised:
        """Start the supervisor; raises OSError or ValueError."""
        job, env = run.job, self._environment(run, own)
        command = ["/bin/sh", "-c", job.command]
        with ExitStack() as ours:  # the ends of pipes that are the supervisor's
            status = told = None
            if self._sandbox is not None:
                places = replace(self._places, hidden=()) if job.holdout else self._places
                seen = view(places, job, own, env, network=job.network or self._network)
                status, told = _pipe(ours)
                command = self._sandbox.wrap(seen, command, told)
            order = Order(
                arguments=command,
                folder=str(job.folder.absolute()),
                log=str(job.log.absolute()),
                log_limit_bytes=self._log_limit_bytes,
                timeout_seconds=job.timeout_seconds,
                grace_seconds=self._grace_seconds,
                limits=self._limits,
                counted=[str(job.folder.absolute()), str(own)],
                cpus=run.slot.cpus,
                inherited=() if told is None else (told,),
                monitored=self._sandbox is not None and self._sandbox.monitored,
                courteous=job.courteous,
            )
            read_end, lifeline = _pipe_to(ours)
            try:
                process = subprocess.Popen(
                    launch(order),
                    stdin=read_end,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=env,
                    pass_fds=(*order.inherited, *lease.files),
                    start_new_session=True,  # Ctrl-C in the terminal is the harness's to answer
                )
            except (OSError, ValueError):
                for end in (lifeline, status):
                    if end is not None:
                        os.close(end)
                raise
        with self._lock:
            run.lifeline = lifeline
            if run.stopping:
                _order_stop(run)
        return _Supervised(process, status)

    def _follow(self, run: _Run, supervised: _Supervised) -> Exit:
        """Wait for the supervisor's report; what came of the run."""
        try:
            said, complained = _wait(run, supervised.process)
            told = b"" if supervised.status is None else _ready(supervised.status)
        finally:
            with self._lock:
                assert run.lifeline is not None
                os.close(run.lifeline)
                run.lifeline = None
            if supervised.status is not None:
                os.close(supervised.status)
        report = _report(said) or Report(
            code=None,
            seconds=time.monotonic() - run.started,
            interrupted=run.stopping,
            problem=_lost(supervised.process.returncode, complained),
        )
        if report.problem or not LINUX:  # elsewhere the supervisor sees only its process group
            self.sweep([run.job.id])
        text, unread = _read(run.job.log, self._log_limit_bytes)
        problem = report.problem or unread
        if self._sandbox is not None and report.code and b'"exit-code"' not in told:
            problem = problem or f"the sandbox cannot be set up: {text.strip().rpartition(chr(10))[2]}"
        return Exit(
            code=report.code,
            seconds=report.seconds,
            text=text,
            timed_out=report.timed_out,
            interrupted=report.interrupted and (run.stopping or not run.pruned),
            pruned=report.interrupted and run.pruned and not run.stopping,
            problem=problem,
            load=report.load,
            channel=None if run.job.channel is None else _channel(run.job.channel),
            confined=self._sandbox is not None,
        )


def _wait(run: _Run, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What the supervisor said and complained of, once it ended; a job that is hopeless is stopped."""
    while run.job.hopeless is not None and not run.pruned:
        try:
            return process.communicate(timeout=WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            if run.job.hopeless(_end(run.job.log)) is not None:
                run.pruned = True
                _order_stop(run)
    return process.communicate()


def _order_stop(run: _Run) -> None:
    """Tell the supervisor, where there is one by now, to kill everything below it."""
    if run.lifeline is not None:
        with contextlib.suppress(BrokenPipeError):  # it has just ended by itself
            os.write(run.lifeline, b"\n")


def _pipe(closing: ExitStack) -> tuple[int, int]:
    """A pipe whose write end is closed with `closing`."""
    read_end, write_end = os.pipe()
    closing.callback(os.close, write_end)
    return read_end, write_end


def _pipe_to(closing: ExitStack) -> tuple[int, int]:
    """A pipe whose read end is closed with `closing`."""
    read_end, write_end = os.pipe()
    closing.callback(os.close, read_end)
    return read_end, write_end


@contextlib.contextmanager
def _watched_memory(slot: Slot, notices: list[str]) -> Iterator[None]:
    """Tell of GPU memory that somebody holds afterwards and did not before."""
    if VISIBLE not in slot.env or not slot.devices:
        yield
        return
    from deep_loop.adapters.executors.gpu_memory import held, left_over

    before = held(slot.devices)
    yield
    if (words := left_over(before, held(slot.devices))) is not None:
        notices.append(words)


def _ready(file: int) -> bytes:
    """What can be read of a pipe now."""
    os.set_blocking(file, False)
    with contextlib.suppress(BlockingIOError):  # nobody wrote to it, and somebody has it open still
        return os.read(file, 4096)
    return b""


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


def _lost(code: int, complained: bytes) -> str:
    """What to say of a supervisor that made no report."""
    why = complained.decode(errors="replace").strip().rpartition("\n")[2]
    return f"its supervisor ended without a report (exit code {code}) {why}".strip()


def _read(log: Path, limit: int) -> tuple[str, str | None]:
    """The log's text, at most `limit` bytes of it, or why it cannot be read."""
    try:
        with log.open("rb") as file:
            return file.read(limit).decode(errors="replace"), None
    except OSError as error:
        return "", f"cannot read the log: {error.strerror}"


def _channel(path: Path) -> str | None:
    """What an evaluator's channel holds, as far as that is of interest; None where there is none.

    The run could put anything there: links are not followed, a pipe is not waited for.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return "is no file"
        return opened.read(CHANNEL_BYTES).decode(errors="replace")
