"""Roles for the columns of a log, as they are found, or as a person wishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deep_loop.core.metric import Direction
from deep_loop.errors import DeepLoopError
from deep_loop.foreign import columns, metrics
from deep_loop.foreign.columns import Choice, Column
from deep_loop.foreign.declared import direction_in
from deep_loop.foreign.names import leaf
from deep_loop.foreign.sheet import Part, Sheet
from deep_loop.foreign.verdicts import Verdict

ROLES = ("metric", "status", "description", "commit", "memory", "seconds")
NAMELESS = "metric"  # what a metric is called that no column and no line names


class UnknownColumn(DeepLoopError):
    """A person names a column that the log does not have."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says of a log; it goes before all that is found."""

    metric: str | None = None  # a column, a metric that the log declares, or how to call the one that is found
    direction: Direction | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # role -> name or place of a column; "" for none
    words: Mapping[str, Verdict] = field(default_factory=dict)  # status word, folded -> what it means


@dataclass(frozen=True, slots=True)
class Layout:
    """The roles of the columns that some parts of a file have in common."""

    parts: Sequence[int]  # places of these parts
    columns: Mapping[str, Column]  # their rows together
    metric: str | None  # the column
    metric_name: str
    why_metric: str
    direction: Direction | None  # as the log declares it
    status: Choice
    description: Choice
    commit: Choice
    memory: Choice
    seconds: Choice
    troubles: Sequence[str]  # columns that tell crashes, beside the status


def arrange(sheet: Sheet, wishes: Wishes) -> Sequence[Layout]:
    """The layouts of a file, the one with the most rows first; the others look for its metric."""
    groups = _groups(sheet)
    groups.sort(key=lambda places: -sum(len(sheet.parts[place].rows) for place in places))
    found: list[Layout] = []
    for places in groups:
        found.append(_layout(sheet, places, wishes, found[0].metric_name if found else None))
    return found


def _groups(sheet: Sheet) -> list[list[int]]:
    """Parts that have one heading; JSON objects name their fields each for itself, so all of them have."""
    if sheet.form.startswith("JSON"):
        return [list(range(len(sheet.parts)))]
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, part in enumerate(sheet.parts):
        groups.setdefault(part.columns, []).append(place)
    return list(groups.values())


def _layout(sheet: Sheet, places: Sequence[int], wishes: Wishes, wanted: str | None) -> Layout:
    parts = [sheet.parts[place] for place in places]
    names = tuple(dict.fromkeys(name for part in parts for name in part.columns))
    whole = Part(names, tuple(row for part in parts for row in part.rows))
    found = columns.columns(whole, comma=sheet.comma)
    declared, direction = _declared(parts, wishes)
    status = _wished(found, wishes, "status") or columns.status(found, wishes.words)
    said = _said(found[status.column], wishes) if status.column is not None else [None] * len(whole.rows)
    commit = _wished(found, wishes, "commit") or columns.commit(found)
    memory = _wished(found, wishes, "memory") or columns.memory(found)
    seconds = _wished(found, wishes, "seconds") or columns.seconds(found)
    taken = [status.column, commit.column]
    wish = _wished(found, wishes, "metric")
    named = next((one for one in (wishes.metric, declared, wanted) if one in found), None)
    if wish is not None:
        column, why = wish.column, wish.why
    else:
        column, why = metrics.choose(found, taken, said, named)
    name = wishes.metric or declared or _called(column)
    description = _wished(found, wishes, "description") or columns.description(found, [*taken, column])
    return Layout(
        parts=places,
        columns=found,
        metric=column,
        metric_name=name,
        why_metric=why if wish is not None or declared is None or declared == column else "the log names it",
        direction=direction or (direction_in(column) if column else None),
        status=status,
        description=description,
        commit=commit,
        memory=_but(memory, column),
        seconds=_but(seconds, column),
        troubles=columns.troubles(found, status.column),
    )


def _called(column: str | None) -> str:
    """How a metric is called after its column."""
    return leaf(column) if column is not None and not column.startswith("column ") else NAMELESS


def _but(choice: Choice, metric: str | None) -> Choice:
    """The choice, unless its column is the metric."""
    return Choice(None, "it is the metric") if choice.column is not None and choice.column == metric else choice


def _declared(parts: Sequence[Part], wishes: Wishes) -> tuple[str | None, Direction | None]:
    """The metric that most rows were measured by, as the log declares it, and its direction."""
    rows: Counter[str | None] = Counter()
    for part in parts:
        rows[part.metric] += len(part.rows)
    named = {name: count for name, count in rows.items() if name is not None}
    name = wishes.metric if wishes.metric in named else max(named, key=lambda each: named[each], default=None)
    directions = [part.direction for part in parts if part.direction is not None and part.metric in (name, None)]
    return name, directions[-1] if directions else None


def _wished(found: Mapping[str, Column], wishes: Wishes, role: str) -> Choice | None:
    """The column that a person names for a role; None where they leave it open. Raises UnknownColumn."""
    name = wishes.columns.get(role)
    if name is None:
        return None
    if not name:
        return Choice(None, "as you say")
    folded = {known.casefold(): known for known in found}
    if name.casefold() in folded:
        return Choice(folded[name.casefold()], "as you say")
    placed = {str(column.place): column.name for column in found.values()}
    if name in placed:
        return Choice(placed[name], "as you say")
    raise UnknownColumn(f"there is no column {name!r} for {role}", hint=f"its columns: {', '.join(found)}")


def _said(column: Column, wishes: Wishes) -> Sequence[Verdict | None]:
    """What every row's status says."""
    words = [" ".join(cell.casefold().split()) for cell in column.cells]
    return [
        wishes.words.get(word) or columns.said(column, cell) for word, cell in zip(words, column.cells, strict=True)
    ]
