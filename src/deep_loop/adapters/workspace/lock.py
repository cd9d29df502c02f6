"""One harness at a time in a workspace: a lock that the kernel lets go when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from deep_loop.errors import BusyError, WorkspaceError

LOCK = Path(".deep-loop") / "lock"


@dataclass(frozen=True, slots=True)
class Owner:
    """The harness that runs a study here, and what its flags came to."""

    pid: int
    tag: str
    since: float  # seconds since the epoch
    max_experiments: int
    meta_interval: int
    paused: bool = False


class Hold:
    """The lock, held. `tell` changes what other processes read of its holder."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def tell(self, owner: Owner) -> None:
        """Say who holds it; a reader sees the old words or the new ones, padded to one length."""
        text = json.dumps(asdict(owner)).ljust(512)
        os.pwrite(self._file.fileno(), text.encode(), 0)


@contextmanager
def hold(root: Path, owner: Owner) -> Iterator[Hold]:
    """Hold the workspace; raises BusyError, naming the process, where another harness does."""
    path = root / LOCK
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}", hint="make the folder writable") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise busy(_read(path)) from error
        # Opened for appending, so that a holder's words are not lost before the lock is ours.
        os.set_inheritable(file.fileno(), False)
        with path.open("r+", encoding="utf-8") as writable:
            held = Hold(writable)
            held.tell(owner)
            yield held


def owner(root: Path) -> Owner | None:
    """Who runs a study in the workspace now; None where nobody does."""
    path = root / LOCK
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _read(path)


def latest(root: Path) -> Owner | None:
    """The harness that runs here, or ran here last; None where none did."""
    return _read(root / LOCK)


def busy(holder: Owner | None) -> BusyError:
    """The error of a second harness."""
    who = f"process {holder.pid} runs the study {holder.tag}" if holder else "another process is using it"
    return BusyError(
        f"the workspace is in use: {who}",
        hint="watch it with `deep-loop status`, or end it with `deep-loop stop`",
    )


def _read(path: Path) -> Owner | None:
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # it is being written for the first time
        return None
