"""Logs of other systems as a back-test sees them: experiments in order, and what was written of each before it ran.

Two rules keep out what leaks. Both look at words and numbers alone and know no file:

* A description *states its outcome* where it has a word that says how a run ended (`TELLING`), or a number that is the
  row's own metric to as many digits as it is written with. Such rows are predicted by nobody; they stay in the history.
* A log's descriptions count as *written before the run* where at most a fifth of those of its keeps, and of its other
  rows, state their outcome, or where their column is called a hypothesis, an idea, a proposal or a plan. A column
  called notes, a remark or a summary was written after.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deep_loop.adapters.analysts.scales import number
from deep_loop.core.likeness import words
from deep_loop.core.metric import Metric
from deep_loop.core.prospect import Prospect, Tried, moves
from deep_loop.errors import DeepLoopError
from deep_loop.foreign.entries import Entry
from deep_loop.foreign.reading import Reading, read
from deep_loop.foreign.wording import changes, kind

FOLDER = "DEEP_LOOP_BACKTEST_LOGS"  # a folder of logs to use instead of the public ones
PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "autoresearch-logs"
TOLD = 0.2  # of a log's descriptions may state their outcome
BEFORE = frozenset(("hypothesis", "idea", "proposal", "plan"))
AFTER = frozenset(("notes", "note", "remark", "remarks", "summary", "comment", "comments", "review", "findings"))
LEAST_DIGITS = 3  # that make a number in a description the row's own metric

TELLING = re.compile(
    r"""
    \b(?: worse | worst | hurts? | hurting | regress(?:ion|ions|ed|es) | revert(?:ed|s)? | discard(?:ed)?
        | crash(?:ed|es)? | oom | traceback | \w*error: | fail(?:ed|s|ure) | diverge[sd] | nan | neutral
        | catastroph\w+ | underfits | overfits | confirmed | unnecessary | slower | degrade[sd] | helped | helps
        | beats | kept | tie[sd]? | collapsed | timed\ out | timeout | infeasible | out\ of\ memory | new\ best
        | did(?:n't|\ not) | same\ as | sweet\ spot | marginal(?:ly)?
        | within\ (?:\w+\ )?noise
        | no\ (?:improvement|gain|benefit|help|effect|change|difference)
        | (?:slight(?:ly)?|tiny|small|big|huge|major)\ (?:improvement|gain|win|loss)
        | not\ (?:worth|better|improved|helpful)
        | too\ (?:high|low|slow|much|aggressive|few|many|small|large|big|short|long|late|early|noisy|weak|strong
               |narrow|wide|expensive|complex)
    )\b
    | \bimproved\b (?= \s* (?: $ | [!,.;)] | (?:by|to|from|over)\b ) )
    | Δ | [-+−]\d+(?:\.\d+)?\ ?% | \[GPU: | \[return\ code
    """,
    re.IGNORECASE | re.VERBOSE,
)
_DECIMAL = re.compile(r"\d+\.\d{2,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One decided experiment of a log that is no baseline."""

    line: int
    text: str  # its description
    tried: Tried
    value: float | None
    base: float | None  # the value of what was kept last before it
    commit: str
    states_outcome: bool


@dataclass(frozen=True, slots=True)
class Log:
    """One log."""

    name: str  # of its file
    repository: str
    metric: Metric
    rows: tuple[Row, ...]  # in the order of the file
    before: bool  # whether its descriptions were written before the run


def folder() -> Path:
    """Where the logs are; the environment's `DEEP_LOOP_BACKTEST_LOGS`, else the public ones."""
    return Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else PUBLIC


@cache
def logs(where: Path, every: int = 1) -> tuple[Log, ...]:
    """Each `every`-th log of a folder, by name. Files that are no logs are left out."""
    index = where / "INDEX.tsv"
    named: dict[str, str] = {}
    if index.exists():
        with index.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            named = {row["file"]: row["repo"] for row in rows}
    paths = sorted(path for path in where.iterdir() if path.suffix in (".tsv", ".csv", ".jsonl") and path != index)
    found = []
    for path in paths[::every]:
        try:
            reading = read(path.read_bytes())
        except DeepLoopError:
            continue
        found.append(log(path.name, named.get(path.name) or "/".join(path.name.split("__")[:2]), reading))
    return tuple(found)


def log(name: str, repository: str, reading: Reading) -> Log:
    """A reading as a back-test sees it."""
    rows: list[Row] = []
    best: float | None = None
    for entry in reading.entries:
        if entry.opens:
            best = None
        if entry.verdict != "baseline":
            rows.append(_row(entry, best, reading.metric))
        if entry.verdict in ("keep", "baseline") and entry.value is not None:
            best = entry.value
    column = next(taken.column for taken in reading.taken if taken.role == "description")
    return Log(name, repository, reading.metric, tuple(rows), column is not None and _before(column, rows))


def _row(entry: Entry, best: float | None, metric: Metric) -> Row:
    text = entry.rationale.split("\n")[0] if entry.title.endswith("…") and entry.rationale else entry.title
    gain = None
    if entry.value is not None and best and entry.verdict != "crash":
        gain = metric.gain(entry.value, best) / abs(best)
    tried = Tried(prospect(text), entry.verdict == "keep", entry.verdict == "crash", gain)
    return Row(entry.line, text, tried, entry.value, best, entry.commit, states_outcome(text, entry.value))


def prospect(text: str) -> Prospect:
    """What a description tells of a change before it runs."""
    moved = changes(text)
    sources = [source for change in moved for source in (change.before, change.after)]
    return Prospect(words(text, kind(text, moved)), moves(moved, {source: number(source) for source in sources}))


def states_outcome(text: str, value: float | None) -> bool:
    """Whether a description says how its run ended."""
    if TELLING.search(text) or text == "(no description)":
        return True
    return value is not None and any(_is(value, found) for found in _DECIMAL.findall(text))


def _is(value: float, written: str) -> bool:
    whole, _, fraction = written.partition(".")
    digits = (whole + fraction).lstrip("0")
    return len(digits) >= LEAST_DIGITS and abs(float(written) - value) <= 0.501 * 10.0 ** -len(fraction)


def _before(column: str, rows: Sequence[Row]) -> bool:
    name = re.split(r"[.\s_-]", column.casefold())[-1]
    if name in AFTER:
        return False
    parts = [[row.states_outcome for row in rows if row.tried.kept is kept] for kept in (True, False)]
    return name in BEFORE or all(sum(part) <= TOLD * len(part) for part in parts)
