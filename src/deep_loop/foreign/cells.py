"""What one cell of a log holds: a number, a hash, nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

NOTHING = frozenset(
    ("", "na", "n/a", "n_a", "n.a.", "none", "null", "nil", "nan", "inf", "infinity", "-inf", "+inf", "-infinity")
) | frozenset(("?", "tbd", "todo", "unknown", "missing", "not measured", "undefined", "pending", "#n/a", "#div/0!"))
FAILED = frozenset(("crash", "crashed", "oom", "fail", "failed", "error", "timeout", "x", "err", "diverged", "skip"))

_MARKS = " \t`*\"'~≈≃"  # around a number, in Markdown and in prose
_DASHES = re.compile(r"[-–—_.=~\s]*")
_NUMBER = re.compile(
    r"(?P<sign>[-+−]?)\s*[$€£]?\s*"
    r"(?P<digits>\d{1,3}(?:[,'\u2019\u202f\u00a0 ]\d{3})+(?!\d)(?:\.\d+)?|\d[\d_]*(?:[.,]\d*)?|[.,]\d+)"
    r"(?P<power>[eE][-+]?\d+)?"
)
_UNIT = re.compile(r"\s*(?:%|‰|[a-zA-Zµμ°]{1,6}(?:/[a-zA-Zµμ]{1,6})?)?\s*")  # all that may follow a plain number
_NOTE = re.compile(r"\s*(?:[*†!↑↓]+|[±(\[].{0,40}|(?:%|[a-zA-Zµμ/]{1,10})\s*(?:[*†!↑↓(\[].{0,40})?)?", re.DOTALL)
_HASH = re.compile(r"(?=.*\d)[0-9a-f]{6,40}(?:-?[a-z]{1,8})?", re.IGNORECASE)


def blank(cell: str) -> bool:
    """Whether a cell says that there is nothing: empty, a dash, `n/a`, `nan`, `inf`."""
    bare = cell.strip(_MARKS).casefold()
    return bare in NOTHING or _DASHES.fullmatch(bare) is not None


def hashlike(cell: str) -> bool:
    """Whether a cell could be a commit's hash, short or long; `-dirty` and the like may follow."""
    return _HASH.fullmatch(cell.strip(_MARKS)) is not None


def numbers(cells: Sequence[str], *, comma: bool = False) -> list[float | None]:
    """The numbers of one column, each None where its cell holds none; every one is finite.

    Whether a comma divides thousands or begins decimals is found from the column as a whole. `comma`: where that
    leaves it open, as `1,234` does, decimals are meant. Units, per cents and remarks behind a number are left out; a
    per cent stays what it says, so `45.2%` is 45.2.
    """
    decimal = comma or _decimal(cells)
    return [number(cell, comma=decimal) for cell in cells]


def number(cell: str, *, comma: bool = False, strict: bool = False) -> float | None:
    """One cell's number, None where it holds none; `strict` allows a unit behind it and no remark."""
    bare = cell.strip(_MARKS)
    found = _NUMBER.match(bare)
    if found is None or not (_UNIT if strict else _NOTE).fullmatch(bare[found.end() :]):
        return None
    digits = re.sub(r"['\u2019\u202f\u00a0 _]", "", found["digits"])
    digits = digits.replace(",", ".") if comma and digits.count(",") == 1 and "." not in digits else digits
    try:
        value = float(digits.replace(",", "") + (found["power"] or ""))
    except ValueError:  # `1,2,3`, which no style writes
        return None
    value = -value if found["sign"] in "-−" and found["sign"] else value
    return value if math.isfinite(value) else None


def share(found: Iterable[bool]) -> float:
    """How many of them hold, from 0 to 1; 0 of none."""
    every = list(found)
    return sum(every) / len(every) if every else 0.0


def _decimal(cells: Sequence[str]) -> bool:
    """Whether some number of the column has a comma that no thousands have: `0,997`, `12,5`, `0,99812`."""
    with_comma = [cell.strip(_MARKS) for cell in cells if cell.count(",") == 1 and "." not in cell]
    return any(
        re.match(r"[-+−]?(?:0\d*|\d{4,}|\d+(?=,\d{1,2}(?!\d))|\d+(?=,\d{4}))\s*,\d", cell) for cell in with_comma
    )
