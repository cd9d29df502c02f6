"""How much others used the machine during a run. Part of the supervisor: standard library only."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Collection

SHORTEST_SECONDS = 1.0  # the kernel counts in hundredths: over less than this, a quotient of counts is chance
_IDLE = (3, 4)  # places of idle and iowait in a line of /proc/stat
_GUESTS = 8  # what follows is in `user` and `nice` already


class Load:
    """From its making on: how many cores processes other than our children keep busy, of those that a run may use.

    Time that a hypervisor took away counts as others'. Linux only: elsewhere it is not known.
    """

    def __init__(self, cpus: Collection[int]) -> None:
        self._cpus = frozenset(cpus)
        self._started = time.monotonic()
        self._busy = _busy_seconds(self._cpus)
        self._own = _own_seconds()

    def others(self) -> float | None:
        """Cores, on average until now; None where it is not known. All children must have been waited for."""
        seconds = time.monotonic() - self._started
        busy = _busy_seconds(self._cpus)
        if self._busy is None or busy is None or seconds < SHORTEST_SECONDS:
            return None
        return max(busy - self._busy - (_own_seconds() - self._own), 0.0) / seconds


def _own_seconds() -> float:
    """Processor time of every child that has ended, and of those below them that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy_seconds(cpus: Collection[int]) -> float | None:
    """Processor time that these cores have spent on anything since the machine started; None where nobody says."""
    ticks = 0
    try:
        with open("/proc/stat", "rb") as file:  # noqa: PTH123  (pathlib would double our start-up time)
            for line in file:
                name, *fields = line.split()
                if not name.startswith(b"cpu"):
                    break
                if name != b"cpu" and int(name[3:]) in cpus:
                    ticks += sum(int(field) for place, field in enumerate(fields[:_GUESTS]) if place not in _IDLE)
    except OSError:
        return None
    return ticks / os.sysconf("SC_CLK_TCK")
