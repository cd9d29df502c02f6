"""docs/benchmarks.md, written from the stored lines and from nothing else."""

from __future__ import annotations

import importlib
from pathlib import Path

from benchmarks.result import Line, holds

_HEAD = """# Benchmarks

Written by `make bench-docs` from the lines under `benchmarks/results/`; edits here are lost.
Each command runs the same measurement on your machine (`QUICK=1` takes under a minute, with fewer repeats).
"""


def page(results: Path) -> str:
    """The whole document: one section for each stored line, by name."""
    lines = [Line.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))]
    return "\n".join([_HEAD, *map(_section, lines)])


def _section(line: Line) -> str:
    about = (importlib.import_module(f"benchmarks.{line.benchmark}").__doc__ or "").partition("\n")[0]
    rows = [f"| {name} | {figure:g} | {_target(line, name)} |" for name, figure in line.figures.items()]
    machine = f"{line.machine['cpu']}, {line.machine['cores']} cores, {line.machine['system']}"
    versions = ", ".join(f"{name} {version}" for name, version in line.versions.items())
    return "\n".join(
        [
            f"## {line.benchmark}\n",
            f"{about}\n",
            f"`make bench NAME={line.benchmark}`: targets {'met' if line.met else 'not met'}\n",
            "| figure | value | target |",
            "|---|---:|---|",
            *rows,
            *_table(line),
            f"\nMeasured {line.date[:10]} on {machine}; {versions}.\n",
        ]
    )


def _table(line: Line) -> list[str]:
    """The benchmark's own table, as it was printed."""
    if not line.table:
        return []
    head, *rows = line.table
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["", *(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))]


def _target(line: Line, name: str) -> str:
    target = line.targets.get(name)
    return "" if target is None else f"{target} ({'met' if holds(line.figures[name], target) else 'not met'})"
