"""A run behind a Landlock fence (`landlock.py`): for machines without bubblewrap.

It hides the same places and cuts the same network (TCP only, and that from within the run too). It gives
no `/tmp`, and inside a folder that may be written it cannot keep single files.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from deep_loop.adapters.executors import landlock
from deep_loop.adapters.executors.bubblewrap import DEVICES
from deep_loop.adapters.executors.places import Access, Layer, View

PLAIN_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")
_RIGHTS = {Access.READ: landlock.READ, Access.WRITE: landlock.WRITE}
_DEVICES = Layer(Path("/dev"), Access.NONE)  # raw disks are there too, and root may read them


class Landlock:
    """Implements `sandbox.Sandbox`."""

    name = "landlock"
    monitored = False
    temporary: str | None = None

    def wrap(self, view: View, command: Sequence[str], status: int) -> list[str]:
        """The command behind the fence; on the file `status` it says whether it came to start it."""
        rules = landlock.Rules(dict(_rules(view)), view.network)
        return [sys.executable, "-I", "-S", landlock.__file__, json.dumps(rules), str(status), *command]


def missing() -> str | None:
    """Why it cannot be used here; None where it works."""
    if not landlock.LINUX:
        return "Landlock needs Linux"
    return None if landlock.version() else "the kernel has no Landlock, or it is switched off"


def _rules(view: View) -> Iterator[tuple[str, int]]:
    """Rights by place. A rule only allows, so around a closed place its neighbours are named, level by level."""
    layers = [_DEVICES, *(Layer(x.path, Access.NONE) if x.source else x for x in view.layers)]
    closed = {layer.path for layer in layers if layer.access is Access.NONE}
    around = {parent for path in closed for parent in path.parents}
    for layer in (Layer(Path("/"), Access.READ), *layers):
        if layer.access is not Access.NONE:
            for place in _open_parts(layer.path, closed, around):
                yield place, _RIGHTS[layer.access]
    for pattern in (*PLAIN_DEVICES, *DEVICES):
        for device in _DEVICES.path.glob(pattern):
            yield str(device), landlock.WRITE


def _open_parts(path: Path, closed: set[Path], around: set[Path]) -> Iterator[str]:
    """The largest places below `path`, or itself, that hold nothing closed. Links lead where other rules decide."""
    if path not in around:
        yield str(path)
        return
    try:
        children = list(os.scandir(path))
    except OSError:  # closed to us: then to the run too
        return
    for child in children:
        if not child.is_symlink() and (below := Path(child.path)) not in closed:
            yield from _open_parts(below, closed, around)
