"""Whether a run left the files alone that it may not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Seal:
    """What lay at one path at one moment."""

    kind: Literal["file", "link", "nothing", "other"]
    mode: int = 0  # permission bits of a file
    digest: str = ""  # SHA-256 (hexadecimal) of a file's bytes, or of a link's target


Seals = Mapping[str, Seal]  # by path


def broken(before: Seals, after: Seals) -> str | None:
    """What became of the first file that is not as it was, in words; None where all are."""
    for path, seal in sorted(before.items()):
        if (found := after.get(path, Seal("nothing"))) != seal:
            return f"the protected {path} was {_deed(seal, found)} by the run"
    return None


def _deed(before: Seal, after: Seal) -> str:
    match after.kind:
        case "nothing":
            return "deleted"
        case "link" if before.kind != "link":
            return "replaced by a link"
        case "other":
            return "made unreadable, or replaced by something that is no file,"
    if before.kind == after.kind and before.digest == after.digest:
        return f"given other permissions ({before.mode:o} -> {after.mode:o})"
    return "edited"
