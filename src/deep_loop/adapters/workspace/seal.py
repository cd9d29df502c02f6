"""Taking the seals of a commit's protected files as they lie in a folder: see `core.seal`."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from deep_loop.adapters.workspace.reader import Reader
from deep_loop.core.seal import Seal, Seals
from deep_loop.errors import WorkspaceError


def take(folder: Path, paths: Iterable[str]) -> Seals:
    """The seal of each path below `folder`; no link is followed on the way, and a folder that is gone has nothing."""
    try:
        reader = Reader(folder)
    except WorkspaceError:
        return {path: Seal("nothing") for path in paths}
    try:
        return {path: _seal(reader, path) for path in paths}
    finally:
        reader.close()


def _seal(reader: Reader, path: str) -> Seal:
    match reader.open(path):
        case int() as file:
            with os.fdopen(file, "rb") as content:
                mode = stat.S_IMODE(os.fstat(file).st_mode)
                return Seal("file", mode, hashlib.file_digest(content, "sha256").hexdigest())
        case bytes() as target:
            return Seal("link", digest=hashlib.sha256(target).hexdigest())
        case None:
            return Seal("nothing")
        case _:
            return Seal("other")
