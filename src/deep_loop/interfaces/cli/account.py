"""What `deep-loop import` tells of the logs that it read: as text, and as JSON."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deep_loop.core.metric import Direction
from deep_loop.interfaces.cli import words

if TYPE_CHECKING:
    from deep_loop.foreign.doubts import Doubt
    from deep_loop.foreign.reading import Reading
    from deep_loop.foreign.sheet import Unread
    from deep_loop.intake import Imported, Intake

LISTED = 12  # rows that are told one by one, of those with one reason; of the others the lines
FATES = (("keep", "kept"), ("discard", "discarded"), ("crash", "crashed"))


def told(file: Imported) -> Iterator[str]:
    """One file: what was taken for what and why, the counts, and all that a person should look at."""
    reading = file.reading
    beside = f", beside {words.plural(len(reading.comments), 'line')} of remarks" if reading.comments else ""
    yield f"{file.path.name}: {words.plural(reading.rows, 'row')}, {reading.form}, {reading.encoding}{beside}"
    yield from _aligned(_table(reading))
    yield ""
    counts = [f"{reading.count(fate)} {word}" for fate, word in FATES]
    baselines = words.plural(reading.count("baseline"), "baseline")
    yield f"  {', '.join([*counts, baselines])}; {len(reading.aside)} set aside"
    for fate, word in FATES:
        said = reading.words.get(fate, Counter())
        if any(own and own.casefold() != fate for own in said):
            listed = ", ".join(f"{own or '(no word)'} {count}" for own, count in said.items())
            yield f"    {word}: {listed}"
    first, best = reading.first, reading.best
    if first is not None:
        yield f"  first {words.value(first.value)} ({reading.place} {first.line})" + (
            f", best kept {words.value(best.value)} ({reading.place} {best.line})" if best is not None else ""
        )
    yield from _section("to look at", _doubts(reading))
    yield from _section("set aside: rows that are no decided experiment", _listed(reading.aside, reading.place))
    if unknown := [row.status for row in reading.aside if row.status]:
        meaning = shlex.quote(f"{unknown[0]}=discard")
        yield f"    to enter such rows: --status {meaning}, or what else it means"
    yield from _section("not read", _listed(reading.unread, reading.place))


def concluded(intake: Intake, *, dry: bool) -> Iterator[str]:
    """What came of it, and what to type next."""
    known = sum(file.known for file in intake.files)
    entered = words.plural(intake.new, "experiment")
    there = f"; {known} were there already" if known else ""
    if dry:
        yield f"would enter {entered} into the study {intake.tag}{there}; nothing was changed"
        return
    if not intake.new and not known:
        yield "nothing was entered: no row can be told to be an experiment; say what its columns are with --column"
        return
    if not intake.new:
        yield f"nothing new: the study {intake.tag} has these {words.plural(known, 'experiment')} already"
        return
    yield f"entered {entered} into the study {intake.tag}{there}"
    yield ""
    yield "next:"
    command = words.command()
    yield f"  {command} history --tag {intake.tag}"
    yield f"  {command} meta --tag {intake.tag}"
    yield f"  {command} run --tag NAME --learn-from {intake.tag}"


# --- parts -----------------------------------------------------------------------------------------


def _table(reading: Reading) -> Iterator[tuple[str, str, str]]:
    """What was taken for what, and why."""
    metric = reading.metric
    column = next(taken.column for taken in reading.taken if taken.role == "metric")
    if column is None:
        yield "metric", "–", f"{reading.why_metric}: the experiments have no values"
    else:
        yield "metric", metric.name + (f" (column {column})" if column != metric.name else ""), reading.why_metric
    if reading.measured:
        better = "lower" if metric.direction is Direction.MINIMIZE else "higher"
        yield "direction", f"{better} is better", reading.why_direction
    for taken in reading.taken:
        if taken.role != "metric":
            yield taken.role, taken.column or "–", taken.why


def _aligned(rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    every = list(rows)
    width = max(len(column) for _, column, _ in every)
    return (f"  {role:<12} {column:<{width}}  {why}".rstrip() for role, column, why in every)


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"  {title}"
        yield from (f"    {line}" for line in lines)


def _doubts(reading: Reading) -> list[str]:
    mended: dict[str, list[int]] = {}
    for line, how in reading.mended:
        mended.setdefault(how, []).append(line)
    found = [_doubt(doubt, reading.place) for doubt in reading.doubts]
    return found + [f"brought into line, {how}: {_places(lines, reading.place)}" for how, lines in mended.items()]


def _doubt(doubt: Doubt, place: str) -> str:
    return f"{doubt.text}: {_places(doubt.lines, place)}" if doubt.lines else doubt.text


def _listed(rows: Sequence[Unread], place: str) -> list[str]:
    """Each row with its line and reason; of many with one reason the first ones, then the lines of the others."""
    reasons: dict[str, list[Unread]] = {}
    for row in rows:
        reasons.setdefault(row.reason, []).append(row)
    found = []
    for reason, same in reasons.items():
        found += [
            f"{place} {row.line}: {reason}: {words.clip(' '.join(row.text.split()), 60)}" for row in same[:LISTED]
        ]
        if rest := same[LISTED:]:
            found.append(f"{reason}, too: {_places([row.line for row in rest], place)}")
    return found


def _places(lines: Sequence[int], place: str) -> str:
    """`line 3`, `lines 3, 7 to 9`: every one, in few words."""
    spans: list[list[int]] = []
    for line in sorted(set(lines)):
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    parts = [str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a} to {b}" for a, b in spans]
    many = place if len(set(lines)) == 1 else f"{place[:-1]}ies" if place.endswith("y") else f"{place}s"
    return f"{many} {', '.join(parts)}"


def plain(intake: Intake, *, dry: bool) -> dict[str, object]:
    """The account as JSON has it."""
    return {
        "tag": intake.tag,
        "study": intake.study,
        "entered": 0 if dry else intake.new,
        "files": [_file(file) for file in intake.files],
    }


def _file(file: Imported) -> dict[str, object]:
    reading = file.reading
    first, best = reading.first, reading.best
    columns = {taken.role: taken.column for taken in reading.taken}
    return {
        "file": str(file.path),
        "form": reading.form,
        "encoding": reading.encoding,
        "metric": None if columns["metric"] is None else reading.metric.name,
        "direction": None if columns["metric"] is None else reading.metric.direction.value,
        "columns": columns,
        "why": {**{taken.role: taken.why for taken in reading.taken}, "direction": reading.why_direction},
        "words": {fate: dict(said) for fate, said in reading.words.items()},
        "rows": reading.rows,
        **{fate: reading.count(fate) for fate in ("keep", "discard", "crash", "baseline")},
        "aside": [{"line": row.line, "reason": row.reason, "text": row.text} for row in reading.aside],
        "unread": [{"line": row.line, "reason": row.reason, "text": row.text} for row in reading.unread],
        "doubts": [{"text": doubt.text, "lines": list(doubt.lines)} for doubt in reading.doubts],
        "mended": [{"line": line, "how": how} for line, how in reading.mended],
        "first": first.value if first is not None else None,
        "best": best.value if best is not None else None,
        "new": file.new,
        "known": file.known,
    }
