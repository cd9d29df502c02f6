"""A run in a bubblewrap container: namespaces of its own for files, processes and the network.

It works for ordinary users and for root. Root gets a user namespace too, and is nobody in particular in it:
with its capabilities a run could unmount what is laid over a place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from deep_loop.adapters.executors.places import Access, View

NOBODY = "1000"  # who root is in there
PATIENCE_SECONDS = 20.0
DEVICES = ("nvidia*", "dri", "kfd", "gdrdrv", "infiniband")  # GPUs, and what several of them talk through


class Bubblewrap:
    """Implements `sandbox.Sandbox`."""

    name = "bubblewrap"
    monitored = True  # its first process waits outside for the others
    temporary: str | None = "/tmp"

    def wrap(self, view: View, command: Sequence[str], status: int) -> list[str]:
        """The command, contained; bubblewrap says on the file `status` whether it came to start it."""
        return [
            *(program() or "bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-cgroup-try"),
            *(() if view.network else ("--unshare-net",)),
            *("--die-with-parent", "--cap-drop", "ALL", "--json-status-fd", str(status)),
            *(("--uid", NOBODY, "--gid", NOBODY) if os.getuid() == 0 else ()),
            *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", *_devices()),
            *_mounts(view),
            *("--chdir", str(view.folder), "--", *command),
        ]


def _mounts(view: View) -> Iterator[str]:
    """A layer over the one around it, from the outside in. Closed folders end up empty and not to be written."""
    closed = []
    for layer in view.layers:
        place, source = str(layer.path), str(layer.source or layer.path)
        match layer.access:
            case Access.NONE if layer.path.is_dir():
                closed.append(place)
                yield from ("--tmpfs", place)
            case Access.NONE:
                yield from ("--ro-bind", os.devnull, place)
            case Access.READ:
                yield from ("--ro-bind", source, place)
            case Access.WRITE:
                yield from ("--bind", source, place)
    for place in closed:
        yield from ("--remount-ro", place)


def _devices() -> Iterator[str]:
    """GPUs are shown to every run: which of them it uses is said by its slot's environment."""
    for pattern in DEVICES:
        for device in sorted(Path("/dev").glob(pattern)):
            yield from ("--dev-bind", str(device), str(device))


def program() -> str | None:
    """Where bubblewrap is."""
    return shutil.which("bwrap") if sys.platform == "linux" else None


@cache
def missing() -> str | None:
    """Why it cannot be used here; None where it works. Tries it, once in a process."""
    found = program()
    if found is None:
        return "bubblewrap (bwrap) is not installed" if sys.platform == "linux" else "bubblewrap needs Linux"
    everything = View(Path("/"), (), network=False)
    try:
        tried = subprocess.run(
            [*Bubblewrap().wrap(everything, ["/bin/sh", "-c", ":"], 1)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    if tried.returncode:
        why = tried.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return f"bubblewrap does not work here: {why.removeprefix('bwrap: ') or f'exit code {tried.returncode}'}"
    return None
