"""The rows of a log as experiments: what was tried, what it measured, what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deep_loop.foreign.cells import blank, hashlike
from deep_loop.foreign.columns import said
from deep_loop.foreign.layout import Layout, Wishes
from deep_loop.foreign.metrics import without_zeros
from deep_loop.foreign.names import leaf, memory_unit, plain, rank, seconds_unit, words
from deep_loop.foreign.sheet import Row, Sheet, Unread
from deep_loop.foreign.verdicts import Verdict, tidy, verdict

Fate = Literal["keep", "discard", "crash", "baseline"]
SHORT = 80  # characters of a status word that is told
TITLE = 160  # characters
RATIONALE = 2000
NUMBERS = 40  # of a row, beside its metric
MB_PER_GB = 1024
TRIVIAL = ("timestamp", "time", "date", "ts", "created_at", "datetime")
BESIDE = frozenset(("best", "lineage", "seed", "wall", "elapsed", "timestamp", "path", "log"))
NUMBERING = (
    "run",
    "id",
    "trial",
    "exp",
    "experiment",
    "iteration",
    "iter",
    "idx",
    "index",
    "no",
    "nr",
    "n",
    "step",
    "#",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One experiment of a log."""

    line: int
    verdict: Fate
    word: str  # the log's own for it; "" where it has none
    value: float | None  # of the metric, in the log's unit
    title: str  # one line
    rationale: str  # all that the row says in words, where the title is not all of it
    commit: str  # as the log writes it; nothing says that it is in any repository at hand
    memory_mb: float | None
    seconds: float | None
    numbers: Mapping[str, float]  # of the other columns
    opens: bool  # whether a campaign begins with it: what came before is nothing to compare it with


@dataclass(frozen=True, slots=True)
class Read:
    """Entries in the order of the file, and what was made of the other rows."""

    entries: Sequence[Entry]
    aside: Sequence[Unread]
    undecided: frozenset[int] = frozenset()  # lines of entries of which the log does not say what became of them
    elsewhere: Sequence[tuple[str, Sequence[int]]] = ()  # another metric -> lines of rows that were measured by it
    zeros: Sequence[int] = ()  # lines whose 0 was taken for no value
    troubled: Sequence[int] = ()  # lines of rows that crashed by another column than the status


@dataclass(frozen=True, slots=True)
class _Placed:
    """A row beside the layout that reads it."""

    row: Row
    place: int  # among the rows of its layout
    layout: Layout
    part: int
    metric: str | None  # as its part declares it


def enter(sheet: Sheet, layouts: Sequence[Layout], wishes: Wishes) -> Read:
    """Every row as an entry, or set aside with the reason."""
    placed = _placed(sheet, layouts)
    fates = [_fate(one, wishes) for one in placed]
    decides = any(fate in ("keep", "discard") for fate in fates)
    written = [_value(one) for one in placed]
    values = without_zeros(fates, written)
    entries: list[Entry] = []
    aside: list[Unread] = []
    undecided: set[int] = set()
    zeros: list[int] = []
    troubled: list[int] = []
    elsewhere: dict[str, list[int]] = {}
    campaign = -1
    for one, fate, value, before in zip(placed, fates, values, written, strict=True):
        if value is None and before == 0 and fate not in ("crash", "aside", None):
            zeros.append(one.row.line)
        if (other := _other_metric(one, layouts[0].metric_name)) is not None:
            elsewhere.setdefault(other, []).append(one.row.line)
            value = None
        if fate == "crash" and _said(one, wishes) != "crash":
            troubled.append(one.row.line)
        settled: Fate
        if fate in ("keep", "discard", "crash", "baseline"):
            settled = fate
        elif _runs_only(one, fate, decides) and value is not None:
            undecided.add(one.row.line)
            settled = "discard"  # until the direction is known
        else:
            aside.append(Unread(one.row.line, _shown(one), _why_not(one, fate), _word(one)))
            continue
        entries.append(_entry(one, settled, value, opens=one.part != campaign or settled == "baseline"))
        campaign = one.part
    return Read(entries, aside, frozenset(undecided), tuple(elsewhere.items()), zeros, troubled)


def _placed(sheet: Sheet, layouts: Sequence[Layout]) -> list[_Placed]:
    """All rows in the order of the file."""
    found: list[_Placed] = []
    for layout in layouts:
        place = 0
        for number in layout.parts:
            part = sheet.parts[number]
            for row in part.rows:
                found.append(_Placed(row, place, layout, number, part.metric))
                place += 1
    return sorted(found, key=lambda one: one.row.line)


def _said(one: _Placed, wishes: Wishes) -> Verdict | None:
    """What the row's status says became of it."""
    column = one.layout.status.column
    word = one.row.cells.get(column, "") if column is not None else ""
    if (wished := wishes.words.get(" ".join(word.casefold().split()))) is not None:
        return wished
    return None if column is None else said(one.layout.columns[column], word)


def _fate(one: _Placed, wishes: Wishes) -> Verdict | None:
    """The same, but for a row without a value that was not kept and crashed by another column."""
    fate = _said(one, wishes)
    if fate in ("discard", None, "ran") and _value(one) is None:
        crashed = any(verdict(one.row.cells.get(name, "")) == "crash" for name in one.layout.troubles)
        return "crash" if crashed else fate
    return fate


def _value(one: _Placed) -> float | None:
    name = one.layout.metric
    return None if name is None else one.layout.columns[name].numbers[one.place]


def _other_metric(one: _Placed, metric: str) -> str | None:
    """The metric that the row was measured by, where that is another than the log's."""
    own = one.metric
    if own is not None and one.layout.metric != metric and own != metric:
        return own
    if one.layout.metric not in (None, metric) and one.layout.metric_name != metric:
        return one.layout.metric
    return None


def _runs_only(one: _Placed, fate: Verdict | None, decides: bool) -> bool:
    """Whether the log tells that rows ran and nothing more: then what they measured decides."""
    return (fate == "ran" and not decides) or (one.layout.status.column is None and fate is None)


def _word(one: _Placed) -> str:
    """The log's own word for what became of the row; "" where it has none."""
    column = one.layout.status.column
    word = " ".join(one.row.cells.get(column, "").split()) if column is not None else ""
    return "" if blank(word) else word[:SHORT]


def _why_not(one: _Placed, fate: Verdict | None) -> str:
    column = one.layout.status.column
    if column is None:
        return "it has no value, and no column says what became of it"
    word = _word(one)
    if not word:
        return "it has no status"
    if fate == "ran":
        return f"its status {word!r} says that it ran, not whether it was kept"
    return f"its status {word!r} is no decision"


def _entry(one: _Placed, fate: Fate, value: float | None, *, opens: bool) -> Entry:
    layout, cells = one.layout, one.row.cells
    title, rationale = _words(one)
    commit = cells.get(layout.commit.column, "") if layout.commit.column is not None else ""
    return Entry(
        line=one.row.line,
        verdict=fate,
        word=_word(one),
        value=value,
        title=title,
        rationale=rationale,
        commit="" if blank(commit) else commit.strip("`*\" '")[:64],
        memory_mb=_memory(one),
        seconds=_seconds(one),
        numbers=dict(_numbers(one)),
        opens=opens,
    )


def _words(one: _Placed) -> tuple[str, str]:
    """The title, and the row's other texts."""
    layout, cells = one.layout, one.row.cells
    column = layout.description.column
    text = " ".join(cells.get(column, "").split()) if column is not None else ""
    if blank(text):
        text = ""
    title = text or ", ".join(f"{leaf(name)}={cell}" for name, cell in _telling(one)) or "(no description)"
    parts = [text] if len(text) > TITLE else []
    for name, cell in cells.items():
        whole = " ".join(cell.split())
        if name != column and rank("description", name) is not None and " " in whole and whole != text:
            parts.append(f"{leaf(name)}: {whole}")
    return _cut(" ".join(title.split()), TITLE), _cut("\n".join(parts), RATIONALE)


def _telling(one: _Placed) -> Iterator[tuple[str, str]]:
    """The cells that tell this row from others, where nothing describes it."""
    layout = one.layout
    used = (layout.metric, layout.status.column, layout.commit.column, layout.memory.column, layout.seconds.column)
    for name, cell in one.row.cells.items():
        column = layout.columns[name]
        if name in used or plain(leaf(name)) in (*TRIVIAL, *NUMBERING) or len(cell) > TITLE:
            continue
        if len(set(column.filled)) < 2 or BESIDE.intersection(words(leaf(name))):
            continue
        yield name, " ".join(cell.split())


def _memory(one: _Placed) -> float | None:
    name = one.layout.memory.column
    found = one.layout.columns[name].numbers[one.place] if name is not None else None
    if name is None or found is None or found <= 0:
        return None
    return found * MB_PER_GB if memory_unit(name) == "GB" else found


def _seconds(one: _Placed) -> float | None:
    name = one.layout.seconds.column
    found = one.layout.columns[name].numbers[one.place] if name is not None else None
    return found * (seconds_unit(name) or 1.0) if name is not None and found is not None and found >= 0 else None


def _numbers(one: _Placed) -> Iterator[tuple[str, float]]:
    """What the other columns of numbers hold."""
    layout = one.layout
    used = (layout.metric, layout.status.column, layout.commit.column, layout.description.column)
    given = 0
    for name in one.row.cells:
        column = layout.columns[name]
        if name in used or column.numeric <= 0.5 or plain(leaf(name)) in TRIVIAL:
            continue
        if (value := column.numbers[one.place]) is not None and given < NUMBERS:
            given += 1
            yield name[:80], value


def _shown(one: _Placed) -> str:
    """What the row says, in short."""
    column, cells = one.layout.description.column, one.row.cells
    text = cells.get(column, "") if column is not None else ""
    return " ".join((text if not blank(text) else " | ".join(cells.values())).split())[:200]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def same_commits(entries: Sequence[Entry]) -> Mapping[str, Sequence[int]]:
    """Hashes that stand in more than one row, with their lines."""
    found: dict[str, list[int]] = {}
    for entry in entries:
        if hashlike(entry.commit):
            found.setdefault(tidy(entry.commit), []).append(entry.line)
    return {commit: lines for commit, lines in found.items() if len(lines) > 1}
