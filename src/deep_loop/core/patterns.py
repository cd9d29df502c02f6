"""Which paths a pattern of the settings means."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path, relative to the workspace with `/` between its parts, fits one of the patterns.

    `*`, `?` and `[...]` stay within one part, `**` spans any number of parts, a pattern that ends in
    `/` means all below that folder. Case counts.
    """
    return any(path == pattern or _fits(path.split("/"), _parts(pattern)) for pattern in patterns)


def _parts(pattern: str) -> list[str]:
    parts = pattern.removeprefix("./").split("/")
    return [*parts[:-1], "**"] if parts[-1] == "" else parts


def _fits(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
