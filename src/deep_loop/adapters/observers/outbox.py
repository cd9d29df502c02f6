"""What waits to be delivered, on the disk: a study that is killed, or ends without a network, delivers it next time."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deep_loop.adapters.observers.message import Message

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FILE = "outbox.json"
LOCK = "outbox.lock"


@dataclass(frozen=True, slots=True)
class Content:
    """What an outbox holds."""

    waiting: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)  # by the channel's name, oldest first
    recent: Mapping[str, float] = field(default_factory=dict)  # what was told lately, and when (seconds since epoch)


class Outbox:
    """One process's at a time, by a lock that ends with it. Make one with `open_outbox`."""

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        self._path = folder / FILE
        self._lock = lock
        self._written: Content | None = None

    def read(self) -> Content:
        """What a process before this one left; nothing where the file is missing or makes no sense."""
        from pydantic import ValidationError

        try:
            return _form().validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return Content()

    def write(self, content: Content) -> None:
        """Replace what is there, at once. A disk that does not take it is no error: it is in memory still."""
        if content == self._written:
            return
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(_form().dump_json(content))
            new.replace(self._path)
        except OSError:
            return
        self._written = content

    def close(self) -> None:
        """Let others have it."""
        self._lock.close()


def open_outbox(folder: Path) -> Outbox | None:
    """The outbox in a folder, which is made; None where another process has it, or it cannot be written."""
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / LOCK).open("a", encoding="utf-8")
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return Outbox(folder, lock)


@cache
def _form() -> TypeAdapter[Content]:
    """The content as JSON; pydantic is imported only where there is an outbox."""
    from pydantic import TypeAdapter

    return TypeAdapter(Content)
