"""`deep-loop` in a process that kills itself right before one of its steps.

    python -P mortal.py STEP LABELS ARGUMENT...

A step is what changes something that outlives the process: a transaction of the ledger, a git command that writes, a
file made, moved or removed, a run started. Python's audit events and SQLite's trace show them, so the product needs no
hook and runs as it is. Each step's label is appended to the file LABELS; in the place of step number STEP (1 is the
first, 0 is none) comes SIGKILL. Right before one step is right after the one before, so all of them together are
every boundary there is.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

GIT_WRITES = {
    *("add", "commit", "init", "switch", "checkout-index", "read-tree", "update-index", "update-ref"),
    *("commit-tree", "hash-object", "write-tree"),
}
FILES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "shutil.rmtree"}
CHANGE = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER TABLE|PRAGMA) (\w+)")


class Fuse:
    """Counts the steps of all threads, and kills the process in the place of one."""

    def __init__(self, at: int, labels: Path) -> None:
        self._at = at
        self._labels = os.open(labels, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._made = 0
        self._root = str(Path.cwd())
        self._lock = threading.RLock()  # a finalizer may come in between, in the same thread
        self._changes = ""  # what the ledger's open transaction has changed so far

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event == "sqlite3.connect/handle":
            self._follow(arguments[0])
        elif label := _label(event, arguments, self._root):
            self._step(label)

    def _follow(self, connection: sqlite3.Connection) -> None:
        """Trace a connection as soon as it is ready, which it is not yet when its audit event comes."""

        def ready(frame: FrameType, event: str, argument: Any) -> None:
            if event == "c_return":
                sys.setprofile(None)
                connection.set_trace_callback(self._trace)

        sys.setprofile(ready)

    def _trace(self, statement: str) -> None:
        """A trace callback: it is called before the statement is carried out."""
        if statement.startswith("BEGIN"):
            self._changes = ""
        elif statement == "COMMIT":
            if self._changes:
                self._step(f"ledger: {self._changes}")
        elif not self._changes and (found := CHANGE.search(statement)):
            self._changes = found[0]

    def _step(self, label: str) -> None:
        with self._lock:
            self._made += 1
            os.write(self._labels, f"{label}\n".encode())
            if self._made == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


def _label(event: str, arguments: tuple[Any, ...], root: str) -> str | None:
    """The step that an audit event announces; None for what changes nothing in the workspace."""
    if event == "subprocess.Popen":
        command = [os.fsdecode(part) for part in arguments[1]]
        if command[0] == "git":
            return _git(command, arguments[3])
        return "start a run" if command[0] == sys.executable else f"start {Path(command[0]).name}"
    if event == "open":
        path, _, flags = arguments
        written = isinstance(path, str | os.PathLike) and flags & (os.O_WRONLY | os.O_RDWR)
        return _file("write", os.fspath(path), root) if written else None
    if event not in FILES or isinstance(arguments[0], int):
        return None
    path = os.fsdecode(arguments[0])
    return None if event == "os.mkdir" and Path(path).exists() else _file(event, path, root)


def _git(command: list[str], environment: Any) -> str | None:
    words = iter(command[1:])
    for word in words:
        if word == "-c":
            next(words)
        elif not word.startswith("-"):
            break
    if word not in GIT_WRITES:
        return None
    index = " (its own index)" if "GIT_INDEX_FILE" in (environment or {}) else ""
    ref = next((part for part in words if part.startswith("refs/")), "")
    return f"git {word} {ref}".strip() + index


def _file(verb: str, path: str, root: str) -> str | None:
    """Files are named relative to the workspace; what a removal of a whole folder removes has no full path."""
    if not path.startswith(root):
        return None
    return f"{verb} {path.removeprefix(root + os.sep)}"


def main() -> None:
    at, labels, *arguments = sys.argv[1:]
    sys.addaudithook(Fuse(int(at), Path(labels)).hear)
    from deep_loop.interfaces.cli import main as deep_loop

    sys.argv[1:] = arguments
    deep_loop()


if __name__ == "__main__":
    main()
