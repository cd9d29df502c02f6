"""What a benchmark hands back, whether its targets are met, and the line that is stored."""

from __future__ import annotations

import json
import operator
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import deep_loop

Figure = int | float

_COMPARISONS: dict[str, Callable[[Figure, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Result:
    """Figures (ratios, counts, percentages), the targets of some of them, and a table for people.

    A target is a comparison such as "<= 3". `table` is a header and rows of cells, all of one length.
    """

    figures: Mapping[str, Figure]
    targets: Mapping[str, str]
    table: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One run of one benchmark, as it is printed and stored."""

    benchmark: str
    figures: Mapping[str, Figure]
    targets: Mapping[str, str]
    met: bool
    machine: Mapping[str, str | int]
    versions: Mapping[str, str]
    date: str  # ISO, in UTC
    table: Sequence[Sequence[str]] = ()  # for people: a header and rows; lines stored earlier have none

    def dumps(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def loads(cls, text: str) -> Line:
        """The inverse of `dumps`."""
        return cls(**json.loads(text))


def line(name: str, result: Result, date: str) -> Line:
    """The line of a result that was measured here and now."""
    met = all(holds(result.figures[figure], target) for figure, target in result.targets.items())
    return Line(name, result.figures, result.targets, met, machine(), versions(), date, result.table)


def holds(figure: Figure, target: str) -> bool:
    """Whether a figure meets a target such as "<= 3". Raises ValueError where the target is no comparison.

    NaN meets none.
    """
    sign, _, bound = target.partition(" ")
    if sign not in _COMPARISONS:
        raise ValueError(f"{target!r} is not one of {', '.join(_COMPARISONS)} and a number")
    return _COMPARISONS[sign](figure, float(bound))


def machine() -> dict[str, str | int]:
    """The kind of machine; nothing that names this one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [text.partition(":")[2].strip() for text in lines if text.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or "unknown",
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    return {"python": platform.python_version(), "numpy": metadata.version("numpy"), "deep-loop": deep_loop.__version__}


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned text: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows)
    return "\n".join(text.rstrip() for text in lines)
