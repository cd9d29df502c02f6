"""What the files of a folder look like at a moment, to tell later what has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deep_loop.core.patterns import matches

REPOSITORY = ".git"

Look = Mapping[str, tuple[int, int, int]]  # path -> what changes when the file does


def look(checkout: Path) -> Look:
    """The files of a checkout as they are now, its repository left out."""
    found = {}
    for path in _files(checkout):
        try:
            stat = path.lstat()
        except OSError:  # gone meanwhile
            continue
        found[path.relative_to(checkout).as_posix()] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def fitting(look: Look, patterns: Sequence[str]) -> list[str]:
    """The paths that fit one of the patterns."""
    return [path for path in look if matches(path, patterns)]


def _files(checkout: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(checkout):
        if REPOSITORY in folders and Path(folder) == checkout:
            folders.remove(REPOSITORY)
        yield from (Path(folder) / name for name in files)
