"""Devices that a run has to itself: no other run on this machine, of whichever study, uses them meanwhile.

A lease is a lock on a file, one file a device, in a folder that all processes on the machine share. The
lock goes with the run's supervisor, so the kernel ends it whenever and however that ends.
A run takes the leases when it starts: studies that share a device take turns run by run. To be fair, whoever
wants a device first takes its queue's lock, waits with that for the device, and only then lets others queue:
a study that has just used the device comes after the one that waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_SECONDS = 0.05
_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a device."""

    pid: int
    who: str  # "exp1 in /home/ada/study"
    since: float  # seconds since the epoch


class Leases:
    """The leases that one study takes on this machine."""

    def __init__(self, folder: Path, who: str) -> None:
        """`folder` is the same for all studies that share devices; `who` tells others what this one is."""
        self._folder = folder
        self._who = who

    def take(
        self, devices: Sequence[str], given_up: Callable[[], bool], waiting: Callable[[str, Holder | None], None]
    ) -> Lease | None:
        """Wait until all of these devices are ours; None where `given_up` says so before that.

        `waiting` hears once of each device that another has, and of who that is. Everybody takes devices in
        one order, so nobody waits in a circle. Raises OSError where the locks cannot be made.
        """
        if devices and not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o1777)  # for every user, and nobody takes another's file away
        with ExitStack() as held:
            files = []
            for device in sorted(set(devices)):
                path = self._folder / _NAME.sub("-", device)
                told = False
                with _opened(path.with_name(f"{path.name}.queue")) as queue:
                    file = held.enter_context(_opened(path))
                    while not (_locked(queue) and _locked(file)):
                        if given_up():
                            return None
                        if not told:
                            waiting(device, read(path))
                            told = True
                        time.sleep(POLL_SECONDS)
                _write(file, Holder(os.getpid(), self._who, time.time()))
                files.append(file)
            return Lease(tuple(files), held.pop_all())


class Lease:
    """Devices that are ours until `release`, and until every process that inherited `files` has ended."""

    def __init__(self, files: tuple[int, ...], held: ExitStack) -> None:
        self.files = files  # by number
        self._held = held

    def release(self) -> None:
        """Let go of our part; doing it twice changes nothing."""
        self._held.close()


def shared_folder(environ: Mapping[str, str]) -> Path:
    """Where all studies on this machine keep their leases, whoever runs them; `DEEP_LOOP_LEASES` moves it."""
    return Path(environ.get("DEEP_LOOP_LEASES") or "/tmp/deep-loop-leases")


def holder(folder: Path, device: str) -> Holder | None:
    """Who has a device now; None where nobody has, or nobody knows."""
    path = folder / _NAME.sub("-", device)
    with contextlib.suppress(OSError), _opened(path) as file:
        return None if _locked(file) else read(path)
    return None


def read(path: Path) -> Holder | None:
    """Who took a device last, by its file."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # it is being written
        return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A file that every user may lock, made where it is not there; raises OSError."""
    plain = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        file = os.open(path, plain)  # not to be made here: some kernels then refuse the files of others
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            new = os.open(path, plain | os.O_CREAT | os.O_EXCL)
            os.fchmod(new, 0o666)
            os.close(new)
        file = os.open(path, plain)
    try:
        yield file
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    """Take a file's lock, or have it already; False where another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: int, holder: Holder) -> None:
    text = json.dumps(asdict(holder)).encode()
    os.ftruncate(file, 0)
    os.pwrite(file, text, 0)
