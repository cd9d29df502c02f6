"""Which column is what: status, description, commit, memory and seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from deep_loop.foreign.cells import blank, hashlike, number, numbers, share
from deep_loop.foreign.names import leaf, memory_unit, plain, rank, seconds_unit
from deep_loop.foreign.sheet import Part
from deep_loop.foreign.verdicts import SHORT, Verdict, head, verdict

DECIDED = frozenset[Verdict](("keep", "discard"))
BY_NAME, BY_CONTENT = 0.4, 0.75  # share of known words that makes a status column, with a usual name and without one
WORDY = 8  # characters that a description has on average, at least
TELLING = ("status", "decision", "verdict", "outcome", "disposition")  # names that leave no doubt
RUNNING = ("success", "ok", "passed", "valid")  # columns of yes and no that say whether it ran
RAN_OR_NOT: tuple[Verdict, Verdict] = ("ran", "crash")
KEPT_OR_NOT: tuple[Verdict, Verdict] = ("keep", "discard")
YES, NO = frozenset(("true", "yes", "y", "1", "1.0")), frozenset(("false", "no", "n", "0", "0.0"))
LABELS = ("tag", "name", "config", "params", "experiment", "experiment_name", "change", "proposal")
_PATHLIKE = ("path", "log", "file", "url", "checkpoint", "timestamp", "date", "branch", "parent")


@dataclass(frozen=True)
class Column:
    """One column of a part, with what its cells hold. A cell is "" where a row lacks it."""

    name: str
    place: int  # from 1
    cells: Sequence[str]
    comma: bool = False  # see `cells.numbers`

    @cached_property
    def filled(self) -> Sequence[str]:
        """The cells that hold something."""
        return [cell for cell in self.cells if not blank(cell)]

    @cached_property
    def numbers(self) -> Sequence[float | None]:
        """The number in each cell."""
        return [None if blank(c) else n for c, n in zip(self.cells, numbers(self.cells, comma=self.comma), strict=True)]

    @cached_property
    def numeric(self) -> float:
        """The share of filled cells that are numbers."""
        return share(number(cell, strict=True) is not None for cell in self.filled)

    @cached_property
    def length(self) -> float:
        """Characters of a filled cell, on average."""
        return sum(map(len, self.filled)) / len(self.filled) if self.filled else 0.0

    @cached_property
    def boolean(self) -> bool:
        """Whether all of it is yes or no."""
        return bool(self.filled) and all(yes_or_no(cell) for cell in self.filled)

    @cached_property
    def worded(self) -> float:
        """Characters of a filled cell up to its first remark, on average."""
        return sum(len(head(cell)) for cell in self.filled) / len(self.filled) if self.filled else 0.0

    @cached_property
    def verdicts(self) -> Sequence[Verdict | None]:
        """What each filled cell says as a status word."""
        return [verdict(cell) for cell in self.filled]


@dataclass(frozen=True, slots=True)
class Choice:
    """A column that was chosen for a role, and why, in a few words."""

    column: str | None
    why: str


def columns(part: Part, *, comma: bool = False) -> Mapping[str, Column]:
    """The columns of a part by name."""
    return {
        name: Column(name, place, [row.cells.get(name, "") for row in part.rows], comma)
        for place, name in enumerate(part.columns, start=1)
    }


def status(found: Mapping[str, Column], words: Mapping[str, Verdict]) -> Choice:
    """The column that says what became of each row. `words` are a person's own.

    One with a usual name that tells keeps or discards goes first, then one of yes and no, then one that does so
    without such a name, then one that only tells crashes. Among equals that with the more usual name.
    """
    named, others = _tellers(found, words)
    decided = [teller for teller in named if teller.decides]
    boolean = (column.name for column in found.values() if rank("status", column.name) is not None and column.boolean)
    if not decided and (name := next(boolean, None)) is not None:
        return Choice(name, "it says yes or no")
    apart = [teller for teller in others if teller.decides == len(DECIDED)]
    for tellers in (decided, apart, named, others):
        if tellers:
            best = min(tellers)
            return Choice(best.name, f"{best.known:.0%} of its words are known".replace("%", " %"))
    for column in found.values():
        if plain(column.name) in TELLING and column.filled and column.length <= SHORT and column.numeric < 0.5:
            return Choice(column.name, "its words are not known: say what they mean with --status")
    return Choice(None, "no column says what became of a row")


@dataclass(frozen=True, slots=True, order=True)
class _Teller:
    """A column of which enough words are known; those that tell more, by a more usual name, come first."""

    silent: int  # of keep and discard, how many it never says
    place: int  # of its name among the usual ones
    column: int
    name: str
    known: float

    @property
    def decides(self) -> int:
        """How many of keep and discard it says."""
        return len(DECIDED) - self.silent


def _tellers(found: Mapping[str, Column], words: Mapping[str, Verdict]) -> tuple[Sequence[_Teller], Sequence[_Teller]]:
    """Columns that could be the status: those with a usual name, and others of which nearly all words are known."""
    named: list[_Teller] = []
    others: list[_Teller] = []
    for column in found.values():
        if not column.filled or column.worded > SHORT:
            continue
        fates = [words.get(_folded(cell), said) for cell, said in zip(column.filled, column.verdicts, strict=True)]
        known, place = share(fate is not None for fate in fates), rank("status", column.name)
        silent = len(DECIDED) - len(DECIDED.intersection(fate for fate in fates if fate))
        if place is not None and known >= BY_NAME:
            named.append(_Teller(silent, place, column.place, column.name, known))
        elif place is None and known >= BY_CONTENT and column.numeric <= 0.5 and not _for_something_else(column):
            others.append(_Teller(silent, 0, column.place, column.name, known))
    return named, others


def _for_something_else(column: Column) -> bool:
    """Whether a name says that a column describes, or holds commits."""
    return any(rank(role, column.name) is not None for role in ("description", "commit"))


def yes_or_no(cell: str, name: str = "kept") -> Verdict | None:
    """What a cell of a column such as `kept`, or such as `success`, says."""
    word, fates = cell.strip().casefold(), RAN_OR_NOT if plain(leaf(name)) in RUNNING else KEPT_OR_NOT
    return fates[0] if word in YES else fates[1] if word in NO else None


def said(column: Column, cell: str) -> Verdict | None:
    """What a cell of a status column says, by its word, or by yes or no where the column has nothing else."""
    if column.boolean:
        return yes_or_no(cell, column.name)
    return None if blank(cell) else verdict(cell)


def troubles(found: Mapping[str, Column], chosen: str | None) -> Sequence[str]:
    """Other columns that tell which rows crashed: beside `decision`, a `status` of `ok` and `crash`."""
    return [
        column.name
        for column in found.values()
        if column.name != chosen
        and rank("status", column.name) is not None
        and column.filled
        and column.length <= SHORT
        and {"crash", "ran"}.issuperset(one for one in column.verdicts if one)
        and share(one is not None for one in column.verdicts) >= BY_CONTENT
    ]


def description(found: Mapping[str, Column], taken: Sequence[str | None]) -> Choice:
    """The column that says what was tried: by its name, else the one with the longest texts."""
    rows = max((len(column.cells) for column in found.values()), default=0)
    texts = [
        column
        for column in found.values()
        if column.name not in taken and column.filled and column.numeric < 0.5 and not _pathlike(column)
    ]
    named = [(place, c.place, c.name) for c in texts if (place := rank("description", c.name)) is not None]
    named = [entry for entry in named if not _labels(found[entry[2]])]
    often = [entry for entry in named if len(found[entry[2]].filled) * 3 >= rows]
    for entries in (often, named):
        if entries:
            return Choice(min(entries)[2], "by its name")
    wordy = [c for c in texts if c.length >= WORDY and share(map(_speaks, c.filled)) > 0.3]
    wordy = [c for c in wordy if len(c.filled) * 3 >= rows]
    if wordy:
        return Choice(max(wordy, key=lambda column: column.length).name, "it has the longest texts")
    return Choice(None, "no column has texts: the other columns describe a row")


def commit(found: Mapping[str, Column]) -> Choice:
    """The column of commits: by its name, else by its hashes."""
    named = [(place, c.place, c.name) for c in found.values() if (place := rank("commit", c.name)) is not None]
    hashes = [c for c in found.values() if c.filled and share(map(hashlike, c.filled)) >= 0.6 and c.numeric < 0.9]
    for entry in sorted(named):
        column = found[entry[2]]
        if column in hashes or plain(column.name).startswith(("commit", "git", "sha", "hash", "head")):
            return Choice(column.name, "by its name")
    nameless = [c for c in hashes if c.name.startswith("column ")]
    return Choice(nameless[0].name, "it holds hashes") if nameless else Choice(None, "no column holds commits")


def memory(found: Mapping[str, Column]) -> Choice:
    """The column of the peak memory, where its name has a unit."""
    named = [c for c in found.values() if rank("memory", c.name) is not None and c.numeric > 0.5]
    peak = sorted(named, key=lambda c: ("peak" not in c.name.casefold(), c.place))
    return Choice(peak[0].name, f"in {memory_unit(peak[0].name)}") if peak else Choice(None, "none with a unit")


def seconds(found: Mapping[str, Column]) -> Choice:
    """The column of a run's wall clock, where its name has a unit."""
    named = [(place, c.place, c.name) for c in found.values() if (place := rank("seconds", c.name)) is not None]
    numeric = [entry for entry in named if found[entry[2]].numeric > 0.5]
    if not numeric:
        return Choice(None, "none with a unit")
    name = min(numeric)[2]
    unit = seconds_unit(name) or 1.0
    return Choice(name, {0.001: "in milliseconds", 60.0: "in minutes"}.get(unit, "in seconds"))


def _folded(cell: str) -> str:
    return " ".join(cell.casefold().split())


def _speaks(cell: str) -> bool:
    """Whether there are words in it: a date and a time are none."""
    return re.search(r"[^\W\d_]{2,}\W+\w", cell) is not None


def _labels(column: Column) -> bool:
    """Whether a column such as `tag`, `name` or `config` holds labels and no words."""
    return plain(leaf(column.name)) in LABELS and share(" " in cell for cell in column.filled) < 0.3


def _pathlike(column: Column) -> bool:
    name = plain(column.name)
    if any(part in name.split("_") for part in _PATHLIKE):
        return True
    return share("/" in cell and " " not in cell for cell in column.filled) > 0.6
