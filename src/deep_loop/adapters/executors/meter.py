"""What a run uses, and whether that is too much. Part of the supervisor: standard library only.

Looking costs: a pass over /proc, a walk through folders. So a look is repeated after `PAUSE_SECONDS`, or
after `SHARE` times what it took, whichever is later: it never takes more than 2 % of a core.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from deep_loop.adapters.executors.tree import LINUX, descendants

PAUSE_SECONDS = 0.25
DISK_PAUSE_SECONDS = 1.0
SHARE = 50.0
STRIDE = 500  # files looked at before the log gets its turn again
GIB = 2**30


class Limits(NamedTuple):
    """The most that a run may use; None: as much as there is."""

    memory_bytes: int | None = None  # of all its processes together
    processes: int | None = None  # at one time
    disk_bytes: int | None = None  # in its own folders
    open_files: int | None = None  # of one process; kept by the kernel


UNLIMITED = Limits()


class Meter:
    """Says when a run uses too much. `look` is called again and again, `due` (monotonic) at the latest."""

    def __init__(self, limits: Limits, folders: Sequence[str]) -> None:
        self._limits = limits
        self._folders = folders
        now = time.monotonic()
        counts = LINUX and (limits.memory_bytes is not None or limits.processes is not None)
        self._processes_due = now + PAUSE_SECONDS if counts else float("inf")
        self._disk_due = now + DISK_PAUSE_SECONDS if limits.disk_bytes is not None else float("inf")
        self._walk: Iterator[int] | None = None
        self._walk_took = 0.0

    @property
    def due(self) -> float:
        """When the next look is worth it (monotonic)."""
        return min(self._processes_due, self._disk_due)

    def look(self) -> str | None:
        """What the run uses too much of, in words; None where nothing is, or it is too early to look again."""
        complaint = None
        if time.monotonic() >= self._processes_due:
            started = time.monotonic()
            complaint = self._too_many() or self._too_large()
            now = time.monotonic()
            self._processes_due = now + max(PAUSE_SECONDS, SHARE * (now - started))
        if complaint is None and time.monotonic() >= self._disk_due:
            complaint = self._too_much_written()
        return complaint

    def _too_many(self) -> str | None:
        limit = self._limits.processes
        if limit is None:
            return None
        count = sum(1 for _ in descendants(os.getpid()))
        return (
            f"it had {count} processes at one time, and may have {limit} ([task] processes)" if count > limit else None
        )

    def _too_large(self) -> str | None:
        """Resident sets are quick to add up, and count shared pages repeatedly: only their excess is looked into."""
        limit = self._limits.memory_bytes
        if limit is None or resident(descendants(os.getpid())) <= limit:
            return None
        used = proportional(descendants(os.getpid()))
        if used <= limit:
            return None
        return f"out of memory: it used {used / GIB:.2f} GB, and may use {limit / GIB:.2f} GB ([task] memory_gb)"

    def _too_much_written(self) -> str | None:
        """One stride of the walk that is under way, or of a new one."""
        assert self._limits.disk_bytes is not None
        limit = self._limits.disk_bytes
        started = time.monotonic()
        self._walk = self._walk or occupied(self._folders)
        used = next(self._walk, None)
        now = time.monotonic()
        self._walk_took += now - started
        if used is None:
            self._walk = None
            self._disk_due = now + max(DISK_PAUSE_SECONDS, SHARE * self._walk_took)
            self._walk_took = 0.0
            return None
        if used <= limit:
            return None
        return f"out of disk: it wrote {used / GIB:.2f} GB, and may write {limit / GIB:.2f} GB ([task] disk_gb)"


def resident(pids: Iterable[int]) -> int:
    """Bytes of memory that these processes see, pages shared among them counted for each."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123
            pages += int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def proportional(pids: Iterable[int]) -> int:
    """Bytes of memory of these processes, a shared page counted once among those that share it."""
    return sum(map(_proportional, pids))


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # gone, or not ours to look into
        return resident([pid])
    return 0


def occupied(folders: Sequence[str]) -> Iterator[int]:
    """Bytes that lie in folders: what was found so far, after each `STRIDE` files and at the end.

    A file with several names counts for each. Links are not followed, other file systems not entered.
    """
    total = seen = 0
    for folder in folders:
        waiting = [folder]
        device = _device(folder)
        while waiting:
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:  # gone, or closed to us
                for entry in entries:
                    with contextlib.suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        total += status.st_blocks * 512
                        if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                            waiting.append(entry.path)
                    seen += 1
                    if seen % STRIDE == 0:
                        yield total
    yield total


def _device(folder: str) -> int | None:
    with contextlib.suppress(OSError):
        return os.stat(folder).st_dev  # noqa: PTH116
    return None
