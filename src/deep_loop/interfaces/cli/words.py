"""Values in words: how numbers, times and decisions are written for a person, everywhere alike."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from deep_loop.core.standing import CONFIDENCE, Standing
from deep_loop.views.values import Best, Overview, Row


def duration(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 20 s`, `2 h 05 min`, `3 d 04 h`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = whole // 60
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes // 60 % 24:02} h"


def value(number: float | None) -> str:
    """A value of the metric; a dash where there is none."""
    return "–" if number is None else f"{number:.6f}"


def standing(found: Standing) -> str:
    """`confirmed 0.991200 (0.990100 to 0.992300 with 90 % confidence, 8 runs)`."""
    return f"{found.label} {value(found.value)} ({interval(found.low, found.high, found.runs)})"


def claim(best: Best) -> str:
    """`final: 0.990100 to 0.992300 with 90 % confidence, 8 runs; seed-unverified`."""
    marks = ("" if best.seeded else "; seed-unverified") + ("; suspicious gain, confirmed" if best.suspicious else "")
    return f"{best.label}: {interval(best.low, best.high, best.runs)}{marks}"


def interval(low: float | None, high: float | None, runs: int) -> str:
    """`0.990100 to 0.992300 with 90 % confidence, 8 runs`."""
    spread = f"{value(low)} to {value(high)} with {CONFIDENCE:.0%} confidence, ".replace("%", " %")
    return ("" if low is None or low == high else spread) + plural(runs, "run")


def gain(absolute: float | None, relative: float | None) -> str:
    """`better by 0.012300 (0.41 %)`; a dash where there is none."""
    if absolute is None or relative is None:
        return "–"
    if absolute == 0:
        return "no change"
    return f"{'better' if absolute > 0 else 'worse'} by {abs(absolute):.6f} ({abs(relative):.2%})".replace("%", " %")


def percent(relative: float | None) -> str:
    """`+0.41 %`, for a column; a dash where there is none."""
    return "–" if relative is None else f"{relative:+.2%}".replace("%", " %")


def counts(seen: Overview) -> str:
    """`3 kept, 20 discarded, 1 crashed`."""
    return f"{seen.keeps} kept, {seen.discards} discarded, {seen.crashes} crashed"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 experiment`, `2 experiments`, `2 meta-analyses`."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def decided(row: Row) -> str:
    """One decision on one line: number, status, value, title."""
    return f"#{row.experiment:<3} {row.status:<7} {value(row.value):>10}  {row.title}"


def clip(text: str, width: int) -> str:
    """The text in at most that many characters, an ellipsis in the place of what is cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def width() -> int | None:
    """Columns of the terminal on standard output; None where it is none, and nothing needs to be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def command() -> str:
    """How this program is called from here: its name where the shell finds it, else its path."""
    if shutil.which("deep-loop"):
        return "deep-loop"
    called = Path(sys.argv[0])
    if called.name == "deep-loop":
        return shlex.quote(str(called.resolve()))
    return f"{shlex.quote(sys.executable)} -m deep_loop.interfaces.cli"
