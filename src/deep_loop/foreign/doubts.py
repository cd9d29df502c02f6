"""What a person should look at in a log. It is told, never altered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deep_loop.core.metric import Metric
from deep_loop.foreign.entries import Entry, Read, same_commits

FAR = 5.0  # times the value that it replaced: a kept value so far off may be a slip of the pen


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something odd, and the rows that show it."""

    text: str
    lines: Sequence[int] = ()


def find(entries: Sequence[Entry], metric: Metric, read: Read) -> Sequence[Doubt]:
    """Everything odd, each sort once."""
    return [doubt for doubt in _all(entries, metric, read) if doubt.lines]


def _all(entries: Sequence[Entry], metric: Metric, read: Read) -> Iterator[Doubt]:
    worse, better, far = _against_the_last_keep(entries, metric)
    yield Doubt("kept, though no better than what was kept before", worse)
    yield Doubt("discarded, though better than what was kept last", better)
    yield Doubt(f"kept with a value more than {FAR:g} times off the one before", far)
    kept = [entry for entry in entries if entry.verdict in ("keep", "baseline")]
    yield Doubt("kept with a value of 0", [entry.line for entry in kept if entry.value == 0])
    yield Doubt("0 taken for no value, as this log writes it for crashes", list(read.zeros))
    other = {line for _, lines in read.elsewhere for line in lines}
    silent = [e for e in entries if e.value is None and e.verdict != "crash" and e.line not in {*other, *read.zeros}]
    yield Doubt("kept without a value", [e.line for e in silent if e.verdict != "discard"])
    yield Doubt("discarded without a value", [e.line for e in silent if e.verdict == "discard"])
    for name, lines in read.elsewhere:
        yield Doubt(f"measured by another metric, {name}: entered without a value", lines)
    yield Doubt("crashed by another column than the status, and without a value", list(read.troubled))
    yield Doubt("kept or discarded by their values: the log does not say", sorted(read.undecided))
    repeated = same_commits(entries)
    yield Doubt(
        f"{len(repeated)} commit(s) stand in more than one row",
        sorted(line for found in repeated.values() for line in found),
    )
    yield Doubt("the same row as one before", _twice(entries))


def _against_the_last_keep(entries: Sequence[Entry], metric: Metric) -> tuple[list[int], list[int], list[int]]:
    """Lines of keeps that are no gain, of discards that are one, and of keeps that lie far off."""
    last: float | None = None
    worse: list[int] = []
    better: list[int] = []
    far: list[int] = []
    for entry in entries:
        if entry.opens:
            last = None
        if entry.value is None:
            continue
        if last is not None:
            gain = metric.gain(entry.value, last)
            if entry.verdict == "keep" and gain <= 0:
                worse.append(entry.line)
            if entry.verdict == "discard" and gain > 0:
                better.append(entry.line)
            if entry.verdict == "keep" and entry.value * last > 0 and not 1 / FAR < entry.value / last < FAR:
                far.append(entry.line)
        if entry.verdict in ("keep", "baseline"):
            last = entry.value
    return worse, better, far


def _twice(entries: Sequence[Entry]) -> list[int]:
    seen: set[tuple[object, ...]] = set()
    found: list[int] = []
    for entry in entries:
        key = (entry.verdict, entry.value, entry.title, entry.commit, tuple(entry.numbers.items()))
        if key in seen:
            found.append(entry.line)
        seen.add(key)
    return found
