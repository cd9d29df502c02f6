"""Which column is the metric, and which way it is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deep_loop.core.metric import Direction, Metric
from deep_loop.foreign.columns import Column
from deep_loop.foreign.names import direction, metric_score
from deep_loop.foreign.verdicts import Verdict

ENOUGH = 3  # comparisons that show a direction
CLEAR = 0.2  # by which one direction must fit the decisions better than the other
NEARLY_ALL, MANY = 0.9, 5  # of the keeps, by which decisions overrule a name
FOLLOWED = 4.0  # what it counts that decisions follow a column, beside its name
ZEROS = 0.8  # share of the crashes with a number that say 0, where 0 means that there is none
COVERED = 0.5  # share of the rows that ran, that a metric has a value for


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a direction explains what was kept: of so many comparisons with the row kept before, so many agree."""

    agree: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1; a half of none."""
        return self.agree / self.of if self.of else 0.5


@dataclass(frozen=True, slots=True)
class Chosen:
    """The metric's column, name and direction, and why."""

    column: str | None
    name: str
    direction: Direction
    why: str  # the column
    why_direction: str
    doubt: str = ""  # where name and decisions contradict each other, or neither says anything


def fit(verdicts: Sequence[Verdict | None], values: Sequence[float | None], way: Direction) -> tuple[Fit, Fit]:
    """How well the direction explains the keeps, and the discards: a keep is better than the last one, a discard not.

    Values that are equal say nothing.
    """
    metric = Metric("", way)
    best: float | None = None
    keeps, discards = [0, 0], [0, 0]
    for said, value in zip(verdicts, values, strict=True):
        if value is None:
            continue
        if best is not None and said in ("keep", "discard") and value != best:
            better = metric.gain(value, best) > 0
            tally = keeps if said == "keep" else discards
            tally[0] += better is (said == "keep")
            tally[1] += 1
        if said in ("keep", "baseline"):
            best = value
    return Fit(*keeps), Fit(*discards)


def without_zeros(verdicts: Sequence[Verdict | None], values: Sequence[float | None]) -> Sequence[float | None]:
    """The values, without zeros where the log writes 0 for no value: it does so for nearly all crashes."""
    crashed = [value for said, value in zip(verdicts, values, strict=True) if said == "crash" and value is not None]
    if not crashed or crashed.count(0.0) < ZEROS * len(crashed):
        return values
    return [None if value == 0 else value for value in values]


def choose(
    found: Mapping[str, Column],
    taken: Sequence[str | None],
    verdicts: Sequence[Verdict | None],
    named: str | None = None,
) -> tuple[str | None, str]:
    """The metric's column and why: the one that is named so, else the likeliest number; None where there is none.

    A name counts most, then whether decisions followed the values, then whether it stands before other numbers.
    """
    if named is not None and named in found:
        return named, "it is named as the metric"
    numeric = [c for c in found.values() if c.name not in taken and c.numeric > 0.5 and len(set(c.filled)) > 0]
    if not numeric:
        return None, "no column holds numbers that could be one"
    scores = {column.name: _score(column, place, verdicts) for place, column in enumerate(numeric)}
    name = max(scores, key=lambda name: scores[name])
    if scores[name] < 0.5:
        return None, "no column of numbers looks like one"
    return name, "by its name and place" if len(numeric) > 1 else "the only column of numbers"


def _score(column: Column, place: int, verdicts: Sequence[Verdict | None]) -> float:
    """How likely this is the metric; `place` counts columns of numbers from 0."""
    points = metric_score(column.name) + (1.0 if place == 0 else max(0.0, 0.8 - 0.2 * place))
    if column.name.startswith("column "):
        points += 1.5 if any(value is not None and value % 1 for value in column.numbers) else 0.0
    ran = [value for said, value in zip(verdicts, column.numbers, strict=True) if said not in ("crash", "aside", None)]
    ran = ran or list(column.numbers)
    covered = sum(value is not None for value in ran) / len(ran)
    points -= 4.0 * max(0.0, COVERED - covered)
    points -= 2.0 if len({value for value in column.numbers if value is not None}) == 1 and len(ran) > 3 else 0.0
    values = without_zeros(verdicts, column.numbers)
    sense = direction(column.name)
    ways = (sense.direction,) if sense is not None and sense.sure else tuple(Direction)
    best = max((_both(fit(verdicts, values, way)) for way in ways), key=lambda one: one.share)
    return points + (FOLLOWED * (best.share - 0.5) if best.of >= ENOUGH else 0.0)


def decide(
    name: str, declared: Direction | None, verdicts: Sequence[Verdict | None], values: Sequence[float | None]
) -> tuple[Direction, str, str]:
    """The direction, why, and a doubt about it ("" where there is none).

    What the log declares holds, then a name that leaves no doubt, unless nearly all keeps say otherwise; then what
    was kept; then a name that is a hint.
    """
    fits = {way: fit(verdicts, values, way) for way in Direction}
    sense, shown = direction(name), seen(verdicts, values)
    kept = f"{_told(fits[shown])} go that way" if shown else ""
    other = f"but {_told(fits[shown])} go the other way" if shown else ""
    if declared is not None:
        against = shown is not None and shown is not declared and _nearly_all(fits[shown][0])
        return declared, "the log says so", other if against else ""
    if sense is not None and (shown is None or shown is sense.direction):
        return sense.direction, "by its name" + (f"; {kept}" if kept else ""), ""
    if sense is not None and sense.sure and shown is not None and not _nearly_all(fits[shown][0]):
        return sense.direction, "by its name", other
    if shown is not None:
        return shown, kept, "its name would say the other way" if sense is not None and sense.sure else ""
    return Direction.MINIMIZE, "a guess", "nothing in the log says which way is better (`--direction max` if higher is)"


def seen(verdicts: Sequence[Verdict | None], values: Sequence[float | None]) -> Direction | None:
    """The direction that decisions show: by the keeps, else by keeps and discards; None where they do not."""
    lower, higher = (fit(verdicts, values, way) for way in Direction)
    for way, own, other in ((Direction.MINIMIZE, lower, higher), (Direction.MAXIMIZE, higher, lower)):
        if own[0].of >= ENOUGH and own[0].share - other[0].share >= CLEAR:
            return way
    for way, own, other in ((Direction.MINIMIZE, lower, higher), (Direction.MAXIMIZE, higher, lower)):
        if _both(own).of >= ENOUGH and _both(own).share - _both(other).share >= CLEAR:
            return way
    return None


def _told(fits: tuple[Fit, Fit]) -> str:
    """`12 of 14 keeps`; of the discards where nothing was kept that could be compared."""
    kept, discarded = fits
    return f"{kept.agree} of {kept.of} keeps" if kept.of else f"{discarded.agree} of {discarded.of} discards"


def _both(fits: tuple[Fit, Fit]) -> Fit:
    return Fit(fits[0].agree + fits[1].agree, fits[0].of + fits[1].of)


def _nearly_all(keeps: Fit) -> bool:
    return keeps.of >= MANY and keeps.share >= NEARLY_ALL
