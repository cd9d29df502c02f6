"""A log as rows of named cells, whatever form it was written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deep_loop.core.metric import Direction


@dataclass(frozen=True, slots=True)
class Row:
    """One row; its cells by the names of their columns, without those that are empty."""

    line: int  # in the file, from 1
    cells: Mapping[str, str]
    mended: str = ""  # how it differs from the others, where it had to be brought into their form


@dataclass(frozen=True, slots=True)
class Part:
    """Rows under one heading, or after one line of configuration: a campaign of its own where there are several."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    metric: str | None = None  # as the file itself declares it
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no row, or a row that is no experiment."""

    line: int
    text: str
    reason: str
    status: str = ""  # the word that is no decision, where there is one


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a file holds."""

    form: str  # in words: "tab-separated", "JSON lines"
    parts: Sequence[Part]
    unread: Sequence[Unread] = ()
    comments: Sequence[int] = ()  # lines
    place: str = "line"  # what the numbers of rows count: "line" or "entry"
    comma: bool = False  # whether a comma in a number more likely begins decimals than divides thousands


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Column names as they stand, a nameless one by its place, a repeated one with a number behind it."""
    found: list[str] = []
    for place, raw in enumerate(names, start=1):
        name = " ".join(raw.strip(" \t*`\"'").split()) or f"column {place}"
        again = 2
        unique = name
        while unique in found:
            unique, again = f"{name} ({again})", again + 1
        found.append(unique)
    return tuple(found)
