"""Reading below a folder that a proposer or a run has had its hands on."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from deep_loop.adapters.workspace.plumbing import decode
from deep_loop.adapters.workspace.store import LINK, REGULAR, Entry
from deep_loop.core.guard import MAX_BYTES, NOT_TEXT
from deep_loop.errors import WorkspaceError

MAX_READ = 16 * MAX_BYTES  # of one whole change
CHUNK = 1 << 20


class Reader:
    """Reads below one folder without following a link anywhere on the way."""

    def __init__(self, folder: Path) -> None:
        try:
            self._top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise WorkspaceError(f"the folder {folder} is gone", hint="run the study again") from error
        self._left = MAX_READ

    def close(self) -> None:
        os.close(self._top)

    def equals(self, entry: Entry) -> bool:
        """Whether a path still is what the tree says; submodules, which are not exported, always are."""
        digest = hashlib.sha1 if len(entry.blob) == 40 else hashlib.sha256
        match self.open(entry.path):
            case int() as file:
                with os.fdopen(file, "rb") as content:
                    size = os.fstat(file).st_size
                    found = digest(b"blob %d\0" % size)
                    while chunk := content.read(CHUNK):
                        found.update(chunk)
                return entry.mode in REGULAR and found.hexdigest() == entry.blob
            case bytes() as target:
                return entry.mode == LINK and digest(b"blob %d\0%b" % (len(target), target)).hexdigest() == entry.blob
            case _:
                return entry.mode not in (*REGULAR, LINK)

    def text(self, path: str) -> str | None:
        """A file's text; a text that opens with `NOT_TEXT` for anything else; None where there is nothing."""
        match self.open(path):
            case None:
                return None
            case bytes() as target:
                return f"{NOT_TEXT}a symbolic link to {decode(target)!r}"
            case str() as what:
                return NOT_TEXT + what
            case file:
                with os.fdopen(file, "rb") as content:
                    if self._left <= 0:
                        return f"{NOT_TEXT}not read: the change is larger than {MAX_READ >> 20} MiB"
                    read = content.read(MAX_BYTES + 1)
                self._left -= len(read)
                return decode(read)

    def open(self, path: str) -> int | bytes | str | None:
        """A regular file's descriptor, a link's target, what else it is in words, or None."""
        *folders, name = path.split("/")
        here = os.dup(self._top)
        try:
            for folder in folders:
                above, here = here, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(above)
            if stat.S_ISLNK(os.lstat(name, dir_fd=here).st_mode):
                return os.readlink(os.fsencode(name), dir_fd=here)
            # Without O_NONBLOCK a named pipe would wait for a writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
            return None if gone else f"not readable ({error.strerror})"
        finally:
            os.close(here)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        return "neither a file nor a link"
