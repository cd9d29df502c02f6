"""Processes of runs whose supervisor is gone, found by the marker in their environment."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection

import psutil

from deep_loop.adapters.executors.environment import MARKER

SWEEP_SECONDS = 10.0  # a process inside a driver call dies only when the call returns


def kill_leftovers(ids: Collection[str]) -> int:
    """Kill every process of ours marked with one of these job ids, and all below it; returns how many.

    Repeats until none is found, at most for `SWEEP_SECONDS`. A process that dropped the marker and
    whose parents are all gone is not found: the supervisor is what catches those.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    killed: set[tuple[int, float]] = set()  # with the start time: a number may be given again
    while found := _marked(set(ids)):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                killed.add((process.pid, process.create_time()))
                process.kill()
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return len(killed)


def _marked(ids: Collection[str]) -> list[psutil.Process]:
    """Living processes of our user that carry the marker, and those below them; never we or those above us."""
    me = psutil.Process()
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    living: dict[int, psutil.Process] = {}
    below: dict[int, list[int]] = {}
    found: list[int] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # gone, or not ours to look into
            if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            living[process.pid] = process
            below.setdefault(process.ppid(), []).append(process.pid)
            if process.environ().get(MARKER) in ids:
                found.append(process.pid)
    members: set[int] = set()
    while found:
        pid = found.pop()
        if pid not in members:
            members.add(pid)
            found += below.get(pid, [])
    return [living[pid] for pid in members - spared]
