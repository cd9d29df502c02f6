"""One run's supervisor: a process of its own, between the harness and the run.

The harness starts it as a script (`python -I -S supervisor.py ORDER`, standard library only, so that
it is there in milliseconds) and holds the other end of its standard input. It starts the command,
copies what the command prints into the log, and answers with one line of JSON on standard output.
When standard input brings a byte or closes, because the harness wants it or has died, it kills
everything below it. Parent-death signals would not do: they follow the thread that started the run.

Linux: it is the subreaper of all that the command starts, so a daemon that left its session and lost
its parent is still found below it. A descendant is left exactly as long as the supervisor has a child.
Elsewhere (macOS) it reaches the command's process group; the executor looks for the rest by their
environment marker.

Named tuples, not dataclasses, and no pathlib: importing those two would add a third to its start-up time.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import NamedTuple

LINUX = sys.platform == "linux"
KILL_SECONDS = 30.0  # a process inside a driver call dies only when the call returns
CHUNK = 1 << 16  # bytes; what a pipe holds by default
PIPE_CAPACITY = 1 << 20  # bytes; the most that an ordinary process may raise it to
SMALLEST_LOG = 4096  # bytes
_PR_SET_CHILD_SUBREAPER = 36
_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Order(NamedTuple):
    """What to run, and within which limits."""

    command: str  # for `sh -c`
    folder: str
    log: str
    log_limit_bytes: int
    timeout_seconds: float
    grace_seconds: float


class Report(NamedTuple):
    """How it ended."""

    code: int | None  # -n: killed by signal n; None: killed by us, or never started
    seconds: float
    timed_out: bool = False
    interrupted: bool = False
    problem: str | None = None


class CappedLog:
    """A log of at most `limit` bytes (at least 4096): its head, a line that says how much was cut, its tail.

    The file is right at every moment, so that it can be read while the run goes on and after any kill:
    when it is full, its second half is shortened to the last eighth of the limit. Each byte is
    written about once and rewritten at most once for every quarter of the limit printed.
    """

    def __init__(self, path: str, limit: int) -> None:
        limit = max(limit, SMALLEST_LOG)
        self._limit = limit
        self._head = limit // 2
        self._piece = limit // 8
        self._size = 0
        self._tail = self._head  # where the tail begins: behind the head, then behind the note
        self._cut = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def write(self, data: bytes) -> None:
        """Append; raises OSError where the disk does not take it."""
        for start in range(0, len(data), self._piece):
            piece = data[start : start + self._piece]
            if self._size + len(piece) > self._limit:
                self._shorten()
            self._put(piece)

    def close(self) -> None:
        """Close the file; nothing may be written any more."""
        os.close(self._file)

    def _shorten(self) -> None:
        """Cut the middle: keep the head and the last eighth, from the start of a line where one begins near."""
        kept = os.pread(self._file, self._piece, self._size - self._piece)
        kept = kept[kept.find(b"\n", 0, self._piece // 2) + 1 :]
        self._cut += self._size - self._tail - len(kept)
        note = b"\n[deep-loop: %d bytes cut here]\n" % self._cut
        self._size = self._head
        self._tail = self._head + len(note)
        self._put(note + kept)
        os.ftruncate(self._file, self._size)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._size)
            self._size += written
            view = view[written:]


class Tree:
    """The command and everything that it starts."""

    def __init__(self, main: subprocess.Popen[bytes]) -> None:
        self._main = main  # held, because a Popen that is let go takes its child's exit code along
        self.exited_at: float | None = None  # monotonic
        self.empty = False

    @property
    def code(self) -> int | None:
        """The command's own exit code, once it has one."""
        return self._main.returncode

    def reap(self) -> None:
        """Take note of who has died."""
        while not self.empty:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.empty = True
                return
            if pid == 0:
                return
            if pid == self._main.pid:
                self._main.returncode = os.waitstatus_to_exitcode(status)
                self.exited_at = time.monotonic()

    def send(self, number: int) -> set[int]:
        """Signal every member once; returns those that there were."""
        if not LINUX:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._main.pid, number)
            return {self._main.pid}
        members = set(_descendants(os.getpid()))
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return members

    def kill(self) -> bool:
        """SIGKILL until nothing is left; False where something outlives `KILL_SECONDS`.

        Rounds follow each other at once while they meet new processes (a fork bomb) and slow down
        while they only wait for old ones to go.
        """
        if not LINUX:  # the command may be gone, and others of its group not
            self.send(signal.SIGKILL)
        deadline = time.monotonic() + KILL_SECONDS
        known: set[int] = set()
        pause = 0.001
        while True:
            self.reap()
            if self.empty:
                return True
            if time.monotonic() > deadline:
                return False
            members = self.send(signal.SIGKILL)
            pause = min(pause * 2, 0.1) if members <= known else 0.001
            known |= members
            time.sleep(pause)


class Ending(Enum):
    """Why a watch ended."""

    DONE = auto()
    TIME = auto()
    STOPPED = auto()
    LOG_FAILED = auto()


class Watch:
    """Waits for what may happen to a run, and keeps the log going meanwhile."""

    def __init__(self, tree: Tree, output: int, wake: int, log: CappedLog) -> None:
        self._tree = tree
        self._output = output
        self._wake = wake
        self._log = log
        self.problem: str | None = None  # why the log cannot be written
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
            left = deadline - time.monotonic()
            if left <= 0:
                return Ending.TIME
            for key, _ in self._selector.select(min(left, 3600.0)):
                if key.fd == self._output:
                    self._copy()
                    if self.problem:
                        return Ending.LOG_FAILED
                elif key.fd != self._wake or _STOPS.intersection(os.read(self._wake, CHUNK)):
                    return Ending.STOPPED

    def drain(self) -> None:
        """Copy what the pipe still holds. Bounded: a survivor that goes on printing is not waited for."""
        for _ in range(PIPE_CAPACITY // CHUNK + 1):
            if self.problem or not self._copy():
                return

    def _copy(self) -> bool:
        """Copy one chunk from the pipe to the log; False where there was none."""
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
            self.problem = f"cannot write the log: {error.strerror}"
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
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", order.command],
            cwd=order.folder,
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            start_new_session=True,
        )
    except OSError as error:
        return Report(None, 0.0, problem=f"cannot start in {order.folder}: {error.strerror}")
    os.close(write_end)
    tree = Tree(process)
    watch = Watch(tree, output, wake, log)
    ending = watch.until(lambda: tree.exited_at is not None, started + order.timeout_seconds)
    timed_out = ending is Ending.TIME
    if timed_out:
        tree.send(signal.SIGTERM)
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
    )


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


def _descendants(root: int) -> Iterator[int]:
    """Processes below `root`, from one pass over /proc. Zombies too: other threads of one may still run."""
    children: dict[int, list[int]] = {}
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries if entry.name.isdigit()]
    for name in names:
        with contextlib.suppress(OSError):  # it has gone meanwhile
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  (see the top)
                parent = int(file.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found = [root]
    while found:
        below = children.pop(found.pop(), [])
        found += below
        yield from below


def main() -> None:
    """Carry out the order in `sys.argv[1]` and report."""
    order = Order(**json.loads(sys.argv[1]))
    try:
        report = supervise(order)
    except Exception as error:  # noqa: BLE001  (the process's edge: the report is its record)
        report = Report(None, 0.0, problem=f"its supervisor failed: {error!r}")
    with contextlib.suppress(BrokenPipeError):  # nobody is left to tell
        os.write(sys.stdout.fileno(), json.dumps(report._asdict()).encode() + b"\n")


if __name__ == "__main__":
    main()
