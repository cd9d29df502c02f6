"""A home and a place for temporary files that only one run has."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path

from deep_loop.adapters.executors.places import Places, empty
from deep_loop.folders import remove

HOME, TEMPORARY = "home", "tmp"
LONGEST = 58  # characters of a root: programs make sockets in their temporary folder, whose paths have 107 at most


def place(root: Path | None, job: str) -> Path:
    """Where the folder of the job with this id is: below `root`, or where temporary files go if there is none.

    There too where paths below the root would be too long for sockets.
    """
    base = root if root is not None and len(str(root)) <= LONGEST else Path(tempfile.gettempdir())
    return base.resolve() / f"r{hashlib.sha256(job.encode()).hexdigest()[:10]}"


def make(folder: Path, places: Places, *, clean: bool) -> None:
    """Make it anew, with a home and a place for temporary files.

    What of `read` and `caches` lies in the person's home is linked from the same place of this one; where
    `clean`, an empty folder stands for each cache.
    """
    remove(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    home = folder / HOME
    home.mkdir()
    (folder / TEMPORARY).mkdir()
    for cache in places.caches:
        cache.mkdir(parents=True, exist_ok=True)
    replaced = {}
    if clean:
        for index, cache in enumerate(places.caches):
            replaced[cache] = empty(folder, index)
            replaced[cache].mkdir(parents=True)
    if places.home is not None:
        for shown in sorted({*places.read, *places.caches}):
            if shown.is_relative_to(places.home) and shown.exists():
                _link(home / shown.relative_to(places.home), replaced.get(shown, shown))


def _link(name: Path, target: Path) -> None:
    if any(each.is_symlink() for each in (name, *name.parents)):
        return  # it is seen through another link already
    name.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # the home itself is to be read: what stands there stays its own
        name.symlink_to(target)
