"""The processes of one run. Part of the supervisor: standard library only, and quick to import."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator

LINUX = sys.platform == "linux"
KILL_SECONDS = 30.0  # a process inside a driver call dies only when the call returns


class Tree:
    """The command and everything that it starts."""

    def __init__(self, main: subprocess.Popen[bytes], *, monitored: bool = False) -> None:
        """`monitored`: the first process is a sandbox's monitor, which knows how to die but not how to be asked to."""
        self._monitored = monitored
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

    def ask(self, number: int) -> None:
        """This signal to all, so that each can close up; a sandbox's monitor would take the others with it at once."""
        self._send(number, {self._main.pid} if self._monitored else set())

    def _send(self, number: int, spared: Collection[int] = ()) -> set[int]:
        """Signal every member once; returns those that there were."""
        if not LINUX:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._main.pid, number)
            return {self._main.pid}
        members = set(descendants(os.getpid()))
        for pid in members.difference(spared):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return members

    def kill(self) -> bool:
        """SIGKILL until nothing is left; False where something outlives `KILL_SECONDS`.

        Rounds follow each other at once while they meet new processes (a fork bomb) and slow down
        while they only wait for old ones to go.
        """
        if not LINUX:  # the command may be gone, and others of its group not
            self._send(signal.SIGKILL)
        deadline = time.monotonic() + KILL_SECONDS
        known: set[int] = set()
        pause = 0.001
        while True:
            self.reap()
            if self.empty:
                return True
            if time.monotonic() > deadline:
                return False
            members = self._send(signal.SIGKILL)
            pause = min(pause * 2, 0.1) if members <= known else 0.001
            known |= members
            time.sleep(pause)


def descendants(root: int) -> Iterator[int]:
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
