"""Locks that a dead git left behind, told from those of a git that works."""

from __future__ import annotations

import time
from pathlib import Path

STALE = 10.0  # seconds; a git that works holds the lock of a ref or of an index for milliseconds
PAUSE = 0.05


def outwait(lock: Path) -> None:
    """Wait until a lock is gone, and take it away where it outlives what any git would hold it for."""
    patience = time.monotonic() + STALE  # for a lock whose time stamp lies in the future
    while (age := _age(lock)) is not None:
        if age > STALE or time.monotonic() > patience:
            lock.unlink(missing_ok=True)
            return
        time.sleep(PAUSE)


def _age(file: Path) -> float | None:
    """Seconds since it was made; None where it is not there any more."""
    try:
        return time.time() - file.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):  # the latter for a ref that another ref's name rules out
        return None
