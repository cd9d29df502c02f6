"""Results on disk, one file each, so that a benchmark that was killed goes on where it was.

A result is found again by its name and by a digest of all that it depends on: changed code measures anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class Store:
    """A folder of results; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, depends: Iterable[object], kind: Any, make: Callable[[], T]) -> T:
        """The stored result, else the one that `make` gives, stored.

        `kind` is the type of the result, one that pydantic can turn to JSON and back. `name` becomes a part of a
        file's name; `depends` are values whose text tells results apart.
        """
        key = hashlib.sha256(json.dumps([name, *map(str, depends)]).encode()).hexdigest()[:16]
        path = self._folder / f"{name}-{key}.json"
        adapter: TypeAdapter[T] = TypeAdapter(kind)
        if path.exists():
            return adapter.validate_json(path.read_bytes())
        found = make()
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(adapter.dump_json(found))
        scratch.replace(path)  # a reader, and a kill, see a whole file or none
        return found


def digest(*places: Path) -> str:
    """Of all files at these places, folders included: their names and bytes."""
    total = hashlib.sha256()
    for place in places:
        files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        for path in files:
            if "__pycache__" not in path.parts:
                total.update(f"{path.relative_to(place)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()
