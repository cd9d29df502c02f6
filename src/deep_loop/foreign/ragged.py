"""Rows with a cell too many or too few, brought into line with the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from deep_loop.foreign.cells import blank, hashlike, number, share
from deep_loop.foreign.names import familiar, rank
from deep_loop.foreign.verdicts import verdict

Kind = Literal["number", "word", "hash", "text"]
MOSTLY = 0.6  # share of a column's cells that makes its kind
ENOUGH = 3  # rows that tell kinds
LOOKED_AT = 500  # rows that kinds are found from


def kinds(rows: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[Kind, ...]:
    """What each column mostly holds, by the rows that have all columns; by its name where there are hardly any."""
    if len(rows) < ENOUGH:
        return tuple(map(_kind_of_name, names))
    columns = zip(*rows[:LOOKED_AT], strict=True)
    return tuple(_kind([cell for cell in column if not blank(cell)]) for column in columns)


def fit(cells: Sequence[str], kinds: Sequence[Kind], joint: str = " ") -> tuple[list[str], str]:
    """The row with as many cells as there are kinds, and in words what was done to it.

    Of all ways to join neighbouring cells, or to leave columns empty, the one after which most cells are of their
    column's kind; where several are as good, the one that touches the last columns. Joined cells have `joint` between
    them.
    """
    missing = len(kinds) - len(cells)
    ways = _filled(cells, missing) if missing > 0 else _joined(cells, -missing, joint)
    best = max(ways, key=lambda way: sum(map(_fits, way, kinds)))
    return list(best), f"{len(cells)} cells in {len(kinds)} columns"


def _filled(cells: Sequence[str], missing: int) -> Iterator[Sequence[str]]:
    """The row with that many empty cells put in, at the end first."""
    for place in range(len(cells), -1, -1):
        yield [*cells[:place], *[""] * missing, *cells[place:]]


def _joined(cells: Sequence[str], extra: int, joint: str) -> Iterator[Sequence[str]]:
    """The row with that many more cells joined to one, at the end first."""
    for place in range(len(cells) - extra - 1, -1, -1):
        whole = joint.join(cells[place : place + extra + 1])
        yield [*cells[:place], whole, *cells[place + extra + 1 :]]


def _kind(cells: Sequence[str]) -> Kind:
    if cells and share(verdict(cell) is not None and len(cell) < 25 for cell in cells) >= MOSTLY:
        return "word"
    if cells and share(hashlike(cell) for cell in cells) >= MOSTLY and any(c.isalpha() for cell in cells for c in cell):
        return "hash"
    return "number" if share(number(cell, strict=True) is not None for cell in cells) >= MOSTLY else "text"


def _kind_of_name(name: str) -> Kind:
    if rank("status", name) is not None:
        return "word"
    if rank("commit", name) is not None:
        return "hash"
    if rank("description", name) is not None:
        return "text"
    return "number" if familiar(name) else "text"


def _fits(cell: str, kind: Kind) -> float:
    """How well a cell is one of its column's kind, from 0 to 1."""
    if blank(cell):
        return 0.3 if kind == "text" else 0.5
    match kind:
        case "number":
            return 1.0 if number(cell, strict=True) is not None else 0.0
        case "word":
            return 1.0 if verdict(cell) is not None else 0.0
        case "hash":
            return 1.0 if hashlike(cell) else 0.2
        case "text":
            return 0.4 if number(cell, strict=True) is not None else 0.6
