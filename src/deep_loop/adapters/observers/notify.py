"""Lines for a person who is away: `notify.log` in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from deep_loop.core.event import Closed, Confirmed, Event, StudyEnded
from deep_loop.core.metric import Metric

Kind = Literal["breakthrough", "major_breakthrough", "done", "crash"]
KINDS: tuple[Kind, ...] = ("breakthrough", "major_breakthrough", "done", "crash")
_TITLES: dict[Kind, str] = {
    "breakthrough": "breakthrough",
    "major_breakthrough": "MAJOR BREAKTHROUGH",
    "done": "done",
    "crash": "crash",
}


def compose(event: Kind, val: str, experiments: int | None = None, metric: str | None = None) -> str:
    """What to tell: `breakthrough: val_bpb 0.9891 after 34 experiments`.

    `val` is a number, or any text, which then stands for itself; white space in it becomes single spaces.
    """
    text = " ".join(val.split())
    named = f"{metric} {text}" if metric and _is_number(text) else text
    count = "" if experiments is None else f"after {experiments} experiment{'' if experiments == 1 else 's'}"
    rest = " ".join(part for part in (named, count) if part)
    return f"{_TITLES[event]}: {rest}" if rest else _TITLES[event]


def append(path: Path, text: str, now: datetime) -> None:
    """Add one line, `[2026-11-22 07:12:33] text`, to a log; one write, so that lines of two processes stay whole."""
    with path.open("a", encoding="utf-8") as log:
        log.write(f"[{now:%Y-%m-%d %H:%M:%S}] {text}\n")


class Notifier:
    """An observer that writes a line when the incumbent crosses a threshold and when the study ends.

    Only confirmed values count: those of runs made after the keep. It needs no memory of earlier processes: the event
    tells what was claimed before, so that a threshold is told once. A baseline crosses nothing. A line that
    cannot be written (a full disk) waits for the next one.
    """

    def __init__(
        self,
        path: Path,
        thresholds: Sequence[float],
        metric: Metric,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._path = path
        self._metric = metric
        self._thresholds = sorted(thresholds, key=lambda threshold: metric.gain(threshold, 0.0))  # easiest first
        self._now = now
        self._unwritten: list[tuple[str, datetime]] = []
        self._value: float | None = None  # the latest confirmed one that this process heard of
        self._experiments: int | None = None  # closed so far, where this process heard of one

    def hear(self, event: Event) -> None:
        """Write a line where the event asks for one."""
        match event:
            case Closed(record=record):
                if record.counted:
                    self._experiments = max(record.number, self._experiments or 0)
            case Confirmed(standing=found, before=before):
                self._confirmed(found.value, before)
            case StudyEnded(reason=reason):
                self._write("done", self._shown(self._value) if self._value is not None else reason)
            case _:
                pass

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Write a line where the study fails within; the error goes on."""
        try:
            yield
        except Exception as error:
            self._write("crash", (str(error) or type(error).__name__).splitlines()[0])
            raise

    def _confirmed(self, found: float, before: float | None) -> None:
        self._value = found
        crossed = [
            place
            for place, threshold in enumerate(self._thresholds)
            if self._metric.gain(found, threshold) >= 0 and (before is None or self._metric.gain(before, threshold) < 0)
        ]
        if crossed:
            major = len(self._thresholds) > 1 and crossed[-1] == len(self._thresholds) - 1
            self._write("major_breakthrough" if major else "breakthrough", self._shown(found))

    def _shown(self, found: float) -> str:
        return f"{found:.6f}"

    def _write(self, event: Kind, val: str) -> None:
        self._unwritten.append((compose(event, val, self._experiments, self._metric.name), self._now()))
        try:
            while self._unwritten:
                append(self._path, *self._unwritten[0])
                del self._unwritten[0]
        except OSError:
            return  # kept in _unwritten: the study goes on, and the next line tries again


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
