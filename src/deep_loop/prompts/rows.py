"""Single experiments, constants and causes as lines of a block."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from deep_loop.core.earlier import Finding
from deep_loop.core.experiment import Change, is_baseline, is_keep, kind
from deep_loop.core.lessons import Lesson
from deep_loop.ports import Files
from deep_loop.prompts.account import Move, Result, Tally
from deep_loop.prompts.fence import cut, line
from deep_loop.prompts.figures import count, fate, gained, number, percent

TITLE = 160  # characters
REASON = 200
DIFF = 1500  # characters of one change
LONGEST = 4000  # lines of a file whose changes are looked for: that takes time that grows with their square

LESSON = "study | kind | kept | mean gain there, 95 % | constants as kept there | experiments there, kept"
NAMED = 4  # experiments of one lesson, the latest
FOUND = "fate there | gain there | kind | change"
ROW = "number | status | kind | base | result | title | reason"


def row(result: Result) -> str:
    """An experiment on one line, in the columns of `ROW`."""
    idea = result.experiment.proposal.idea
    cells = (
        f"#{result.number}",
        fate(result),
        kind(result.experiment),
        _base(result),
        gained(result),
        idea.title,
        _reason(result),
    )
    return " | ".join(_cell(cell, TITLE) for cell in cells)


def full(result: Result, rationale: int) -> str:
    """An experiment with what was said before it ran and what came of it; `rationale` in characters."""
    proposal, idea = result.experiment.proposal, result.experiment.proposal.idea
    taken = [idea.hypothesis] if idea.hypothesis else []
    taken += [f"suggestion {idea.suggestion}"] if idea.suggestion is not None else []
    fields = (
        ("kind", ", ".join([kind(result.experiment), f"by {proposal.proposer}", *taken])),
        ("changes", changes(idea.changes)),
        ("rationale", line(idea.rationale, rationale)),
        ("expected", line(idea.expected, 120)),
        ("result", _result(result)),
        ("reason", _reason(result)),
    )
    heading = f"#{result.number} {fate(result)}, on {_base(result)}: {line(idea.title, TITLE)}"
    return "\n".join([heading, *(f"  {name}: {line(text)}" for name, text in fields if text)])


def found(finding: Finding) -> str:
    """What another study found, on one line, in the columns of `FOUND`."""
    gain = percent(finding.gain) if finding.gain is not None else "-"
    cells = ("kept" if finding.kept else "discarded", gain, finding.kind, finding.title)
    return " | ".join(_cell(cell, TITLE) for cell in cells)


def lesson(found: Lesson) -> str:
    """What another study found of a kind of change, on one line, in the columns of `LESSON`."""
    gain = "-" if found.gain is None else percent(found.gain)
    if found.low is not None and found.high is not None:
        gain += f" ({percent(found.low)} to {percent(found.high)})"
    kept = f"{found.kept} of {found.tried}"
    numbers = ", ".join(f"#{number}" for number in found.experiments[-NAMED:])
    cells = (found.tag, found.kind, kept, gain, changes(found.moves), numbers)
    return " | ".join(_cell(cell, TITLE) for cell in cells)


def tally(found: Tally) -> str:
    """A kind's line: kind | tried | kept | crashed | best | worst."""
    ends = [f"{gained(one)} #{one.number}" if one else "-" for one in (found.best, found.worst)]
    cells = (found.kind, str(found.tried), str(found.kept), str(found.crashed), *ends)
    return " | ".join(_cell(cell, 60) for cell in cells)


def constant(name: str, moves: Sequence[Move], most: int) -> str:
    """A constant with the values that it was set to, the latest first; of those that are left out, the best."""
    earlier = moves[most:]
    parts = [_move(move) for move in moves[:most]]
    if earlier:
        measured = [move for move in earlier if move.result.share is not None]
        best = max(measured, key=lambda move: move.result.share or 0.0, default=None)
        parts.append(f"{count(len(earlier), 'value')} before" + (f", the best of them {_move(best)}" if best else ""))
    return f"{line(name, 60)}: {'; '.join(parts)}"


def crash(results: Sequence[Result]) -> str:
    """A cause of crashes, how often it struck, and the latest changes that it struck."""
    latest = "; ".join(f"#{one.number} {line(one.experiment.proposal.idea.title, 80)}" for one in results[:3])
    times = f" ({len(results)} times)" if len(results) > 1 else ""
    return f"{_reason(results[0])}{times}: {latest}"


def changes(moved: Sequence[Change]) -> str:
    """Constants with their old and new values."""
    return cut(", ".join(f"{line(one.name, 60)} {line(one.before, 40)} -> {line(one.after, 40)}" for one in moved), 300)


def diff(before: Files, after: Files) -> str:
    """A change line by line, bounded; empty where it is too large to be told that way."""
    rows: list[str] = []
    for path in sorted({*before, *after}):
        old, new = before.get(path, "").splitlines(), after.get(path, "").splitlines()
        if old != new and max(len(old), len(new)) <= LONGEST:
            rows += [f"{path}:", *list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]]
    return cut("\n".join(rows), DIFF)


def _result(result: Result) -> str:
    if result.value is None or result.share is None:
        return gained(result)
    runs = [run for run in result.experiment.measurements if run.role in ("first", "fresh")]
    return f"{gained(result)}: {number(result.value)}, {count(len(runs), 'run')}"


def _move(move: Move) -> str:
    return f"{line(move.change.after, 40)}{'' if move.alone else '+'} {_short(move.result)} (#{move.result.number})"


def _short(result: Result) -> str:
    if result.share is None:
        return fate(result)
    return percent(result.share) + (", kept" if is_keep(result.experiment) else "")


def _base(result: Result) -> str:
    parent = result.experiment.proposal.parent
    return f"#{parent}" if not is_baseline(result.experiment) else "the person's code"


def _reason(result: Result) -> str:
    decision = result.experiment.decision
    return line(decision.reason, REASON) if decision else ""


def _cell(text: str, limit: int) -> str:
    """One cell: a bar inside would look like the next one."""
    return line(text, limit).replace("|", "/") or "-"
