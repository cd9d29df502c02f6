"""`notify.log` in the workspace: one line for each thing that was told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock

WAITING = 1000  # lines that wait for a disk that takes them


def append(path: Path, text: str, now: datetime) -> None:
    """Add one line, `[2026-11-22 07:12:33] text`, to a log; one write, so that lines of two processes stay whole."""
    with path.open("a", encoding="utf-8") as log:
        log.write(f"[{now:%Y-%m-%d %H:%M:%S}] {text}\n")


class Log:
    """Written to from several threads. A line that cannot be written (a full disk) waits for the next one."""

    def __init__(self, path: Path, now: Callable[[], datetime] = datetime.now) -> None:
        self._path = path
        self._now = now
        self._lock = Lock()
        self._unwritten: deque[tuple[str, datetime]] = deque(maxlen=WAITING)

    def write(self, text: str) -> None:
        """Add a line now, if the disk lets us; never fails."""
        with self._lock:
            self._unwritten.append((text, self._now()))
            try:
                while self._unwritten:
                    append(self._path, *self._unwritten[0])
                    self._unwritten.popleft()
            except OSError:
                return  # kept: the study goes on
