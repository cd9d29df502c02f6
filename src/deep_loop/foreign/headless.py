"""Logs that do not name their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deep_loop.core.metric import Direction
from deep_loop.foreign import ragged
from deep_loop.foreign.columns import columns
from deep_loop.foreign.metrics import seen
from deep_loop.foreign.ragged import Kind
from deep_loop.foreign.sheet import Part, Row, Sheet
from deep_loop.foreign.verdicts import verdict

# What autoresearch's own instructions ask for: by what the columns hold, but for the first one, it can be told from
# all else. There stands a commit, or what somebody wrote in its place.
FAMILIAR: Mapping[Sequence[Kind], Sequence[str]] = {
    ("number", "number", "word", "text"): ("commit", "val_bpb", "memory_gb", "status", "description"),
    ("number", "word", "text"): ("commit", "val_bpb", "status", "description"),
}


def nameless(part: Part) -> bool:
    """Whether the file does not name these columns."""
    return bool(part.columns) and all(name.startswith("column ") for name in part.columns)


def named(sheet: Sheet) -> Sheet:
    """The sheet with autoresearch's names for columns that have none and hold the same.

    Where decisions show that higher values are better they are something else, and stay nameless.
    """
    return replace(sheet, parts=[_named(part) if nameless(part) else part for part in sheet.parts])


def _named(part: Part) -> Part:
    found = columns(part)
    kinds = ragged.kinds([[row.cells.get(name, "") for name in part.columns] for row in part.rows], part.columns)
    names = FAMILIAR.get(kinds[1:])
    if names is None or part.metric is not None or kinds[0] not in ("hash", "text"):
        return part
    said = [verdict(cell) for cell in found[part.columns[names.index("status")]].cells]
    if seen(said, found[part.columns[1]].numbers) is Direction.MAXIMIZE:
        return part
    new = dict(zip(part.columns, names, strict=True))
    rows = tuple(Row(row.line, {new[name]: cell for name, cell in row.cells.items()}, row.mended) for row in part.rows)
    return replace(part, columns=tuple(names), rows=rows)
