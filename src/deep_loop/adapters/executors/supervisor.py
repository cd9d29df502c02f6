"""One run's supervisor: a process of its own, between the harness and the run.

The harness starts it (`launch`; standard library only, so that it is there in milliseconds) and holds the
other end of its standard input. It starts the command, copies what the command prints into the log, and
answers with one line of JSON on standard output. When standard input brings a byte or closes, because the
harness wants it or has died, it kills everything below it. Parent-death signals would not do: they follow the
thread that started the run.

Linux: it is the subreaper of all that the command starts, so a daemon that left its session and lost
its parent is still found below it. A descendant is left exactly as long as the supervisor has a child. In a
sandbox with a process namespace of its own, everything in that also dies with its first process.
Elsewhere (macOS) it reaches the command's process group; the executor looks for the rest by their
environment marker.

Named tuples, not dataclasses, and no pathlib: importing those two would add a third to its start-up time.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple

from deep_loop.adapters.executors.capped_log import CappedLog
from deep_loop.adapters.executors.load import Load
from deep_loop.adapters.executors.meter import UNLIMITED, Limits, Meter
from deep_loop.adapters.executors.tree import KILL_SECONDS, LINUX, Tree

CHUNK = 1 << 16  # bytes; what a pipe holds by default
PIPE_CAPACITY = 1 << 20  # bytes; the most that an ordinary process may raise it to
FIRST_TO_GO = 1000  # of `oom_score_adj`: where the machine's memory ends, a run is killed before anything else
_PR_SET_CHILD_SUBREAPER = 36
_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Order(NamedTuple):
    """What to run, and within which limits."""

    arguments: Sequence[str]
    folder: str
    log: str
    log_limit_bytes: int
    timeout_seconds: float
    grace_seconds: float
    limits: Limits = UNLIMITED
    counted: Sequence[str] = ()  # folders that `limits.disk_bytes` speaks of
    cpus: Sequence[int] = ()  # the cores that it may use; empty: all that we may
    inherited: Sequence[int] = ()  # files that are open in it, by number
    monitored: bool = False  # of `Tree`
    courteous: bool = False  # a stop, too, gives it the grace; it is asked by SIGINT, as from a terminal


class Report(NamedTuple):
    """How it ended."""

    code: int | None  # -n: killed by signal n; None: killed by us, or never started
    seconds: float
    timed_out: bool = False
    interrupted: bool = False
    problem: str | None = None
    load: float | None = None  # of `Load.others`


def launch(order: Order) -> list[str]:
    """The command line of a supervisor with this order: our interpreter, without site packages, on our package."""
    package_root = __file__.removesuffix(__name__.replace(".", os.sep) + ".py")
    start = f"import sys; sys.path.insert(0, {package_root!r}); from {__name__} import main; main(sys.argv[1])"
    return [sys.executable, "-I", "-S", "-c", start, json.dumps(order._asdict())]


class Ending(Enum):
    """Why a watch ended."""

    DONE = auto()
    TIME = auto()
    STOPPED = auto()
    TOO_MUCH = auto()
    LOG_FAILED = auto()


class Watch:
    """Waits for what may happen to a run, and keeps the log going meanwhile."""

    def __init__(self, tree: Tree, output: int, wake: int, log: CappedLog, meter: Meter) -> None:
        self._tree = tree
        self._output = output
        self._wake = wake
        self._log = log
        self._meter = meter
        self.problem: str | None = None  # what it uses too much of, or why the log cannot be written
        self._selector = selectors.DefaultSelector()
        for source in (sys.stdin.fileno(), output, wake):
            os.set_blocking(source, False)
            self._selector.register(source, selectors.EVENT_READ)

    def until(self, done: Callable[[], bool], deadline: float) -> Ending:
        """Wait for `done`, but no longer than to `deadline` (monotonic)."""
        while True:
            self._tree.reap()
            if done():
                return Ending.DONE
            now = time.monotonic()
            if now >= deadline:
                return Ending.TIME
            for key, _ in self._selector.select(min(max(min(deadline, self._meter.due) - now, 0.0), 3600.0)):
                if key.fd == self._output:
                    self._copy()
                    if self.problem:
                        return Ending.LOG_FAILED
                elif key.fd != self._wake:
                    self._selector.unregister(key.fd)  # said once is enough
                    return Ending.STOPPED
                elif _STOPS.intersection(os.read(self._wake, CHUNK)):
                    return Ending.STOPPED
            if (complaint := self._meter.look()) is not None:
                self.problem = complaint
                return Ending.TOO_MUCH

    def drain(self) -> None:
        """Copy what the pipe still holds. Bounded: a survivor that goes on printing is not waited for."""
        for _ in range(PIPE_CAPACITY // CHUNK + 1):
            if not self._copy():
                return

    def _copy(self) -> bool:
        """Copy one chunk from the pipe to the log; False where there was none, or it could not be written."""
        try:
            data = os.read(self._output, CHUNK)
        except BlockingIOError:
            return False
        if not data:  # everybody has closed it
            if self._output in self._selector.get_map():
                self._selector.unregister(self._output)
            return False
        try:
            self._log.write(data)
        except OSError as error:
            self.problem = self.problem or f"cannot write the log: {error.strerror}"
            return False
        return True


def supervise(order: Order) -> Report:
    """Run the command to its end, or to one of its limits; nothing of it is left when this returns."""
    try:
        log = CappedLog(order.log, order.log_limit_bytes)
    except OSError as error:
        return Report(None, 0.0, problem=f"cannot write the log {order.log}: {error.strerror}")
    _become_subreaper()
    wake = _signals_as_bytes()
    output, write_end = os.pipe()
    load = Load(order.cpus or _own_cpus())
    started = time.monotonic()
    try:
        process = _start(order, write_end)
    except OSError as error:
        return Report(None, 0.0, problem=f"cannot start in {order.folder}: {error.strerror}")
    os.close(write_end)
    for number in order.inherited:
        os.close(number)
    tree = Tree(process, monitored=order.monitored)
    watch = Watch(tree, output, wake, log, Meter(order.limits, order.counted))
    ending = watch.until(lambda: tree.exited_at is not None, started + order.timeout_seconds)
    timed_out = ending is Ending.TIME
    if timed_out or (order.courteous and ending is Ending.STOPPED):
        tree.ask(signal.SIGINT if order.courteous else signal.SIGTERM)
        watch.until(lambda: tree.empty, time.monotonic() + order.grace_seconds)
    all_dead = tree.kill()
    watch.drain()
    log.close()
    return Report(
        code=tree.code if ending is Ending.DONE else None,
        seconds=(tree.exited_at or time.monotonic()) - started,
        timed_out=timed_out,
        interrupted=ending is Ending.STOPPED,
        problem=watch.problem or (None if all_dead else f"a process of it outlived SIGKILL by {KILL_SECONDS:g} s"),
        load=load.others() if all_dead else None,
    )


def _start(order: Order, output: int) -> subprocess.Popen[bytes]:
    """Start the command; raises OSError."""
    with _handed_down(order):
        return subprocess.Popen(
            order.arguments,
            cwd=order.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=order.inherited,
        )


@contextlib.contextmanager
def _handed_down(order: Order) -> Iterator[None]:
    """What a process that is started meanwhile gets from us: few core files, open files, cores, the kernel's blame."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if order.limits.open_files is not None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = order.limits.open_files
        new = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (new, new))
    if not LINUX:
        yield
        return
    mine = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # a core that was taken away meanwhile: then any will do
        os.sched_setaffinity(0, order.cpus or mine)
    before = _blame(FIRST_TO_GO)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)  # we take nothing from the run
        if before is not None:
            _blame(before)


def _blame(score: int) -> int | None:
    """Set how soon the kernel kills us where memory ends; returns what it was, None where it cannot be set."""
    try:
        with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:  # noqa: PTH123  (see the top)
            before = int(file.read())
            file.write(b"%d" % score)
            return before
    except OSError:
        return None


def _own_cpus() -> Sequence[int]:
    return sorted(os.sched_getaffinity(0)) if LINUX else ()


def _become_subreaper() -> None:
    """Have orphans below come to us instead of to init (Linux 3.4 and later)."""
    if LINUX and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")


def _signals_as_bytes() -> int:
    """A file descriptor that brings a byte for each child's death and each wish that we should stop.

    Handlers, not SIG_IGN: what is ignored stays ignored in the command.
    """
    wake, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (*_STOPS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return wake


def main(text: str) -> None:
    """Carry out an order, given as JSON, and report."""
    fields = json.loads(text)
    order = Order(**{**fields, "limits": Limits(*fields["limits"])})
    try:
        report = supervise(order)
    except Exception as error:  # noqa: BLE001  (the process's edge: the report is its record)
        report = Report(None, 0.0, problem=f"its supervisor failed: {error!r}")
    with contextlib.suppress(BrokenPipeError):  # nobody is left to tell
        os.write(sys.stdout.fileno(), json.dumps(report._asdict()).encode() + b"\n")
