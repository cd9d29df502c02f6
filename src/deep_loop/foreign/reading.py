"""A log, read: which experiments it holds, what was taken for what and why, and what could not be read.

    decode      bytes to text                      `encoding`
    parse       text to rows of named cells        `jsonlines`, `table`
    arrange     columns to roles                   `layout`
    enter       rows to entries                    `entries`
    doubts      what a person should look at       `doubts`

Nothing here is a rule about one file: `lexicon`, `names` and the shapes of cells decide, and a person may overrule each
of them (`Wishes`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from deep_loop.core.metric import Direction, Metric
from deep_loop.foreign import doubts, headless, jsonlines, table
from deep_loop.foreign.encoding import decode
from deep_loop.foreign.entries import Entry, Read, enter
from deep_loop.foreign.layout import Layout, Wishes, arrange
from deep_loop.foreign.metrics import decide
from deep_loop.foreign.sheet import Sheet, Unread

_ANEW = re.compile(r"\W*(?:\[[^\]]*\]\W*)?(?:(?:new|clean|fresh|re-?run|original)\W+)*baseline\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a role was taken from, and why."""

    role: str
    column: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a log says."""

    form: str  # "tab-separated", "JSON lines"
    encoding: str
    place: str  # what the numbers below count: "line" or "entry"
    rows: int  # entries and those set aside
    metric: Metric
    why_metric: str
    why_direction: str
    measured: bool  # whether there is a metric at all
    taken: Sequence[Taken]
    words: Mapping[str, Counter[str]]  # what rows were taken for -> the log's own words for that, and how often
    entries: Sequence[Entry]
    aside: Sequence[Unread]  # rows that are no decided experiment
    unread: Sequence[Unread]  # lines that are no rows
    mended: Sequence[tuple[int, str]]  # rows brought into the form of the others: number, and how they differed
    doubts: Sequence[doubts.Doubt]
    inferred: frozenset[int]  # entries of which the log does not say whether they were kept: numbers
    comments: Sequence[int]  # lines that are remarks, dividers, or stand before the table

    def count(self, verdict: str) -> int:
        """How many entries were taken for that."""
        return sum(entry.verdict == verdict for entry in self.entries)

    @property
    def first(self) -> Entry | None:
        """The first entry that has a value."""
        return next((entry for entry in self.entries if entry.value is not None), None)

    @property
    def best(self) -> Entry | None:
        """The kept entry with the best value."""
        kept = [e for e in self.entries if e.verdict in ("keep", "baseline") and e.value is not None]
        return max(kept, key=lambda e: self.metric.gain(e.value or 0.0, 0.0), default=None)


def read(data: bytes, wishes: Wishes | None = None) -> Reading:
    """Read a log. Every line of it is an entry, set aside, unread, or a comment; raises `NoTable` where none is a row.

    Raises `UnknownColumn` where a wish names a column that is not there.
    """
    wishes = wishes or Wishes()
    decoded = decode(data)
    sheet = jsonlines.parse(decoded.text) if jsonlines.is_json(decoded.text) else table.parse(decoded.text)
    if not sheet.parts:
        raise table.NoTable("it has no rows", hint="it takes TSV, CSV and JSON lines, with a row for each experiment")
    headings = not any(map(headless.nameless, sheet.parts))
    sheet = headless.named(sheet)
    layouts = arrange(sheet, wishes)
    return _reading(sheet, decoded.encoding, layouts[0], enter(sheet, layouts, wishes), wishes, headings)


def _reading(sheet: Sheet, encoding: str, main: Layout, read: Read, wishes: Wishes, headings: bool) -> Reading:
    verdicts = [entry.verdict for entry in read.entries]
    declared = wishes.direction or main.direction
    values = [entry.value for entry in read.entries]
    direction, why, doubt = decide(main.metric_name, declared, verdicts, values)
    if wishes.direction is not None:
        why, doubt = "as you say", ""
    metric = Metric(main.metric_name, direction)
    entries = _settled(read, metric)
    words: dict[str, Counter[str]] = {}
    for entry in entries:
        words.setdefault(entry.verdict, Counter())[entry.word] += 1
    measured = any(entry.value is not None for entry in entries)
    odd = [doubts.Doubt(f"the direction, {direction.value}: {why}, {doubt}")] if doubt and measured else []
    if not headings:
        names = ", ".join(main.columns)
        odd.append(doubts.Doubt(f"no line names the columns: taken for {names}, by what they hold"))
    roles = (
        Taken("status", main.status.column, main.status.why),
        Taken("description", main.description.column, main.description.why),
        Taken("commit", main.commit.column, main.commit.why),
        Taken("memory", main.memory.column, main.memory.why),
        Taken("seconds", main.seconds.column, main.seconds.why),
    )
    return Reading(
        form=sheet.form,
        encoding=encoding,
        place=sheet.place,
        rows=len(entries) + len(read.aside),
        metric=metric,
        why_metric=main.why_metric,
        why_direction=why,
        measured=measured,
        taken=(Taken("metric", main.metric, main.why_metric), *roles),
        words=words,
        entries=entries,
        aside=read.aside,
        unread=sheet.unread,
        mended=[(row.line, row.mended) for part in sheet.parts for row in part.rows if row.mended],
        doubts=[*odd, *doubts.find(entries, metric, read)],
        inferred=read.undecided,
        comments=tuple(sheet.comments),
    )


def _settled(read: Read, metric: Metric) -> Sequence[Entry]:
    """The entries, now that it is known which way is better.

    Where the log does not say what became of a row, kept is what is better than all before it. A kept row that is
    called a baseline and is no better than what was kept before begins a campaign.
    """
    best: float | None = None
    found: list[Entry] = []
    for entry in read.entries:
        verdict, opens = entry.verdict, entry.opens
        better = entry.value is not None and (best is None or opens or metric.gain(entry.value, best) > 0)
        if entry.line in read.undecided:
            verdict = "keep" if better else "discard"
        opens = opens or (verdict == "keep" and not better and _ANEW.match(entry.title) is not None)
        if opens:
            best = None
        if verdict in ("keep", "baseline") and entry.value is not None:
            best = entry.value
        found.append(replace(entry, verdict=verdict, opens=opens))
    return found


__all__ = ["Direction", "Reading", "Taken", "Wishes", "read"]
