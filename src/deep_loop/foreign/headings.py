"""Is a line the heading of a table?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from deep_loop.foreign.cells import hashlike, number
from deep_loop.foreign.names import familiar

LONGEST = 60  # characters of a name


def is_heading(cells: Sequence[str]) -> bool:
    """Whether these cells name columns, enough of them usual ones."""
    names = _names(cells)
    usual = sum(map(familiar, names))
    return names_all(cells, twice=usual >= 3) and (usual >= 2 or usual * 2 >= len(names))


def names_all(cells: Sequence[str], *, twice: bool = False) -> bool:
    """Whether these cells could name columns: short, all different (but for `twice`), none a number or a hash."""
    names = _names(cells)
    if len(names) < 2 or (not twice and len({name.casefold() for name in names}) < len(names)):
        return False
    if any(len(name) > LONGEST or not re.search(r"[^\W\d_]", name) for name in names):
        return False
    return not any(number(name) is not None or hashlike(name) for name in names)


def _names(cells: Sequence[str]) -> list[str]:
    """What stands in the cells, without the marks of Markdown and of remarks."""
    return [name for name in (cell.strip(" \t*`\"'#") for cell in cells) if name]
