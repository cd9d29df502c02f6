"""This machine as runs are laid out on it: its name, its processor, its cores."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True)
class Host:
    """A machine. A physical core is the numbers of its logical ones, as the kernel counts; those allowed to us."""

    name: str
    cpu: str  # the processor's model
    cores: tuple[tuple[int, ...], ...]  # empty where nothing can be pinned to them


def this_host() -> Host:
    """The machine that this process runs on."""
    return Host(platform.node() or "localhost", _model(), _cores())


def _model() -> str:
    """The processor's name for itself; its architecture where it has none."""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"


def _cores() -> tuple[tuple[int, ...], ...]:
    """Logical cores that share a physical one stand together; where the kernel does not say, each stands alone."""
    if sys.platform != "linux":
        return ()
    allowed = os.sched_getaffinity(0)
    cores: dict[str, list[int]] = {}
    for cpu in sorted(allowed):
        try:
            siblings = (CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
        except OSError:
            siblings = str(cpu)
        cores.setdefault(siblings, []).append(cpu)
    return tuple(tuple(core) for core in cores.values())
